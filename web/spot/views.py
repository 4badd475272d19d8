"""Orders and trades → the spot API's fields, in their order. Steps and units become text here."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec.structs import astuple

from shards.model import ids
from shards.model.decimals import format_plain
from shards.model.markets import Market
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade
from web.exchange.catalog import Catalog
from web.exchange.fields import Amount, Milliseconds, Name, Price, Seconds, Uuid
from web.http.described import Described

SIDES: Final = {Side.BUY: "buy", Side.SELL: "sell"}
KINDS: Final = {Kind.LIMIT: "limit", Kind.MARKET: "market"}
TIMES_IN_FORCE: Final = {TimeInForce.GTC: "gtc", TimeInForce.IOC: "ioc", TimeInForce.POST_ONLY: "post_only"}
STATUSES: Final = {status: status.name.lower() for status in Status}

SideText = Annotated[str, Described("Side")]
OrderType = Annotated[str, Described("OrderType")]
TimeInForceText = Annotated[str, Described("TimeInForce")]
OrderStatus = Annotated[str, Described("OrderStatus")]
RejectReason = Literal["SELF_TRADE", "POST_ONLY_REJECT"]

_REJECT_REASONS: Final[dict[EndReason, RejectReason]] = {
    EndReason.SELF_TRADE: "SELF_TRADE",
    EndReason.POST_ONLY: "POST_ONLY_REJECT",
}


class OrderView(msgspec.Struct, gc=False):
    """The spot order object."""

    id: Uuid
    symbol: Name
    side: SideText
    type: OrderType
    tif: TimeInForceText
    price: Price | None
    quantity: Amount | None
    quote_quantity: Amount | None
    filled_qty: Amount
    avg_fill_price: Price
    status: OrderStatus
    reject_reason: RejectReason | None
    created_at: Seconds
    updated_at: Seconds


class FillView(msgspec.Struct, gc=False):
    """A trade, as seen by the order being placed."""

    trade_id: Uuid
    price: Price
    quantity: Amount
    fee: Amount
    fee_token: Name


class PlacedView(OrderView, gc=False):
    """The response to a new order."""

    fills: list[FillView]


class OwnTradeView(msgspec.Struct, gc=False):
    """A trade, as seen by one of its two accounts."""

    trade_id: Uuid
    symbol: Name
    price: Price
    quantity: Amount
    side: SideText
    fee: Amount
    fee_token: Name
    role: Literal["maker", "taker"]
    order_id: Uuid
    ts: Seconds


class TradeView(msgspec.Struct, gc=False):
    """A trade, as published."""

    trade_id: Uuid
    symbol: Name
    side: SideText
    price: Price
    quantity: Amount
    ts: Milliseconds


class SpotRenderer:
    """Renders orders and trades of one catalog's markets."""

    def __init__(self, catalog: Catalog, id_key: bytes) -> None:
        self._markets = catalog.by_number
        self._id_key = id_key

    def order(self, order: Order) -> OrderView:
        market = self._markets[order.market]
        return OrderView(
            id=ids.to_uuid(order.id, self._id_key),
            symbol=market.symbol,
            side=SIDES[order.side],
            type=KINDS[order.kind],
            tif=TIMES_IN_FORCE[order.tif],
            price=market.format_price(order.price) if order.kind is Kind.LIMIT else None,
            quantity=market.format_quantity(order.quantity) if order.quantity else None,
            quote_quantity=format_plain(order.quote_quantity, market.quote_decimals) if order.quote_quantity else None,
            filled_qty=market.format_quantity(order.filled),
            avg_fill_price=market.format_average(order.filled_value, order.filled),
            status=STATUSES[order.status],
            reject_reason=_REJECT_REASONS[order.end_reason] if order.status is Status.REJECTED else None,
            created_at=order.created_ms // 1_000,
            updated_at=order.updated_ms // 1_000,
        )

    def placed(self, order: Order, trades: list[Trade]) -> PlacedView:
        """The order object and its trades."""
        market = self._markets[order.market]
        fills = [self._fill(market, order, trade) for trade in trades]
        fields = *astuple(self.order(order)), fills
        return PlacedView(*fields)

    def own_trade(self, trade: Trade, account: str) -> OwnTradeView:
        """A trade from the side of ``account``."""
        market = self._markets[trade.market]
        taker = trade.taker_account == account
        side = trade.taker_side if taker else _opposite(trade.taker_side)
        return OwnTradeView(
            trade_id=ids.to_uuid(trade.id, self._id_key, ids.TRADE),
            symbol=market.symbol,
            price=market.format_price(trade.price),
            quantity=market.format_quantity(trade.quantity),
            side=SIDES[side],
            fee=_fee(market, side, trade.taker_fee if taker else trade.maker_fee),
            fee_token=_received(market, side),
            role="taker" if taker else "maker",
            order_id=ids.to_uuid(trade.taker_order if taker else trade.maker_order, self._id_key),
            ts=trade.time_ms // 1_000,
        )

    def trade(self, trade: Trade) -> TradeView:
        """A trade without its accounts."""
        market = self._markets[trade.market]
        return TradeView(
            trade_id=ids.to_uuid(trade.id, self._id_key, ids.TRADE),
            symbol=market.symbol,
            side=SIDES[trade.taker_side],
            price=market.format_price(trade.price),
            quantity=market.format_quantity(trade.quantity),
            ts=trade.time_ms,
        )

    def _fill(self, market: Market, order: Order, trade: Trade) -> FillView:
        fee = trade.taker_fee if trade.taker_order == order.id else trade.maker_fee
        return FillView(
            trade_id=ids.to_uuid(trade.id, self._id_key, ids.TRADE),
            price=market.format_price(trade.price),
            quantity=market.format_quantity(trade.quantity),
            fee=_fee(market, order.side, fee),
            fee_token=_received(market, order.side),
        )


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _received(market: Market, side: Side) -> str:
    return market.base if side is Side.BUY else market.quote


def _fee(market: Market, side: Side, units: int) -> str:
    return format_plain(units, market.base_decimals if side is Side.BUY else market.quote_decimals)
