"""The load test's audit of the calls of crash tests."""

import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from loadtest.archive_audit import compare_archive
from loadtest.auditor import Statements, find_unclosed, read_decimals, wait_decided
from loadtest.futures_audit import FuturesAudit
from loadtest.markets import read_markets
from loadtest.match_audit import MatchAudit
from loadtest.reader import Reader
from loadtest.spot_audit import SpotAudit
from loadtest.statement import Opening, SpotStatement, read_futures, read_spot
from tests.crash.calls import READABLE_S, Call
from tests.crash.floor import FUNDS, Account, Floor
from tests.crash.futures_floor import FuturesFloor
from tests.crash.futures_trader import COUNTDOWN_MS
from tests.crash.processes import connected

EVER_S: Final = 1  # start of the statements
COUNTED_DOWN_S: Final = COUNTDOWN_MS / 1_000 + 1.0  # so long after the last call every countdown has expired
_ENDS: Final = {"countdown", "margin"}  # by which no order of the load test ends

Check = Callable[[Reader, Account, list[Call], Statements], Iterator[str]]


def audit_spot(floor: Floor, accounts: Sequence[Account], calls: Sequence[Call]) -> list[str]:
    """All findings about these accounts' calls; no call may be pending."""
    url = floor.exchange.base_url
    markets, decimals = {market.symbol: market for market in read_markets(url)}, read_decimals(url)
    funds = {asset: Decimal(amount) for asset, amount in floor.funds()["spot"].items()}
    opening = Opening(EVER_S, funds, Decimal(0), {})

    def check(reader: Reader, _: Account, own: list[Call], statements: Statements) -> Iterator[str]:
        statement = statements.spot[reader.account] = read_spot(reader, EVER_S)
        yield from SpotAudit(own, opening, markets, decimals).findings(reader, statement)

    found, _ = _audit(floor, accounts, calls, opening, check)
    return found


def audit_futures(floor: Floor, accounts: Sequence[Account], calls: Sequence[Call]) -> list[str]:
    """All findings about these accounts' calls; no call may be pending.

    Afterwards they have no open orders.
    """
    assert isinstance(floor, FuturesFloor)
    symbols = [market.symbol for market in floor.markets]
    opening = Opening(EVER_S, {}, Decimal(FUNDS), {})

    def check(reader: Reader, account: Account, own: list[Call], statements: Statements) -> Iterator[str]:
        statement = statements.futures[reader.account] = read_futures(reader, symbols, EVER_S)
        yield from FuturesAudit(own, opening, floor.terms_of(account)).findings(reader, statement)
        wallet = Decimal(statement.account["totalWalletBalance"])
        if wallet != (income := sum(Decimal(row["income"]) for row in statement.income)):
            yield f"the wallet has {wallet}, by all income {income}"
        yield from find_unclosed(reader, symbols, SpotStatement({}, {}, {}))

    found, statements = _audit(floor, accounts, calls, opening, check, COUNTED_DOWN_S)
    with connected(floor.exchange) as client:
        return [*found, *compare_archive(client, statements, _ENDS)]


def _audit(
    floor: Floor,
    accounts: Sequence[Account],
    calls: Sequence[Call],
    opening: Opening,
    check: Check,
    quiet_s: float = 0.0,
) -> tuple[list[str], Statements]:
    """All findings, and the accounts' statements, read ``quiet_s`` after every call's outcome is final."""
    wait_decided(call for call in calls if not call.is_query)
    time.sleep(quiet_s)
    statements, found = Statements({}, {}, {}), list[str]()
    for account in accounts:
        own = [call for call in calls if call.owner is account]
        with Reader(floor.exchange.base_url, account, READABLE_S) as reader:
            found += [f"{account.account}: {text}" for text in check(reader, account, own, statements)]
    openings = {account.account: opening for account in accounts}
    return [*found, *MatchAudit(openings, statements.spot, statements.futures).findings()], statements
