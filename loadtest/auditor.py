"""The audit after a load: no acknowledged order and not one unit of an asset may be missing.

It queries as the accounts themselves could, on any exchange. Afterwards no account has an open order.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from loadtest.accounts import Account
from loadtest.answers import USERS, find_undocumented
from loadtest.futures_audit import FuturesAudit
from loadtest.futures_money import Terms, find_held
from loadtest.markets import ask, read_markets
from loadtest.match_audit import MatchAudit
from loadtest.outcome import Outcome
from loadtest.placements import attempts_in
from loadtest.reader import Reader, Unanswered
from loadtest.record import Call
from loadtest.spot_audit import SpotAudit
from loadtest.statement import (
    FuturesStatement,
    Opening,
    SpotStatement,
    close_orders,
    read_balances,
    read_futures,
    read_opening,
    read_spot,
)
from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS

BULK: Final = ("cancel_all", "cancel_batch", "place_batch")
LATE_S: Final = 0.5  # so long after its deadline, an unanswered call has been executed or never will be
THREADS: Final = 4  # for the initial queries
Openings = dict[str, Opening]


class Statements(NamedTuple):
    """What the exchange reported about every account, by account name."""

    spot: dict[str, SpotStatement]
    futures: dict[str, FuturesStatement]
    client_ids: dict[str, str]  # of spot orders, by id: compared with the archive, which alone shows them


class Auditor:
    """The audit of one load on one exchange."""

    def __init__(self, url: str, accounts: Sequence[Account]) -> None:
        """Reads the markets. Raises requests.RequestException."""
        self._url = url
        self._accounts = accounts
        markets = read_markets(url)
        self._spot = {market.symbol: market for market in markets if market.product == "spot"}
        self._futures = {market.symbol: market for market in markets if market.product == "futures"}
        self._decimals = read_decimals(url)
        self.statements = Statements({}, {}, {})

    def open(self) -> Openings:
        """Cancel every open order and read each account's balances and positions. Raises Unanswered."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._close_orders, self._accounts))
            start_s = int(time.time()) + 1
            time.sleep(start_s - time.time())
            return dict(pool.map(lambda account: self._read_opening(account, start_s), self._accounts))

    def _close_orders(self, account: Account) -> None:
        with Reader(self._url, account) as reader:
            close_orders(reader, self._futures)

    def _read_opening(self, account: Account, start_s: int) -> tuple[str, Opening]:
        with Reader(self._url, account) as reader:
            return account.account, read_opening(reader, start_s)

    def findings(self, calls: Sequence[Call], openings: Openings, may_lose: bool) -> Iterator[str]:
        """All findings as texts; ``may_lose``: connections may have been lost during the load.

        Statements are read once, before all orders are canceled; later calls use the same ones.
        """
        if not any(_is_acknowledged(call) for call in calls):
            yield "not one order was acknowledged"
        wait_decided(calls)
        by_account: dict[str, list[Call]] = defaultdict(list)
        for call in calls:
            by_account[call.account].append(call)
            yield from find_undocumented(call, USERS, may_lose)
        for account in self._accounts:
            name = account.account
            with Reader(self._url, account) as reader:
                try:
                    for text in self._check(reader, by_account[name], openings[name]):
                        yield f"{name}: {text}"
                except Unanswered as error:
                    yield f"{name}: {error}"
        yield from self.matches(openings).findings()

    def matches(self, openings: Openings) -> MatchAudit:
        """The comparison of both sides of all trades, from the statements already read."""
        return MatchAudit(openings, self.statements.spot, self.statements.futures)

    def _check(self, reader: Reader, calls: Sequence[Call], opening: Opening) -> Iterator[str]:
        spot, futures = self._read(reader, opening)
        sound = [call for call in calls if not call.fault]
        own = [call for call in sound if call.product == "spot"]
        placed = (call for call in own if call.verb == "place" and call.status == 200)
        self.statements.client_ids.update((call.body["id"], call.sent["client_order_id"]) for call in placed)
        yield from SpotAudit(own, opening, self._spot, self._decimals).findings(reader, spot)
        own = [call for call in sound if call.product == "futures"]
        yield from FuturesAudit(own, opening, self._read_terms(reader, futures)).findings(reader, futures)
        yield from find_unclosed(reader, self._futures, spot)

    def _read(self, reader: Reader, opening: Opening) -> tuple[SpotStatement, FuturesStatement]:
        (spot, futures, _), name = self.statements, reader.account
        if name not in futures:
            spot[name] = read_spot(reader, opening.time_s)
            futures[name] = read_futures(reader, self._futures, opening.time_s)
        return spot[name], futures[name]

    def _read_terms(self, reader: Reader, statement: FuturesStatement) -> Mapping[str, Terms]:
        leverages = {row["symbol"]: int(row["leverage"]) for row in statement.account["positions"]}
        rates = {symbol: reader.futures("/v1/commissionRate", symbol=symbol) for symbol in self._futures}
        return {
            symbol: Terms(
                self._futures[symbol].tick,
                Decimal(rate["makerCommissionRate"]),
                Decimal(rate["takerCommissionRate"]),
                leverages[symbol],
            )
            for symbol, rate in rates.items()
        }


def find_unclosed(reader: Reader, futures: Iterable[str], before: SpotStatement) -> Iterator[str]:
    """Cancel all orders: then nothing is held, and spot totals are unchanged. ``futures``: symbols."""
    close_orders(reader, futures)
    right = {token: (available + frozen, Decimal(0)) for token, (available, frozen) in before.balances.items()}
    if (balances := read_balances(reader)) != right:
        yield f"all is canceled, and balances are {balances}, should be {right}"
    if left := reader.futures("/v1/openOrders"):
        yield f"all is canceled, and open are {left}"
    yield from find_held(reader.futures("/v2/account"))


def read_decimals(url: str) -> dict[str, int]:
    """Token → its decimals. Raises requests.RequestException."""
    return {row["symbol"]: row["decimals"] for row in ask(url, "/api/v1/wallet/tokens")["data"]}


def _is_acknowledged(call: Call) -> bool:
    return (
        call.status == 200
        and call.verb in ("place", "place_batch")
        and (call.product == "spot" or any(attempt.id for attempt in attempts_in(call)))
    )


def wait_decided(calls: Iterable[Call]) -> None:
    """Wait until the outcome of every call is final."""
    decided = [call.started + _deadline_s(call) for call in calls if call.outcome is Outcome.UNKNOWN]
    if decided:
        time.sleep(max(0.0, max(decided) + LATE_S - time.time()))


def _deadline_s(call: Call) -> float:
    return (DEADLINE_BULK_MS if call.verb in BULK else DEADLINE_MS) / 1_000


def write_openings(path: Path, openings: Openings) -> None:
    """Store the opening balances, for an audit by another process."""
    path.write_bytes(msgspec.json.encode(openings))


def read_openings(path: Path) -> Openings:
    """Read the file of :func:`write_openings`."""
    return msgspec.json.decode(path.read_bytes(), type=Openings)
