"""Backups of an exchange under load, and the exchanges restored from them."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from loadtest.reader import Reader
from loadtest.statement import SpotStatement, read_spot
from tests.crash.audit import EVER_S
from tests.crash.calls import Call
from tests.crash.commands import shardex
from tests.crash.floor import QUOTE, Floor, done
from tests.crash.workers import Workers
from tests.exchange import Exchange

GIVEN: Final = "7"  # of each asset that the operator adds


class Acknowledged(NamedTuple):
    """What had been acknowledged when a backup began."""

    calls: list[Call]
    given: list[tuple[str, str]]  # account and asset


class Operator(Workers):
    """Opens markets and deposits assets while the context lasts."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self.given: list[tuple[str, str]] = []
        super().__init__(self._step)

    def _step(self) -> None:
        number = len(self.given)
        market = self._floor.open_market(number % self._floor.shard_count)
        account = f"given-{number}"
        payment = {"account": account, "asset": market.base, "amount": GIVEN, "reference": account}
        done(self._floor.exchange.operate("POST", "/deposits", {"wallet": "spot", **payment}))
        self.given.append((account, market.base))
        self.stop.wait(0.05)


@contextmanager
def restored(backup: Path, shard_count: int) -> Iterator[Exchange]:
    """The exchange restored from a backup."""
    with closing(Exchange(shard_count)) as exchange:
        shardex(exchange.data, "restore", str(backup)).ok()
        exchange.start()
        yield exchange


def find_lost(acknowledged: Acknowledged, exchange: Exchange) -> Iterator[str]:
    """Findings for everything acknowledged that is missing from ``exchange``."""
    for account in {call.owner for call in acknowledged.calls}:
        with Reader(exchange.base_url, account) as reader:
            statement = read_spot(reader, EVER_S)
        for call in acknowledged.calls:
            if call.owner == account and call.status == 200:
                yield from _find_lost_of(call, statement)
    listed = {market["id"] for market in exchange.call("GET", "/api/v1/spot/markets").json()}
    for name, asset in acknowledged.given:
        if asset + QUOTE not in listed:
            yield f"market {asset}{QUOTE} is lost"
        spot = exchange.operate("GET", f"/accounts/{name}").json()["spot"]
        if [(row["token"], row["available"]) for row in spot] != [(asset, GIVEN)]:
            yield f"{name} was given {GIVEN} {asset}, and has {spot}"


def _find_lost_of(call: Call, statement: SpotStatement) -> Iterator[str]:
    if call.verb == "place" and call.body["id"] not in statement.orders:
        yield f"order {call.body['id']} is lost; {call}"
    elif call.verb == "place":
        missing = {fill["trade_id"] for fill in call.body["fills"]} - statement.trades.keys()
        if missing:
            yield f"{call}: its matches {missing} are lost"
    elif call.verb.startswith("cancel"):
        for order in call.body["canceled"] if call.verb == "cancel_all" else [call.body]:
            if statement.orders.get(order["id"]) != order:
                yield f"{call}: the answer was {order}, restored {statement.orders.get(order['id'])}"


def names(folder: Path) -> Sequence[str]:
    """The names of all files, including hidden ones."""
    return sorted(path.name for path in folder.iterdir())
