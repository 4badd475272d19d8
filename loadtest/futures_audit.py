"""Audit of one account's futures calls against the exchange's statement afterwards."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Final, NamedTuple

from loadtest.answers import UNKNOWN_ORDER
from loadtest.cancels import Cancels, Told
from loadtest.findings import Names, check_ended, check_fills, check_limits, check_told, is_open
from loadtest.outcome import Outcome, error_of
from loadtest.placements import family, placements
from loadtest.positions import UNIT, Position
from loadtest.record import Call
from loadtest.statement import FuturesStatement, Opening, Row, read_positions

_NAMES: Final = Names(
    "executedQty",
    "origQty",
    tuple(
        "clientOrderId orderId origQty origType price reduceOnly side positionSide symbol timeInForce time"
        " parentOrderId takeProfitOrderId stopLossOrderId".split()
    ),
)
_RESTING: Final = ("GTC", "GTX")
_TIMEOUT: Final = "-1007"


class Fees(NamedTuple):
    """Fee rates of one account in one market, as fractions of the notional."""

    maker: Decimal
    taker: Decimal


class FuturesAudit:
    """One account, once no call is pending."""

    def __init__(self, calls: Sequence[Call], opening: Opening, fees: Mapping[str, Fees]) -> None:
        """``calls``: the account's on futures, in order. ``fees`` by symbol."""
        self._calls = calls
        self._opening = opening
        self._fees = fees
        self._told = {
            number: place
            for place, call in enumerate(calls)
            for _, told in placements(call)
            if "orderId" in told
            for number in family(told)
        }

    def findings(self, said: FuturesStatement) -> Iterator[str]:
        """All findings as texts."""
        yield from self._check_known(said)
        for call in self._calls:
            yield from self._check_call(call, said)
        yield from self._check_canceled(said)
        yield from self._check_expired(said)
        yield from self._check_cancel_all(said)
        yield from self._check_fills(said)
        yield from self._check_profits(said)

    # Orders

    def _check_known(self, said: FuturesStatement) -> Iterator[str]:
        """Every order was acknowledged, or its call has an unknown outcome, or it is attached to such an order."""
        unknown = {
            sent["newClientOrderId"]
            for call in self._calls
            for sent, told in placements(call)
            if "orderId" not in told and (call.outcome is Outcome.UNKNOWN or error_of(told) == _TIMEOUT)
        }
        known = set(self._told)
        for order in said.orders.values():
            if order["clientOrderId"] in unknown:
                known |= family(order)
        for number in said.orders.keys() - known:
            yield f"nobody was told of {said.orders[number]}"

    def _check_call(self, call: Call, said: FuturesStatement) -> Iterator[str]:
        if call.verb == "cancel" and call.error in UNKNOWN_ORDER:
            yield from check_ended(str(call), said.orders.get(call.sent["orderId"]))
        if call.status != 200:
            return
        told: list[Row] = []
        if call.verb in ("cancel", "cancel_batch"):
            told = [call.body] if call.verb == "cancel" else call.body
            for row in told:
                if is_open({"status": "", **row}):
                    yield f"{call}: told {row}"
        elif call.verb == "orders":
            told = [row for row in call.body if row["time"] >= self._opening.time_s * 1_000]
        else:
            told = [row for _, row in placements(call)]
        for row in told:
            if not error_of(row):
                yield from check_told(_NAMES, row, said.orders.get(row["orderId"]))
                for number in family(row) - said.orders.keys() - {row["orderId"]}:
                    yield f"lost: {number}, attached to {row}"

    def _check_canceled(self, said: FuturesStatement) -> Iterator[str]:
        """Every cancel was requested by the account, or followed from that of the order it was attached to."""
        cancels = Cancels(self._calls)
        for number, place in self._told.items():
            order = said.orders.get(number)
            if order is None or order["status"] != "CANCELED":
                continue
            parent = said.orders.get(order.get("parentOrderId", 0))
            told = Told(number, order["symbol"], place, order["updateTime"])
            if not (parent and parent["status"] in ("CANCELED", "EXPIRED")) and not cancels.may_have_taken(told):
                yield f"nobody asked to cancel {order}"

    @staticmethod
    def _check_expired(said: FuturesStatement) -> Iterator[str]:
        """A resting order expires only when an own order would trade with it, or an attached one fires."""
        orders = said.orders.values()
        came = {(row["symbol"], row["side"], row["time"]) for row in orders}
        came |= {(row["symbol"], row["side"], row["triggerTime"]) for row in orders if "triggerTime" in row}
        for row in orders:
            resting = row["origType"] == "LIMIT" and row["timeInForce"] in _RESTING and not row["reduceOnly"]
            other = "BUY" if row["side"] == "SELL" else "SELL"
            if resting and row["status"] == "EXPIRED" and (row["symbol"], other, row["updateTime"]) not in came:
                yield f"no own order was in the way of {row}"

    def _check_cancel_all(self, said: FuturesStatement) -> Iterator[str]:
        """Orders acknowledged before a cancel-all of their market have ended, and so have those attached to them."""
        open_before: dict[str, set[int]] = defaultdict(set)
        for call in self._calls:
            for _, told in placements(call):
                if "orderId" in told:
                    open_before[told["symbol"]] |= family(told)
            if call.status == 200 and call.verb == "cancel_all":
                for number in open_before.pop(call.sent["symbol"], ()):
                    yield from check_ended(str(call), said.orders.get(number))

    # Money

    def _check_fills(self, said: FuturesStatement) -> Iterator[str]:
        fills = said.fills.values()
        for filled, traded in (("executedQty", "qty"), ("cumQuote", "quoteQty")):
            yield from check_fills(said.orders, ((row["orderId"], Decimal(row[traded])) for row in fills), filled)
        prices = ((row["orderId"], Decimal(row["price"])) for row in fills)
        yield from check_limits(_NAMES, said.orders, prices)
        for row in fills:
            value = Decimal(row["qty"]) * Decimal(row["price"])
            rates = self._fees[row["symbol"]]
            fee = (value * (rates.maker if row["maker"] else rates.taker)).quantize(UNIT, ROUND_UP)
            if (Decimal(row["quoteQty"]), Decimal(row["commission"])) != (value, fee):
                yield f"it is worth {value}, and the fee should be {fee}: {row}"

    def _check_profits(self, said: FuturesStatement) -> Iterator[str]:
        """The profit of each fill, then the wallet balance and the positions' cost: exact, from the trades alone."""
        wallet = self._opening.wallet
        positions = defaultdict(Position, self._opening.positions)
        for (symbol, _), row in sorted(said.fills.items()):  # trade ids of a market are in order of time
            amount = Decimal(row["qty"]) * (1 if row["buyer"] else -1)
            before = positions[symbol]
            positions[symbol], profit = before.trade(amount, Decimal(row["price"]))
            if Decimal(row["realizedPnl"]) != profit:
                yield f"the profit should be {profit} after {before}: {row}"
            wallet += profit - Decimal(row["commission"])
        if Decimal(said.account["totalWalletBalance"]) != wallet:
            yield f"the wallet has {said.account['totalWalletBalance']}, by its fills {wallet}"
        right = {symbol: position for symbol, position in positions.items() if position.amount}
        if read_positions(said.account) != right:
            yield f"the positions are {read_positions(said.account)}, by its fills {right}"
