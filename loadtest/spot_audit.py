"""Audit of one account's spot calls against the exchange's statement afterwards."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from loadtest.answers import PLACED_AND_REJECTED, UNKNOWN_ORDER
from loadtest.cancels import Canceled, Cancels
from loadtest.findings import (
    Names,
    check_ended,
    check_fills,
    check_limits,
    check_reported,
    is_average,
    is_open,
    is_same,
)
from loadtest.markets import Market
from loadtest.outcome import Outcome
from loadtest.reader import Reader
from loadtest.record import Call
from loadtest.statement import JsonObject, Opening, SpotStatement

_NAMES: Final = Names(
    "filled_qty",
    "quantity",
    tuple("id symbol side type tif price quantity quote_quantity reject_reason created_at".split()),
)
_CANCELS: Final = ("cancel", "cancel_by_client_id")
_PLACES: Final = ("place", "repeat")  # "repeat" sends the same request again
_RESTING: Final = ("gtc", "post_only")
ORDERS: Final = "/api/v1/spot/orders"


class SpotAudit:
    """One account, once no call is pending."""

    def __init__(
        self, calls: Sequence[Call], opening: Opening, markets: Mapping[str, Market], decimals: Mapping[str, int]
    ) -> None:
        """``calls``: the account's on spot. ``markets`` by symbol, ``decimals``: decimals by token."""
        self._calls = calls
        self._opening = opening
        self._markets = markets
        self._decimals = decimals

    def findings(self, reader: Reader, statement: SpotStatement) -> Iterator[str]:
        """All findings as texts. Raises Unanswered."""
        yield from self._check_known(reader, statement)
        for call in self._calls:
            yield from self._check_call(call, statement)
        yield from self._check_resting(statement)
        yield from self._check_cancel_all(statement)
        yield from self._check_trades(statement)
        yield from self._check_balances(statement)

    # Orders

    def _check_known(self, reader: Reader, statement: SpotStatement) -> Iterator[str]:
        """Every order was acknowledged, or its call has an unknown outcome; and it is as sent."""
        attempts: defaultdict[str, list[Call]] = defaultdict(list)
        for call in self._calls:
            if call.verb in _PLACES:
                attempts[call.sent["client_order_id"]].append(call)
        known: dict[str, Mapping[str, Any]] = {}
        for name, calls in attempts.items():
            ids = {call.body["id"] for call in calls if call.status == 200}
            rejected = {call.error for call in calls if call.error in PLACED_AND_REJECTED}
            if not ids and (rejected or any(call.outcome is Outcome.UNKNOWN for call in calls)):
                found = reader.spot(f"/orders/by-client-id/{calls[0].sent['symbol']}/{name}")
                ids = {found["id"]} if found else set()
                yield from (f"lost: {found}" for each in ids - statement.orders.keys())
            if len(ids) > 1:
                yield f"client id {name} was acknowledged as several orders: {ids}"
            if rejected:
                yield from _check_rejected(calls[0], rejected, [statement.orders.get(order_id, {}) for order_id in ids])
            known |= dict.fromkeys(ids, calls[0].sent)
        for order_id in statement.orders.keys() - known.keys():
            yield f"never acknowledged: {statement.orders[order_id]}: placed twice, or after 'not executed'"
        for order_id, sent in known.items():
            order = statement.orders.get(order_id, sent)  # a lost order is reported elsewhere
            for name in sent.keys() - {"client_order_id"}:
                if not is_same(order[name], sent[name]):
                    yield f"order {order_id} has {name} {order[name]}, wanted was {sent[name]}"

    def _check_call(self, call: Call, statement: SpotStatement) -> Iterator[str]:
        if call.verb in _CANCELS and call.error in UNKNOWN_ORDER:
            yield from check_ended(str(call), statement.orders.get(call.sent["id"]))
        if call.status != 200:
            return
        if call.verb in _PLACES:
            order = {name: value for name, value in call.body.items() if name != "fills"}
            yield from check_reported(_NAMES, order, statement.orders.get(order["id"]))
            yield from self._check_reported_fills(call, statement)
        elif call.verb in _CANCELS:
            yield from self._check_canceled(call, call.body, statement)
        elif call.verb == "cancel_all":
            for row in call.body["canceled"]:
                yield from self._check_canceled(call, row, statement)
        elif call.verb in ("orders", "slow_orders"):
            for row in call.body:
                if row["created_at"] >= self._opening.time_s:
                    yield from check_reported(_NAMES, row, statement.orders.get(row["id"]))

    @staticmethod
    def _check_canceled(call: Call, row: JsonObject, statement: SpotStatement) -> Iterator[str]:
        if row["status"] != "canceled":
            yield f"{call}: the answer was {row}"
        yield from check_reported(_NAMES, row, statement.orders.get(row["id"]))

    def _check_resting(self, statement: SpotStatement) -> Iterator[str]:
        """Every cancel of an order that was resting was requested by the account."""
        cancels = Cancels(self._calls)
        for call in self._calls:
            if call.verb == "place" and call.status == 200:
                order = statement.orders.get(call.body["id"], call.body)
                resting = order["type"] == "limit" and order["tif"] in _RESTING
                canceled = Canceled(order["id"], order["symbol"], call.started, call.ended)
                if resting and order["status"] == "canceled" and not cancels.may_have_taken(canceled):
                    yield f"nobody asked to cancel {order}"

    @staticmethod
    def _check_reported_fills(call: Call, statement: SpotStatement) -> Iterator[str]:
        for fill in call.body["fills"]:
            trade = statement.trades.get(fill["trade_id"], {})
            if any(trade.get(name) != value for name, value in fill.items()):
                yield f"{call}: answered with the match {fill}, now {trade}"

    def _check_cancel_all(self, statement: SpotStatement) -> Iterator[str]:
        """Orders acknowledged before a cancel-all that covers them have ended."""
        placed = [call for call in self._calls if call.verb in _PLACES and call.status == 200 and is_open(call.body)]
        for call in self._calls:
            if call.verb == "cancel_all" and call.status == 200:
                symbol = call.sent.get("symbol")
                for each in placed:
                    if each.ended <= call.started and symbol in (None, "", each.sent["symbol"]):
                        yield from check_ended(str(call), statement.orders.get(each.body["id"]))

    # Money

    def _check_trades(self, statement: SpotStatement) -> Iterator[str]:
        fills = ((trade["order_id"], Decimal(trade["quantity"])) for trade in statement.trades.values())
        yield from check_fills(statement.orders, fills, _NAMES.filled)
        prices = ((trade["order_id"], Decimal(trade["price"])) for trade in statement.trades.values())
        priced = {number: Decimal(order["price"] or 0) for number, order in statement.orders.items()}
        limits = {number: [price] for number, price in priced.items() if price}
        yield from check_limits(_NAMES, statement.orders, prices, limits)
        yield from self._check_values(statement)
        for trade in statement.trades.values():
            market = self._markets[trade["symbol"]]
            quantity, price = Decimal(trade["quantity"]), Decimal(trade["price"])
            bps = market.maker_bps if trade["role"] == "maker" else market.taker_bps
            token, received = (market.base, quantity) if trade["side"] == "buy" else (market.quote, quantity * price)
            unit = Decimal(1).scaleb(-self._decimals[token])
            fee = (received * bps / 10_000).quantize(unit, ROUND_UP)
            if (Decimal(trade["fee"]), trade["fee_token"]) != (fee, token):
                yield f"the fee should be {fee} {token}: {trade}"

    def _check_values(self, statement: SpotStatement) -> Iterator[str]:
        """The average price follows from the trades; status filled means the full quantity."""
        value: defaultdict[str, Decimal] = defaultdict(Decimal)
        for trade in statement.trades.values():
            value[trade["order_id"]] += Decimal(trade["quantity"]) * Decimal(trade["price"])
        for order_id, order in statement.orders.items():
            filled = Decimal(order["filled_qty"])
            tick = self._markets[order["symbol"]].tick
            if filled and not is_average(order["avg_fill_price"], value[order_id], filled, tick):
                yield f"its trades are worth {value[order_id]}: {order}"
            if order["status"] == "filled" and order["quantity"] and Decimal(order["quantity"]) != filled:
                yield f"it is not filled: {order}"

    def _check_balances(self, statement: SpotStatement) -> Iterator[str]:
        """The opening balance and every trade add up exactly."""
        total = defaultdict(Decimal, self._opening.spot)
        frozen: defaultdict[str, Decimal] = defaultdict(Decimal)
        for trade in statement.trades.values():
            market, quantity = self._markets[trade["symbol"]], Decimal(trade["quantity"])
            sign = 1 if trade["side"] == "buy" else -1
            total[market.base] += sign * quantity
            total[market.quote] -= sign * quantity * Decimal(trade["price"])
            total[trade["fee_token"]] -= Decimal(trade["fee"])
        for order in filter(is_open, statement.orders.values()):
            market, left = self._markets[order["symbol"]], Decimal(order["quantity"]) - Decimal(order["filled_qty"])
            if order["side"] == "buy":
                frozen[market.quote] += left * Decimal(order["price"])
            else:
                frozen[market.base] += left
        for token in total.keys() | statement.balances.keys():
            balance = statement.balances.get(token, (Decimal(0), Decimal(0)))
            right = (total[token] - frozen[token], frozen[token])
            if balance != right:
                yield f"{token}: available and frozen are {balance}, orders and trades say {right}"


def _check_rejected(call: Call, errors: set[str], orders: Iterable[JsonObject]) -> Iterator[str]:
    """A rejected order of this kind is in the history."""
    listed = [(order.get("status"), order.get("reject_reason")) for order in orders]
    if len(errors) > 1 or listed != [("rejected", error) for error in errors]:
        yield f"a rejected order is not in the history: {call}, but {listed}"
