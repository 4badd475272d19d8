"""Whether an account's futures balance follows exactly from its fills and open orders."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Final

from tests.crash.floor import FUNDS
from tests.crash.futures_floor import MAKER_BPS, TAKER_BPS
from tests.crash.futures_statement import Row, Statement, find_unbalanced
from tests.crash.futures_terms import LOSS_MAX, PRICE_MAX
from tests.crash.futures_trader import OPEN
from tests.http.futures.margin_model import Place, up

_AVERAGE: Final = Decimal("1e-9")  # tick decimals + 8


def check_money(said: Statement, leverages: Mapping[str, int]) -> Iterator[str]:
    """``leverages``: by symbol, of every market."""
    yield from _check_fills(said)
    yield from _check_wallet(said)
    positions = {symbol: Place(leverage) for symbol, leverage in leverages.items()}
    yield from _follow(said, positions)
    shown = {row["symbol"]: row for row in said.account["positions"]}
    for symbol, place in positions.items():
        orders = [order for order in said.open.values() if order["symbol"] == symbol and _is_regular(order)]
        yield from _check_position(shown[symbol], place, Fraction(said.marks[symbol]))
        yield from _check_holds(shown[symbol], place, orders)
    yield from find_unbalanced(said.account)


def check_flat_book(account: Row) -> Iterator[str]:
    """After all orders were canceled nothing is held, and all sums still match."""
    held = [
        row for row in account["positions"] if _numbers(row, "openOrderInitialMargin", "bidNotional", "askNotional")
    ]
    if held or Decimal(account["totalOpenOrderInitialMargin"]):
        yield f"all is canceled and something is held: {held}, {account['totalOpenOrderInitialMargin']}"
    yield from find_unbalanced(account)


def _check_fills(said: Statement) -> Iterator[str]:
    done: Counter[int] = Counter()
    value: Counter[int] = Counter()
    for fill in said.fills:
        quantity, price = Decimal(fill["qty"]), Decimal(fill["price"])
        done[fill["orderId"]] += quantity  # type: ignore[assignment]
        value[fill["orderId"]] += quantity * price  # type: ignore[assignment]
        fee = up(Fraction(quantity * price) * (MAKER_BPS if fill["maker"] else TAKER_BPS) / 10_000)
        if Fraction(fill["commission"]) != fee or Decimal(fill["quoteQty"]) != quantity * price:
            yield f"the fee should be {fee}: {fill}"
        order = said.orders.get(fill["orderId"])
        if order is None or (order["side"], order["side"] == "BUY") != (fill["side"], fill["buyer"]):
            yield f"the fill {fill} is of {order}"
    for number, order in said.orders.items():
        if Decimal(order["executedQty"]) != done[number] or Decimal(order["cumQuote"]) != value[number]:
            yield f"its fills come to {done[number]}, worth {value[number]}: {order}"
        elif done[number] and not _is_average(order, Decimal(value[number]) / Decimal(done[number])):
            yield f"its average should be {Decimal(value[number]) / Decimal(done[number])}: {order}"
        full = order["closePosition"] or Decimal(order["origQty"]) == done[number]
        if order["status"] == "FILLED" and not (full and done[number]):
            yield f"it is not filled: {order}"


def _is_average(order: Row, exact: Decimal) -> bool:
    told = Decimal(order["avgPrice"])
    return told == exact or told == exact.quantize(_AVERAGE, ROUND_HALF_EVEN)


def _check_wallet(said: Statement) -> Iterator[str]:
    booked = sum((Decimal(fill["realizedPnl"]) - Decimal(fill["commission"]) for fill in said.fills), Decimal(FUNDS))
    wallet = Decimal(said.account["totalWalletBalance"])
    income = sum(Decimal(row["income"]) for row in said.income)
    if not wallet == booked == income:
        yield f"the wallet has {wallet}, by fills {booked}, by income {income}"
    told = Counter((row["tradeId"], row["incomeType"], Decimal(row["income"])) for row in said.income if row["tradeId"])
    wanted = Counter(
        (str(fill["id"]), kind, amount)
        for fill in said.fills
        for kind, amount in (
            ("REALIZED_PNL", Decimal(fill["realizedPnl"])),
            ("COMMISSION", -Decimal(fill["commission"])),
        )
        if amount
    )
    if told != wanted:
        yield f"income beyond the fills {told - wanted}, missing {wanted - told}"


def _follow(said: Statement, positions: Mapping[str, Place]) -> Iterator[str]:
    """Replay all fills to derive the positions."""
    for fill in said.fills:
        place = positions[fill["symbol"]]
        profit = place.fill(fill["side"], Fraction(fill["price"]), Fraction(fill["qty"]), place.leverage)
        if profit != Fraction(fill["realizedPnl"]):
            yield f"the profit should be {float(profit)}: {fill}"


def _check_position(row: Row, place: Place, mark: Fraction) -> Iterator[str]:
    told = _numbers(row, "positionAmt", "positionInitialMargin", "unrealizedProfit", "notional")
    right = _named(
        positionAmt=place.amount,
        positionInitialMargin=place.margin,
        unrealizedProfit=place.unrealized(mark),
        notional=place.amount * mark,
    )
    if told != right:
        yield f"the position should be {right}: {row}"


def _is_regular(order: Row) -> bool:
    """Not a waiting trigger."""
    return order["status"] in OPEN and order.get("triggerTime") != 0


def _check_holds(row: Row, place: Place, orders: list[Row]) -> Iterator[str]:
    """Check holds as lower bounds where the best bid of a sale, or the mark price, at that time is unknown.

    A reduce-only order holds at most what it would lose.
    """
    open_value: defaultdict[str, Fraction] = defaultdict(Fraction)
    least = most = Fraction(0)
    for order in orders:
        left = Fraction(order["origQty"]) - Fraction(order["executedQty"])
        most += LOSS_MAX * left
        if order["reduceOnly"]:
            continue
        open_value[order["side"]] += Fraction(order["price"]) * left
        least += up(Fraction(order["price"]) * left / place.leverage)
        worst = order["price"] if order["side"] == "BUY" else PRICE_MAX
        most += up(Fraction(str(worst)) * left / place.leverage)
    told = _numbers(row, "bidNotional", "askNotional")
    right = _named(bidNotional=open_value["BUY"], askNotional=open_value["SELL"])
    if told != right:
        yield f"open should be {right}: {row}"
    hold = Fraction(row["openOrderInitialMargin"])
    if not least <= hold <= most or Fraction(row["initialMargin"]) != place.margin + hold:
        yield f"held should be {float(least)} to {float(most)}, beside {float(place.margin)}: {row}"


def _numbers(row: Row, *names: str) -> dict[str, Fraction]:
    """The values that are not zero."""
    return _named(**{name: Fraction(row[name]) for name in names})


def _named(**values: Fraction) -> dict[str, Fraction]:
    return {name: value for name, value in values.items() if value}
