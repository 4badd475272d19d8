"""What one account was told on spot against what the exchange says of it afterwards."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from typing import Any, Final

from loadtest.answers import PLACED_AND_REJECTED, UNKNOWN_ORDER
from loadtest.cancels import Cancels, Told
from loadtest.findings import Names, check_ended, check_fills, check_limits, check_told, is_open
from loadtest.markets import Market
from loadtest.outcome import Outcome
from loadtest.reader import Reader
from loadtest.record import Call
from loadtest.statement import Opening, Row, SpotStatement

_NAMES: Final = Names(
    "filled_qty",
    "quantity",
    tuple("id symbol side type tif price quantity quote_quantity reject_reason created_at".split()),
)
_CANCELS: Final = ("cancel", "cancel_by_client_id")
_RESTING: Final = ("gtc", "post_only")


class SpotAudit:
    """One account, once nothing is under way."""

    def __init__(
        self, calls: Sequence[Call], opening: Opening, markets: Mapping[str, Market], places: Mapping[str, int]
    ) -> None:
        """``calls``: the account's on spot, in their order. ``markets`` by symbol, ``places``: decimals by token."""
        self._calls = calls
        self._opening = opening
        self._markets = markets
        self._places = places

    def findings(self, reader: Reader, said: SpotStatement) -> Iterator[str]:
        """Everything that is wrong, in words. Raises Unanswered."""
        yield from self._check_known(reader, said)
        for call in self._calls:
            yield from self._check_call(call, said)
        yield from self._check_resting(said)
        yield from self._check_cancel_all(said)
        yield from self._check_trades(said)
        yield from self._check_balances(said)

    # Orders

    def _check_known(self, reader: Reader, said: SpotStatement) -> Iterator[str]:
        """Every order was told to somebody, or nobody could tell what came of it."""
        places = [call for call in self._calls if call.verb == "place"]
        known = {call.body["id"] for call in places if call.status == 200}
        for name, call in {each.sent["client_order_id"]: each for each in places}.items():
            mine = [each for each in places if each.sent["client_order_id"] == name]
            if all(each.outcome is not Outcome.UNKNOWN for each in mine):
                continue
            order = reader.spot(f"/orders/by-client-id/{call.sent['symbol']}/{name}")
            known |= {order["id"]} if order else set()
        rejected = Counter(_key(call.sent, call.error) for call in places if call.error in PLACED_AND_REJECTED)
        for order_id in said.orders.keys() - known:
            order = said.orders[order_id]
            key = _key(order, order["reject_reason"])
            if rejected[key]:
                rejected[key] -= 1
            else:
                yield f"nobody was told of {order}"
        for key in +rejected:
            yield f"a rejected order is not in the history: {key}"

    def _check_call(self, call: Call, said: SpotStatement) -> Iterator[str]:
        if call.verb in _CANCELS and call.error in UNKNOWN_ORDER:
            yield from check_ended(str(call), said.orders.get(call.sent["id"]))
        if call.status != 200:
            return
        if call.verb == "place":
            told = {name: value for name, value in call.body.items() if name != "fills"}
            yield from check_told(_NAMES, told, said.orders.get(told["id"]))
            yield from self._check_told_fills(call, said)
        elif call.verb in _CANCELS:
            yield from self._check_canceled(call, call.body, said)
        elif call.verb == "cancel_all":
            for told in call.body["canceled"]:
                yield from self._check_canceled(call, told, said)
        elif call.verb in ("orders", "slow_orders"):
            for told in call.body:
                if told["created_at"] >= self._opening.time_s:
                    yield from check_told(_NAMES, told, said.orders.get(told["id"]))

    @staticmethod
    def _check_canceled(call: Call, told: Row, said: SpotStatement) -> Iterator[str]:
        if told["status"] != "canceled":
            yield f"{call}: told {told}"
        yield from check_told(_NAMES, told, said.orders.get(told["id"]))

    def _check_resting(self, said: SpotStatement) -> Iterator[str]:
        """What was on a book and is canceled, its account has asked for."""
        cancels = Cancels(self._calls)
        for place, call in enumerate(self._calls):
            if call.verb == "place" and call.status == 200:
                order = said.orders.get(call.body["id"], call.body)
                resting = order["type"] == "limit" and order["tif"] in _RESTING
                told = Told(order["id"], order["symbol"], place)
                if resting and order["status"] == "canceled" and not cancels.may_have_taken(told):
                    yield f"nobody asked to cancel {order}"

    @staticmethod
    def _check_told_fills(call: Call, said: SpotStatement) -> Iterator[str]:
        for fill in call.body["fills"]:
            trade = said.trades.get(fill["trade_id"], {})
            if any(trade.get(name) != value for name, value in fill.items()):
                yield f"{call}: told of the match {fill}, now {trade}"

    def _check_cancel_all(self, said: SpotStatement) -> Iterator[str]:
        """What was acknowledged before a cancel-all that covers it has ended."""
        open_before: dict[str, set[str]] = defaultdict(set)
        for call in self._calls:
            if call.status == 200 and call.verb == "place" and is_open(call.body):
                open_before[call.sent["symbol"]].add(call.body["id"])
            elif call.status == 200 and call.verb == "cancel_all":
                symbol = call.sent.get("symbol")
                for each in [symbol] if symbol else list(open_before):
                    for order_id in open_before.pop(each, ()):
                        yield from check_ended(str(call), said.orders.get(order_id))

    # Money

    def _check_trades(self, said: SpotStatement) -> Iterator[str]:
        fills = ((trade["order_id"], Decimal(trade["quantity"])) for trade in said.trades.values())
        yield from check_fills(said.orders, fills, _NAMES.filled)
        prices = ((trade["order_id"], Decimal(trade["price"])) for trade in said.trades.values())
        yield from check_limits(_NAMES, said.orders, prices)
        for trade in said.trades.values():
            market = self._markets[trade["symbol"]]
            quantity, price = Decimal(trade["quantity"]), Decimal(trade["price"])
            bps = market.maker_bps if trade["role"] == "maker" else market.taker_bps
            token, received = (market.base, quantity) if trade["side"] == "buy" else (market.quote, quantity * price)
            unit = Decimal(1).scaleb(-self._places[token])
            fee = (received * bps / 10_000).quantize(unit, ROUND_UP)
            if (Decimal(trade["fee"]), trade["fee_token"]) != (fee, token):
                yield f"the fee should be {fee} {token}: {trade}"

    def _check_balances(self, said: SpotStatement) -> Iterator[str]:
        """What it had, and each of its trades, to the unit."""
        total = defaultdict(Decimal, self._opening.spot)
        frozen: defaultdict[str, Decimal] = defaultdict(Decimal)
        for trade in said.trades.values():
            market, quantity = self._markets[trade["symbol"]], Decimal(trade["quantity"])
            sign = 1 if trade["side"] == "buy" else -1
            total[market.base] += sign * quantity
            total[market.quote] -= sign * quantity * Decimal(trade["price"])
            total[trade["fee_token"]] -= Decimal(trade["fee"])
        for order in filter(is_open, said.orders.values()):
            market, left = self._markets[order["symbol"]], Decimal(order["quantity"]) - Decimal(order["filled_qty"])
            if order["side"] == "buy":
                frozen[market.quote] += left * Decimal(order["price"])
            else:
                frozen[market.base] += left
        for token in total.keys() | said.balances.keys():
            told = said.balances.get(token, (Decimal(0), Decimal(0)))
            right = (total[token] - frozen[token], frozen[token])
            if told != right:
                yield f"{token}: available and frozen are {told}, orders and trades say {right}"


def _key(terms: Mapping[str, Any], reason: str | None) -> tuple[Any, ...]:
    """A refused order leaves no id with its caller: it is known by its terms."""
    amounts = (Decimal(terms.get(name) or 0) for name in ("price", "quantity", "quote_quantity"))
    return terms["symbol"], terms["side"], terms["type"], *amounts, reason
