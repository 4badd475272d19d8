"""The exchange's statement of an account's futures, read page by page once no call is pending."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from loadtest.reader import Reader
from tests.crash.floor import Market

PAGE: Final = 1_000
Row = dict[str, Any]


class Statement(NamedTuple):
    """Of one account."""

    orders: dict[int, Row]
    open: dict[int, Row]
    fills: list[Row]  # per market in order of ids
    income: list[Row]
    account: Row  # includes every market
    marks: dict[str, str]  # symbol → mark price used for the account's risk

    def children_of(self, parent: int) -> Iterator[Row]:
        """The triggers attached to an order."""
        return (order for order in self.orders.values() if order.get("parentOrderId") == parent)


def read_statement(reader: Reader, markets: Sequence[Market]) -> Statement:
    """Everything the account can read about itself."""
    orders: dict[int, Row] = {}
    fills: list[Row] = []
    for market in markets:
        orders |= {row["orderId"]: row for row in _read_pages(reader, market, "/v1/allOrders", "orderId", "orderId")}
        fills += _read_pages(reader, market, "/v1/userTrades", "fromId", "id")
    risks = reader.futures("/v2/positionRisk")
    return Statement(
        orders,
        {row["orderId"]: row for row in reader.futures("/v1/openOrders")},
        fills,
        _read_income(reader),
        reader.futures("/v2/account"),
        {row["symbol"]: row["markPrice"] for row in risks},
    )


def _read_pages(reader: Reader, market: Market, path: str, start: str, key: str) -> list[Row]:
    """By ids, no row twice."""
    rows: list[Row] = []
    last = 0
    while True:
        page = reader.futures(path, symbol=market.symbol, limit=PAGE, **dict[str, Any]({start: last + 1}))
        ids = [row[key] for row in page]
        assert ids == sorted(set(ids)) and (not ids or ids[0] > last), f"{path} from {last + 1} tells {ids}"
        rows += page
        if len(page) < PAGE:
            return rows
        last = ids[-1]


def _read_income(reader: Reader) -> list[Row]:
    """By times: the last row of a page may be repeated on the next."""
    name: Callable[[Row], tuple[int, str]] = lambda row: (row["tranId"], row["incomeType"])  # noqa: E731
    rows: dict[tuple[int, str], Row] = {}
    start = 0
    while True:
        page = reader.futures("/v1/income", startTime=start, limit=PAGE)
        assert len({name(row) for row in page}) == len(page), f"income from {start} tells something twice"
        before = len(rows)
        rows |= {name(row): row for row in page}
        if len(page) < PAGE:
            return list(rows.values())
        assert len(rows) > before, f"more than a page of income in the millisecond {start}"
        start = page[-1]["time"]


def find_unbalanced(told: dict[str, Any]) -> list[str]:
    """Inconsistencies within one response about the account."""
    wallet, unrealized, used, available = (
        Decimal(told[name])
        for name in ("totalWalletBalance", "totalUnrealizedProfit", "totalInitialMargin", "availableBalance")
    )
    margins = sum(Decimal(row["initialMargin"]) for row in told["positions"])
    right = max(Decimal(0), wallet + min(Decimal(0), unrealized) - used)
    return [] if (available, used) == (right, margins) else [f"available should be {right}, margins {margins}: {told}"]
