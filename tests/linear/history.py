"""What clients saw of one market: what each asked, when, and what the answer was, in whole numbers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from shards.model.commands import Cancel, CancelAll, CancelByClientId, Place
from shards.model.ids import TRADE, from_uuid, to_uuid
from shards.model.markets import Market
from shards.model.orders import Order, Trade
from shards.model.queries import GetDepth, GetOrder
from shards.model.replies import DepthReply, OrderReply, OrdersReply, Rejected, Reply
from web.http.errors import SPOT_REFUSALS
from web.spot.views import KINDS, SIDES, STATUSES, TIMES_IN_FORCE

Requested = Place | Cancel | CancelByClientId | CancelAll | GetOrder | GetDepth
Answer = tuple[Any, ...]
UNKNOWN: Final = ("unknown",)


class Op(NamedTuple):
    """One call. Times are seconds of one monotonic clock."""

    requested: Requested
    answer: Answer  # UNKNOWN: it may have happened or not
    called: float
    ended: float  # the answer; if it is unknown: after this moment it does not happen any more
    number: int = 0  # of an order whose answer was lost, found by its client id afterwards: it has been placed

    @property
    def is_known(self) -> bool:
        """Whether it was answered."""
        return self.answer is not UNKNOWN

    @property
    def is_sure(self) -> bool:
        """Whether it has happened."""
        return self.is_known or bool(self.number)

    @property
    def is_pure(self) -> bool:
        """Whether it has changed nothing, wherever it took place: a query, or a cancel of nothing."""
        return isinstance(self.requested, GetOrder | GetDepth) or (
            self.is_known and is_nothing(self.requested, self.answer)
        )


def is_nothing(requested: Requested, answer: Answer) -> bool:
    """Whether a cancel has canceled nothing. (An order that was rejected has got a number.)"""
    return not isinstance(requested, Place) and (answer[0] == "refused" or answer == ("orders",))


# As the model tells it


def answer_of_model(reply: Reply) -> Answer:
    """A reply, without times, which the model does not know."""
    match reply:
        case Rejected(reason):
            return "refused", *SPOT_REFUSALS[reason]
        case OrderReply(order, trades):
            return "order", _order(order), *(_trade(trade) for trade in trades)
        case OrdersReply(orders):
            return "orders", *sorted(map(_order, orders))
        case DepthReply(_, bids, asks):
            return "depth", tuple(bids), tuple(asks)
    raise AssertionError(reply)


def _order(order: Order) -> Answer:
    words = SIDES[order.side], KINDS[order.kind], TIMES_IN_FORCE[order.tif], STATUSES[order.status]
    return order.id, *words, order.price, order.quantity, order.quote_quantity, order.filled


def _trade(trade: Trade) -> Answer:
    return trade.id, trade.price, trade.quantity, trade.taker_fee


# As HTTP tells it


class Reader:
    """Reads the answers of the spot API about one market."""

    def __init__(self, market: Market, id_key: bytes) -> None:
        self._market = market
        self._id_key = id_key
        self._tick = Decimal(market.format_price(1))
        self._lot = Decimal(market.format_quantity(1))

    def read(self, status: int, body: Any) -> Answer:
        """Any answer but one that leaves it unknown what happened."""
        if status != 200:
            return "refused", status, body["error"]
        if "canceled" in body:
            return "orders", *sorted(map(self._order, body["canceled"]))
        if "bids" in body:
            return "depth", self._levels(body["bids"]), self._levels(body["asks"])
        return "order", self._order(body), *(self._fill(fill) for fill in body.get("fills", ()))

    def _order(self, body: dict[str, Any]) -> Answer:
        quote = body["quote_quantity"]
        return (
            self.number(body["id"]),
            *(body[name] for name in ("side", "type", "tif", "status")),
            self._steps(body["price"], self._tick),
            self._steps(body["quantity"], self._lot),
            _units(quote, self._market.quote_decimals) if quote else 0,
            self._steps(body["filled_qty"], self._lot),
        )

    def _fill(self, fill: dict[str, str]) -> Answer:
        number = from_uuid(fill["trade_id"], self._id_key, TRADE)
        decimals = self._market.base_decimals if fill["fee_token"] == self._market.base else self._market.quote_decimals
        price, quantity = self._steps(fill["price"], self._tick), self._steps(fill["quantity"], self._lot)
        return number, price, quantity, _units(fill["fee"], decimals)

    def _levels(self, levels: Sequence[Sequence[str]]) -> Answer:
        return tuple((self._steps(price, self._tick), self._steps(quantity, self._lot)) for price, quantity in levels)

    def number(self, order_id: str) -> int:
        """The number in an order's id."""
        number = from_uuid(order_id, self._id_key)
        assert number is not None, f"{order_id} is no id of this exchange"
        return number

    def text(self, number: int) -> str:
        """The id of an order."""
        return to_uuid(number, self._id_key)

    @staticmethod
    def _steps(text: str | None, step: Decimal) -> int:
        return int(Decimal(text) / step) if text else 0


def _units(text: str, decimals: int) -> int:
    return int(Decimal(text).scaleb(decimals))
