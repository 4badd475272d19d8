"""What an account was told on spot against what the exchange says of it afterwards."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from typing import Any, NamedTuple

from tests.crash.calls import Call, Outcome, wait_settled
from tests.crash.floor import BASE_PLACES, FUNDS, MAKER_BPS, QUOTE, QUOTE_PLACES, TAKER_BPS, Account, Floor
from tests.crash.spot_calls import ORDERS, PLACED_AND_REJECTED, SpotCaller
from tests.crash.spot_trader import OPEN


class Statement(NamedTuple):
    """What the exchange says of an account, by id."""

    orders: dict[str, dict[str, Any]]
    trades: dict[str, dict[str, Any]]
    balances: dict[str, tuple[Decimal, Decimal]]  # available, frozen


class Audit:
    """One account's calls against what the exchange says of it, once nothing is under way."""

    def __init__(self, floor: Floor, account: Account, calls: Sequence[Call]) -> None:
        self._markets = {market.symbol: market for market in floor.markets}
        self._account = account
        self._calls = [call for call in calls if call.account is account]
        self._caller = SpotCaller(floor.exchange.base_url, account, lambda call: None)

    def findings(self) -> list[str]:
        """Everything that is wrong, in words."""
        try:
            wait_settled(self._calls)
            known, found = self._resolve()
            said = self._read_statement()
            found += self._check_orders(known, said)
            found += self._check_cancels(said)
            found += self._check_trades(said)
            found += self._check_balances(said)
        finally:
            self._caller.close()
        return [f"{self._account.id}: {text}" for text in found]

    def _read(self, path: str) -> Call:
        """A question, until it is answered."""
        return self._caller.insist(lambda: self._caller.call("get", "GET", path, ()), 404)

    def _read_pages(self, path: str, key: str) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        before = ""
        while True:
            page = self._read(f"{path}?limit=200{before}").body
            for row in page:
                assert row[key] not in rows, f"{row[key]} is on two pages of {path}"
                rows[row[key]] = row
            if len(page) < 200:
                return rows
            before = f"&before={page[-1][key]}"

    def _read_statement(self) -> Statement:
        rows = self._read("/api/v1/spot/balances").body["balances"]
        return Statement(
            self._read_pages(ORDERS, "id"),
            self._read_pages("/api/v1/spot/trades/me", "trade_id"),
            {row["token"]: (Decimal(row["available"]), Decimal(row["frozen"])) for row in rows},
        )

    # Orders

    def _resolve(self) -> tuple[dict[str, Call], list[str]]:
        """Order id → the call that placed it; what is unknown is asked for by its client id."""
        known: dict[str, Call] = {}
        found: list[str] = []
        by_name = defaultdict(list)
        for call in self._calls:
            if call.what in ("place", "repeat"):
                by_name[call.name].append(call)
        for name, calls in by_name.items():
            told = {call.body["id"] for call in calls if call.status == 200}
            if len(told) > 1:
                found.append(f"client id {name} was told of several orders: {told}")
            rejected = any(call.error in PLACED_AND_REJECTED for call in calls)
            if not told and (rejected or any(call.outcome is Outcome.UNKNOWN for call in calls)):
                told = self._ask_by_client_id(calls[0])
                if rejected and not told:
                    found.append(f"{calls[0]}: its rejected order does not exist")
            known.update(dict.fromkeys(told, calls[0]))
        return known, found

    def _ask_by_client_id(self, call: Call) -> set[str]:
        answer = self._read(f"{ORDERS}/by-client-id/{call.sent['symbol']}/{call.name}")
        return {answer.body["id"]} if answer.status == 200 else set()

    def _check_orders(self, known: dict[str, Call], said: Statement) -> Iterator[str]:
        for order_id in known.keys() - said.orders.keys():
            yield f"order {order_id} is lost; {known[order_id]}"
        for order_id in said.orders.keys() - known.keys():
            yield f"nobody was told of {said.orders[order_id]}: placed twice, or after 'not executed'"
        for order_id in known.keys() & said.orders.keys():
            order, call = said.orders[order_id], known[order_id]
            for name, value in call.sent.items():
                if name != "client_order_id" and not _same(order[name], value):
                    yield f"order {order_id} has {name} {order[name]}, wanted was {value}"
            if call.error in PLACED_AND_REJECTED and (order["status"], order["reject_reason"]) != (
                "rejected",
                call.error,
            ):
                yield f"{call}, but {order}"
            if call.status == 200:
                yield from _check_fills(call, said)

    def _check_cancels(self, said: Statement) -> Iterator[str]:
        for call in self._calls:
            if call.what in ("cancel", "cancel_by_client_id") and call.status == 404:
                order = said.orders.get(call.name)
                if order and order["status"] in OPEN:
                    yield f"{call}, but it is {order['status']}"
            elif call.status == 200 and call.what.startswith("cancel"):
                for told in call.body["canceled"] if call.what == "cancel_all" else [call.body]:
                    if said.orders.get(told["id"]) != told or told["status"] != "canceled":
                        yield f"{call}: told {told}, now {said.orders.get(told['id'])}"

    # Trades and money

    def _check_trades(self, said: Statement) -> Iterator[str]:
        done: Counter[str] = Counter()
        value: Counter[str] = Counter()
        for trade in said.trades.values():
            quantity, price = Decimal(trade["quantity"]), Decimal(trade["price"])
            done[trade["order_id"]] += quantity  # type: ignore[assignment]
            value[trade["order_id"]] += quantity * price  # type: ignore[assignment]
            yield from _check_fee(trade, quantity, price)
        for order_id, order in said.orders.items():
            if not _same(order["filled_qty"], done[order_id]):
                yield f"its trades fill {done[order_id]} of {order}"
            elif done[order_id] and not _is_average(order, Decimal(value[order_id]) / Decimal(done[order_id])):
                yield f"its trades are worth {value[order_id]}: {order}"
            elif order["status"] == "filled" and order["quantity"] and not _same(order["quantity"], done[order_id]):
                yield f"it is not filled: {order}"
        for order_id in done.keys() - said.orders.keys():
            yield f"a trade of order {order_id}, which is not in the list"

    def _check_balances(self, said: Statement) -> Iterator[str]:
        have = {token: Decimal(FUNDS) for token in said.balances}
        for trade in said.trades.values():
            base, quantity = self._markets[trade["symbol"]].base, Decimal(trade["quantity"])
            sign = 1 if trade["side"] == "buy" else -1
            have[base] += sign * quantity
            have[QUOTE] -= sign * quantity * Decimal(trade["price"])
            have[trade["fee_token"]] -= Decimal(trade["fee"])
        frozen = dict.fromkeys(have, Decimal(0))
        for order in said.orders.values():
            if order["status"] in OPEN:
                left = Decimal(order["quantity"]) - Decimal(order["filled_qty"])
                base = self._markets[order["symbol"]].base
                token, amount = (QUOTE, left * Decimal(order["price"])) if order["side"] == "buy" else (base, left)
                frozen[token] += amount
        for token, told in said.balances.items():
            if told != (have[token] - frozen[token], frozen[token]):
                yield f"{token}: told {told}, orders and trades say {(have[token] - frozen[token], frozen[token])}"


def _same(told: str | None, wanted: str | Decimal | int) -> bool:
    try:
        return told is not None and Decimal(told) == Decimal(wanted)
    except ArithmeticError:
        return told == wanted


def _is_average(order: dict[str, Any], exact: Decimal) -> bool:
    told = Decimal(order["avg_fill_price"])
    return told == exact or told == exact.quantize(Decimal(1).scaleb(-10), ROUND_HALF_EVEN)


def _check_fills(call: Call, said: Statement) -> Iterator[str]:
    for fill in call.body["fills"]:
        trade = said.trades.get(fill["trade_id"])
        if trade is None or any(trade[name] != fill[name] for name in fill) or trade["order_id"] != call.body["id"]:
            yield f"{call}: told of the match {fill}, now {trade}"


def _check_fee(trade: dict[str, Any], quantity: Decimal, price: Decimal) -> Iterator[str]:
    bps = MAKER_BPS if trade["role"] == "maker" else TAKER_BPS
    received, places = (quantity, BASE_PLACES) if trade["side"] == "buy" else (quantity * price, QUOTE_PLACES)
    fee = (received * bps / 10_000).quantize(Decimal(1).scaleb(-places), ROUND_UP)
    if Decimal(trade["fee"]) != fee:
        yield f"the fee should be {fee}: {trade}"


def audit_spot(floor: Floor, accounts: Sequence[Account], calls: Sequence[Call]) -> list[str]:
    """Everything that is wrong with what these accounts were told; nothing may be under way."""
    return [text for account in accounts for text in Audit(floor, account, calls).findings()]
