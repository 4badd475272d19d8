"""The exchange's statement of an account for the time of the load, read page by page once no call is pending."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from loadtest.positions import Position
from loadtest.reader import Reader, Unanswered

SPOT_PAGE: Final = 200
FUTURES_PAGE: Final = 1_000
JsonObject = dict[str, Any]


class Opening(msgspec.Struct):
    """An account's assets when the load began; it had no open orders."""

    time_s: int  # Unix s; every order and every trade of the load is of this second or later, all others earlier
    spot: dict[str, Decimal]  # token → total
    wallet: Decimal  # of futures
    positions: dict[str, Position]  # by symbol, only existing ones


class SpotStatement(NamedTuple):
    """Of one account, by id."""

    orders: dict[str, JsonObject]
    trades: dict[str, JsonObject]
    balances: dict[str, tuple[Decimal, Decimal]]  # token → available, frozen


class FuturesStatement(NamedTuple):
    """Of one account."""

    orders: dict[int, JsonObject]
    open: dict[int, JsonObject]
    fills: dict[tuple[str, int], JsonObject]  # by symbol and id
    income: list[JsonObject]
    account: JsonObject  # includes every market
    marks: dict[str, Decimal]  # mark price by symbol; none that moved while the account was read


def read_opening(reader: Reader, time_s: int) -> Opening:
    """The account's current assets; nothing else may use the account from now on. Raises Unanswered."""
    account = reader.futures("/v2/account")
    return Opening(
        time_s,
        {token: available + frozen for token, (available, frozen) in read_balances(reader).items()},
        Decimal(account["totalWalletBalance"]),
        read_positions(account),
    )


def close_orders(reader: Reader, symbols: Iterable[str]) -> None:
    """Cancel all open orders; ``symbols``: of the futures markets. Raises Unanswered."""
    reader.spot("/orders", "DELETE")
    for symbol in symbols:
        reader.futures("/v1/allOpenOrders", "DELETE", symbol=symbol)


def read_balances(reader: Reader) -> dict[str, tuple[Decimal, Decimal]]:
    """Token → available, frozen. Raises Unanswered."""
    rows = reader.spot("/balances")["balances"]
    return {row["token"]: (Decimal(row["available"]), Decimal(row["frozen"])) for row in rows}


def read_positions(account: JsonObject) -> dict[str, Position]:
    """Existing positions by symbol."""
    found = {row["symbol"]: _read_position(row) for row in account["positions"]}
    return {symbol: position for symbol, position in found.items() if position != Position()}


def _read_position(row: JsonObject) -> Position:
    """The cost is notional less unrealized profit, both at one mark price, because the entry price is rounded."""
    amount, cost = Decimal(row["positionAmt"]), Decimal(row["notional"]) - Decimal(row["unrealizedProfit"])
    return Position(amount, cost if amount > 0 else -cost, Decimal(row["positionInitialMargin"]))


def read_spot(reader: Reader, start_s: int) -> SpotStatement:
    """The spot statement from ``start_s`` on. Raises Unanswered."""
    return SpotStatement(
        _read_back(reader, "/orders", "id", start_s),
        _read_back(reader, "/trades/me", "trade_id", start_s),
        read_balances(reader),
    )


def read_futures(reader: Reader, symbols: Iterable[str], start_s: int) -> FuturesStatement:
    """The futures statement from ``start_s`` on. Raises Unanswered."""
    orders: dict[int, JsonObject] = {}
    fills: dict[tuple[str, int], JsonObject] = {}
    for symbol in symbols:
        orders |= _read_on(reader, symbol, "/v1/allOrders", ("orderId", "orderId"), start_s)
        rows = _read_on(reader, symbol, "/v1/userTrades", ("fromId", "id"), start_s)
        fills |= {(symbol, number): row for number, row in rows.items()}
    listed = {row["orderId"]: row for row in reader.futures("/v1/openOrders")}
    income, marks = _read_income(reader, start_s), _read_marks(reader)
    account = reader.futures("/v2/account")
    return FuturesStatement(orders, listed, fills, income, account, dict(marks.items() & _read_marks(reader).items()))


def _read_marks(reader: Reader) -> dict[str, Decimal]:
    return {row["symbol"]: Decimal(row["markPrice"]) for row in reader.futures("/v2/positionRisk")}


def _read_back(reader: Reader, path: str, key: str, start_s: int) -> dict[str, JsonObject]:
    """Newest first, no row twice."""
    rows: dict[str, JsonObject] = {}
    before: dict[str, str] = {}
    while True:
        page = reader.spot(path, limit=SPOT_PAGE, start=start_s, **before)
        if twice := [row[key] for row in page if row[key] in rows]:
            raise Unanswered(f"{path} has {twice} on two pages")
        rows |= {row[key]: row for row in page}
        if len(page) < SPOT_PAGE:
            return rows
        before = {"before": page[-1][key]}


def _read_on(reader: Reader, symbol: str, path: str, names: tuple[str, str], start_s: int) -> dict[int, JsonObject]:
    """In order of ids, no row twice: from a time, then from ids."""
    start, key = names
    rows: dict[int, JsonObject] = {}
    since: dict[str, Any] = {"startTime": start_s * 1_000}
    last = 0
    while True:
        page = reader.futures(path, symbol=symbol, limit=FUTURES_PAGE, **since)
        ids = [row[key] for row in page]
        if ids != sorted(set(ids)) or (ids and ids[0] <= last):
            raise Unanswered(f"{path} of {symbol} after {last} has {ids}")
        rows |= dict(zip(ids, page, strict=True))
        if len(page) < FUTURES_PAGE:
            return rows
        last = ids[-1]
        since = {start: last + 1}


def _read_income(reader: Reader, start_s: int) -> list[JsonObject]:
    """By times: the last rows of a page may be repeated on the next."""
    rows: dict[tuple[int, str], JsonObject] = {}
    start_ms = start_s * 1_000
    while True:
        page = reader.futures("/v1/income", startTime=start_ms, limit=FUTURES_PAGE)
        found = {(row["tranId"], row["incomeType"]): row for row in page}
        is_full = len(page) == FUTURES_PAGE
        if len(found) < len(page) or (is_full and found.keys() <= rows.keys()):
            raise Unanswered(f"income from {start_ms} has a row twice, or more than a page in one millisecond")
        rows |= found
        if not is_full:
            return list(rows.values())
        start_ms = page[-1]["time"]
