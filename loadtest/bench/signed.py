"""A trader's requests as bytes on the wire, signed when they are made."""

from collections.abc import Sequence
from typing import Final

from loadtest.accounts import Account
from loadtest.signing import add_signature, stamp
from shards.model.orders import NewOrder, Order, Side

RECV_WINDOW_MS: Final = 60_000  # futures requests are signed long before the last of them is sent
_HOST: Final = "Host: 127.0.0.1\r\n"


def plain() -> bytes:
    """The request to the baselines."""
    return f"GET / HTTP/1.1\r\n{_HOST}\r\n".encode()


def cancel(trader: Account, symbol: str, order: Order) -> bytes:
    """Cancel a futures order by its id."""
    return _futures("DELETE", "order", f"symbol={symbol}&orderId={order.id}", trader)


def cancel_by_client_id(trader: Account, symbol: str, client_id: str) -> bytes:
    """Cancel a futures order by its client id."""
    return _futures("DELETE", "order", f"symbol={symbol}&origClientOrderId={client_id}", trader)


def place(trader: Account, symbol: str, new: NewOrder) -> bytes:
    """Place a futures order on a market with ticks of 0.1 and lots of 0.001."""
    price, quantity = f"{new.price // 10}.{new.price % 10}", f"{new.quantity // 1_000}.{new.quantity % 1_000:03}"
    side = "BUY" if new.side is Side.BUY else "SELL"
    terms = f"symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity={quantity}&price={price}"
    return _futures("POST", "order", f"{terms}&newClientOrderId={new.client_id}", trader)


def cancel_all(trader: Account, symbol: str) -> bytes:
    """Cancel all orders of a trader on a futures market."""
    return _futures("DELETE", "allOpenOrders", f"symbol={symbol}", trader)


def cancel_batch(trader: Account, symbol: str, orders: list[Order]) -> bytes:
    """Cancel up to ten futures orders by their ids."""
    return cancel_batch_of(trader, symbol, [order.id for order in orders])


def cancel_batch_of(trader: Account, symbol: str, order_ids: Sequence[int]) -> bytes:
    """Cancel up to ten futures orders with these ids."""
    listed = "%2C".join(map(str, order_ids))
    return _futures("DELETE", "batchOrders", f"symbol={symbol}&orderIdList=%5B{listed}%5D", trader)


def cancel_batch_named(trader: Account, symbol: str, client_ids: Sequence[str]) -> bytes:
    """Cancel up to ten futures orders with these client ids."""
    listed = "%2C".join(f"%22{client_id}%22" for client_id in client_ids)
    return _futures("DELETE", "batchOrders", f"symbol={symbol}&origClientOrderIdList=%5B{listed}%5D", trader)


def query(trader: Account, symbol: str, client_id: str) -> bytes:
    """Query a futures order by its client id."""
    return _futures("GET", "order", f"symbol={symbol}&origClientOrderId={client_id}", trader)


def cancel_spot(trader: Account, order: str) -> bytes:
    """Cancel a spot order by its public id."""
    return _signed("DELETE", f"/api/v1/spot/orders/{order}", "", trader)


def cancel_spot_by_token(trader: Account, order: str) -> bytes:
    """Cancel a spot order by its public id, with a bearer token."""
    head = f"DELETE /api/v1/spot/orders/{order} HTTP/1.1"
    return f"{head}\r\n{_HOST}Authorization: Bearer {trader.jwt}\r\n\r\n".encode()


def _futures(method: str, path: str, parameters: str, trader: Account) -> bytes:
    return _signed(method, f"/fapi/v1/{path}", f"{parameters}&recvWindow={RECV_WINDOW_MS}", trader)


def _signed(method: str, path: str, query: str, trader: Account) -> bytes:
    head = f"{method} {path}?{add_signature(trader.api_secret, stamp(query))} HTTP/1.1"
    return f"{head}\r\n{_HOST}X-MBX-APIKEY: {trader.api_key}\r\n\r\n".encode()
