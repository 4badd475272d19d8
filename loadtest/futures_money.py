"""Whether an account's futures balance follows exactly from its fills and open orders."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_UP, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from loadtest.findings import Names, check_fills, check_limits, is_average
from loadtest.futures_orders import FILLED, QUANTITY
from loadtest.positions import UNIT, Position, round_up
from loadtest.statement import FuturesStatement, JsonObject, Opening, read_positions

_NAMES: Final = Names(FILLED, QUANTITY, ())


class Prices(NamedTuple):
    """The range of all prices in a market."""

    highest: Decimal
    spread: Decimal  # between the highest and the lowest


class Terms(NamedTuple):
    """An account's terms in one market."""

    tick: Decimal
    maker: Decimal  # fee rates, as fractions of the notional
    taker: Decimal
    leverage: int
    prices: Prices | None = None  # unknown: then holds are only known to be large enough


class MoneyAudit:
    """The balance of one account."""

    def __init__(self, opening: Opening, terms: Mapping[str, Terms], statement: FuturesStatement) -> None:
        """``terms`` by symbol."""
        self._opening = opening
        self._terms = terms
        self._statement = statement
        self._fills = list(statement.fills.values())

    def findings(self, limits: Mapping[int, Sequence[Decimal]]) -> Iterator[str]:
        """All findings as texts; ``limits``: the prices each order may have had."""
        yield from self._check_fills(limits)
        yield from self._check_averages()
        yield from self.follow_fills()
        yield from self._check_income()
        for row in self._statement.account["positions"]:
            if row["symbol"] in self._terms:
                yield from self._check_notional(row)
                yield from self._check_holds(row)
        yield from find_unbalanced(self._statement.account)

    def _check_fills(self, limits: Mapping[int, Sequence[Decimal]]) -> Iterator[str]:
        orders = self._statement.orders
        for filled, traded in ((FILLED, "qty"), ("cumQuote", "quoteQty")):
            yield from check_fills(orders, ((row["orderId"], Decimal(row[traded])) for row in self._fills), filled)
        prices = ((row["orderId"], Decimal(row["price"])) for row in self._fills)
        yield from check_limits(_NAMES, orders, prices, limits)
        for row in self._fills:
            value, terms = Decimal(row["qty"]) * Decimal(row["price"]), self._terms[row["symbol"]]
            fee = (value * (terms.maker if row["maker"] else terms.taker)).quantize(UNIT, ROUND_UP)
            if (Decimal(row["quoteQty"]), Decimal(row["commission"])) != (value, fee):
                yield f"it is worth {value}, and the fee should be {fee}: {row}"
            side = orders.get(row["orderId"], row)["side"]
            if (row["side"], row["buyer"]) != (side, side == "BUY"):
                yield f"its order is on the other side: {row}"

    def _check_averages(self) -> Iterator[str]:
        """The average price follows from the fills; status FILLED means the full quantity."""
        for order in self._statement.orders.values():
            filled = Decimal(order[FILLED])
            value, tick = Decimal(order["cumQuote"]), self._terms[order["symbol"]].tick
            if filled and not is_average(order["avgPrice"], value, filled, tick):
                yield f"its average should be {value / filled}: {order}"
            is_full = filled and (order["closePosition"] or Decimal(order[QUANTITY]) == filled)
            if order["status"] == "FILLED" and not is_full:
                yield f"it is not filled: {order}"

    def follow_fills(self) -> Iterator[str]:
        """The profit of each fill, then the wallet balance and the positions: exact, from the trades alone."""
        wallet = self._opening.wallet
        positions = defaultdict(Position, self._opening.positions)
        for (symbol, _), row in sorted(self._statement.fills.items()):  # trade ids of a market are in order of time
            amount = Decimal(row["qty"]) * (1 if row["buyer"] else -1)
            before, leverage = positions[symbol], self._terms[symbol].leverage
            positions[symbol], profit = before.trade(amount, Decimal(row["price"]), leverage)
            if Decimal(row["realizedPnl"]) != profit:
                yield f"the profit should be {profit} after {before}: {row}"
            wallet += profit - Decimal(row["commission"])
        account = self._statement.account
        if Decimal(account["totalWalletBalance"]) != wallet:
            yield f"the wallet has {account['totalWalletBalance']}, by its fills {wallet}"
        right = {symbol: position for symbol, position in positions.items() if position != Position()}
        if read_positions(account) != right:
            yield f"the positions are {read_positions(account)}, by its fills {right}"

    def _check_income(self) -> Iterator[str]:
        """The profit and the fee of each fill, once, unless they are zero."""
        rows = self._statement.income
        found = Counter((row["tradeId"], row["incomeType"], Decimal(row["income"])) for row in rows if row["tradeId"])
        wanted = Counter(
            (str(fill["id"]), kind, amount)
            for fill in self._fills
            for kind, amount in (
                ("REALIZED_PNL", Decimal(fill["realizedPnl"])),
                ("COMMISSION", -Decimal(fill["commission"])),
            )
            if amount
        )
        if found != wanted:
            yield f"income beyond the fills {found - wanted}, missing {wanted - found}"

    def _check_notional(self, row: JsonObject) -> Iterator[str]:
        """At the mark price, if that stood still; the unrealized profit is checked with the position's cost."""
        mark = self._statement.marks.get(row["symbol"])
        if mark is not None and Decimal(row["notional"]) != Decimal(row["positionAmt"]) * mark:
            yield f"the notional is not at the mark price {mark}: {row}"

    def _check_holds(self, row: JsonObject) -> Iterator[str]:
        """Open orders' value is exact; holds are within bounds, where the best bid or mark price then is unknown.

        A reduce-only order holds at most what it would lose.
        """
        value: defaultdict[str, Decimal] = defaultdict(Decimal)
        least = most = Decimal(0)
        terms = self._terms[row["symbol"]]
        highest, spread = terms.prices or Prices(Decimal(0), Decimal(0))
        for order in self._statement.open.values():
            if order["symbol"] != row["symbol"] or order.get("triggerTime") == 0:
                continue
            left, price = Decimal(order[QUANTITY]) - Decimal(order[FILLED]), Decimal(order["price"])
            most += spread * left
            if not order["reduceOnly"]:
                value[order["side"]] += price * left
                least += _margin(price * left, terms)
                most += _margin((price if order["side"] == "BUY" else highest) * left, terms)
        if (Decimal(row["bidNotional"]), Decimal(row["askNotional"])) != (value["BUY"], value["SELL"]):
            yield f"open should be {value['BUY']} and {value['SELL']}: {row}"
        hold, margin = Decimal(row["openOrderInitialMargin"]), Decimal(row["positionInitialMargin"])
        is_too_much = terms.prices is not None and hold > most
        if hold < least or is_too_much or Decimal(row["initialMargin"]) != margin + hold:
            yield f"held should be {least} to {most if terms.prices else 'any'}, beside {margin}: {row}"


def _margin(value: Decimal, terms: Terms) -> Decimal:
    return round_up(Fraction(value) / terms.leverage)


def find_unbalanced(account: JsonObject) -> list[str]:
    """Inconsistencies within one response about the account."""
    wallet, unrealized, used, available = (
        Decimal(account[name])
        for name in ("totalWalletBalance", "totalUnrealizedProfit", "totalInitialMargin", "availableBalance")
    )
    margins = sum(Decimal(row["initialMargin"]) for row in account["positions"])
    right = max(Decimal(0), wallet + min(Decimal(0), unrealized) - used)
    return (
        [] if (available, used) == (right, margins) else [f"available should be {right}, margins {margins}: {account}"]
    )


def find_held(account: JsonObject) -> Iterator[str]:
    """What is still held for orders once all have been canceled, and sums that do not match."""
    names = ("openOrderInitialMargin", "bidNotional", "askNotional")
    held = [row for row in account["positions"] if any(Decimal(row[name]) for name in names)]
    if held or Decimal(account["totalOpenOrderInitialMargin"]):
        yield f"all is canceled, and something is held: {account['totalOpenOrderInitialMargin']}, {held}"
    yield from find_unbalanced(account)
