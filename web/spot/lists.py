"""The caller's spot orders, trades and balances."""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from flask import Blueprint, Response

from shards.model import ids
from shards.model.markets import Market, Product
from shards.model.queries import GetBalances, GetOrder, ListOrders, ListTrades
from shards.model.replies import BalancesReply
from shards.model.span import NO_BOUND, Span
from web.auth import READ, caller
from web.exchange import history
from web.exchange.balances import BalanceView, render_balances
from web.http.errors import invalid
from web.http.request import query_parameters
from web.http.responses import answer
from web.services import services
from web.spot.limits import LIST_DEFAULT, LIST_MAX
from web.spot.views import STATUSES, SpotRenderer

blueprint: Final = Blueprint("spot_lists", __name__, url_prefix="/api/v1/spot")

_STATUSES: Final = {text: status for status, text in STATUSES.items()}


class BalancesView(msgspec.Struct, gc=False):
    """The caller's wallets."""

    balances: list[BalanceView]


@blueprint.get("/orders")
def list_orders() -> Response:
    """The caller's orders, newest first."""
    call = _ListCall()
    status = call.read_status()
    span = call.read_span(call.locate_order)
    query = ListOrders(
        account=call.account,
        limit=span.limit,
        market=call.market_number,
        status=status,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        before_ms=span.before_ms,
        before_id=span.before_id,
        product=Product.SPOT,
    )
    orders = history.list_orders(call.gateway, call.shards(), query)
    renderer = call.renderer()
    return answer([renderer.order(order) for order in orders])


@blueprint.get("/trades/me")
def list_trades() -> Response:
    """The caller's trades, newest first."""
    call = _ListCall()
    span = call.read_span(call.locate_trade)
    query = ListTrades(
        account=call.account,
        limit=span.limit,
        market=call.market_number,
        start_ms=span.start_ms,
        end_ms=span.end_ms,
        before_ms=span.before_ms,
        before_id=span.before_id,
        product=Product.SPOT,
    )
    trades = history.list_trades(call.gateway, call.shards(), query)
    renderer = call.renderer()
    return answer([renderer.own_trade(trade, call.account) for trade in trades])


@blueprint.get("/balances")
def balances() -> Response:
    """The caller's wallets."""
    principal = caller(READ)
    at = services()
    reply = at.gateway.ask(BalancesReply, at.gateway.account_shard(principal.account), GetBalances(principal.account))
    return answer(BalancesView(render_balances(reply, at.catalog())))


class _ListCall:
    """A caller's request for a list. Each parameter is read when its turn in the order of checks comes."""

    def __init__(self) -> None:
        self.account = caller(READ).account
        self._at = services()
        self.gateway = self._at.gateway
        self._catalog = self._at.catalog()
        self._parameters = query_parameters()
        self._market = self._read_market()

    @property
    def market_number(self) -> int:
        """0: all markets."""
        return self._market.number if self._market is not None else 0

    def shards(self) -> Sequence[int]:
        """Numbers of the shards to query."""
        markets = self._at.catalog().spot.values() if self._market is None else [self._market]
        return history.market_shards(self.gateway, markets)

    def renderer(self) -> SpotRenderer:
        """For the current catalog: a market may be new since the request began."""
        return SpotRenderer(self._at.catalog(), self._at.id_key)

    def read_status(self) -> int:
        """0: any."""
        text = self._parameters.get("status")
        if text is None:
            return 0
        if text not in _STATUSES:
            raise invalid("status")
        return _STATUSES[text]

    def read_span(self, locate: Callable[[str], tuple[int, int]]) -> Span:
        """``start`` and ``end``, in seconds and inclusive, ``limit``, ``before``, whose position ``locate`` finds."""
        start_ms = min(self._parameters.get_long("start", 0) * 1_000, NO_BOUND)
        end_ms = min(self._parameters.get_long("end", NO_BOUND) * 1_000 + 999, NO_BOUND)
        limit = self._parameters.get_limit(LIST_DEFAULT, LIST_MAX)
        before = self._parameters.get("before")
        before_ms, before_id = (NO_BOUND, 0) if before is None else locate(before)
        return Span(limit, start_ms, end_ms, before_ms, before_id)

    def locate_order(self, text: str) -> tuple[int, int]:
        """Position in the list of an order, which must be the caller's."""
        number, market = self._read_id(text, ids.ORDER)
        order = history.find_order(self.gateway, market, GetOrder(number))
        if order is None or order.account != self.account:
            raise invalid("before")
        return order.created_ms, order.id

    def locate_trade(self, text: str) -> tuple[int, int]:
        """Position in the list of a trade, which must be the caller's."""
        number, market = self._read_id(text, ids.TRADE)
        trade = history.find_trade(self.gateway, market, number)
        if trade is None or self.account not in (trade.taker_account, trade.maker_account):
            raise invalid("before")
        return trade.time_ms, trade.id

    def _read_market(self) -> Market | None:
        symbol = self._parameters.get("symbol")
        if symbol is None:
            return None
        if symbol not in self._catalog.spot:
            raise invalid("symbol")
        return self._catalog.spot[symbol]

    def _read_id(self, text: str, kind: bytes) -> tuple[int, Market]:
        number = ids.from_uuid(text, self._at.id_key, kind)
        market = self._catalog.spot_market_of(ids.market_of(number)) if number is not None else None
        if number is None or market is None:
            raise invalid("before")
        return number, market
