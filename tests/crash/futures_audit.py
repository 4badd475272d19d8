"""Audit of the accounts' futures calls against the exchange's statements afterwards."""

import time
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from loadtest.reader import Reader
from tests.crash.calls import READABLE_S, Call, wait_decided
from tests.crash.floor import QUOTE_DECIMALS, Account, Floor
from tests.crash.futures_cancels import check_cancels
from tests.crash.futures_floor import FuturesFloor
from tests.crash.futures_money import check_flat_book, check_money
from tests.crash.futures_orders import check_orders
from tests.crash.futures_placed import resolve
from tests.crash.futures_statement import Statement, read_statement
from tests.crash.futures_trader import COUNTDOWN_MS, OPEN
from tests.http.futures.order_trader import wait_archived
from tests.http.venue import Venue

COUNTED_DOWN_S: Final = COUNTDOWN_MS / 1_000 + 1.0  # so long after the last call every countdown has expired


def audit_futures(floor: Floor, accounts: Sequence[Account], calls: Sequence[Call]) -> list[str]:
    """All findings about these accounts' calls; no call may be pending.

    Afterwards they have no open orders.
    """
    assert isinstance(floor, FuturesFloor)
    wait_decided(calls)
    time.sleep(COUNTED_DOWN_S)
    found = []
    statements: dict[str, Statement] = {}
    for account in accounts:
        with Reader(floor.exchange.base_url, account, READABLE_S) as reader:
            own = [call for call in calls if call.account is account]
            said = statements[account.account] = read_statement(reader, floor.markets)
            found += [f"{account.account}: {text}" for text in _check(floor, reader, said, own)]
    return found + list(_check_archive(Venue(floor.exchange), statements))


def _check(floor: FuturesFloor, reader: Reader, said: Statement, calls: Sequence[Call]) -> Iterator[str]:
    known, found = resolve(calls, reader)
    yield from found
    yield from check_orders(known, said, calls)
    yield from check_cancels(known, said, calls)
    account = reader.account
    yield from check_money(said, {market.symbol: floor.leverages[account, market.symbol] for market in floor.markets})
    for market in floor.markets:
        reader.futures("/v1/allOpenOrders", "DELETE", symbol=market.symbol)
    if left := reader.futures("/v1/openOrders"):
        yield f"all was canceled, and open are {left}"
    yield from check_flat_book(reader.futures("/v2/account"))


def _check_archive(venue: Venue, statements: Mapping[str, Statement]) -> Iterator[str]:
    """Each order and fill is archived exactly once, as its account saw it; open orders have been canceled since."""
    wait_archived(venue)
    accounts = ", ".join(f"'{account}'" for account in statements)
    rows = venue.sql(f"SELECT order_id, status FROM orders WHERE product = 'futures' AND account IN ({accounts})")
    told = sorted((row["order_id"], row["status"]) for row in rows)
    orders = [order for said in statements.values() for order in said.orders.values()]
    right = sorted(
        (order["orderId"], "canceled" if order["status"] in OPEN else order["status"].lower()) for order in orders
    )
    if told != right:
        yield f"orders in the archive alone {set(told) - set(right)}, missing {set(right) - set(told)}, of {len(right)}"
    rows = venue.sql(
        "SELECT trade_id, order_id, profit_units, fee_units FROM stored.futures_fills"
        f" WHERE account IN ({accounts}) ORDER BY ALL"
    )
    fills = sorted(
        (fill["id"], fill["orderId"], _units(fill["realizedPnl"]), _units(fill["commission"]))
        for said in statements.values()
        for fill in said.fills
    )
    if (stored := sorted(tuple(int(value) for value in row.values()) for row in rows)) != fills:
        yield f"fills in the archive alone {set(stored) - set(fills)}, missing {set(fills) - set(stored)}"


def _units(amount: str) -> int:
    return int(Decimal(amount).scaleb(QUOTE_DECIMALS))
