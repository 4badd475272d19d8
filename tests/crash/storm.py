"""A load of real calls with faults injected into it, then the audit."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

from loadtest.outcome import Outcome
from shards.ipc.client import Client
from shards.verify.folder import verify_folder
from tests.crash.calls import Call
from tests.crash.capacity import check_capacity
from tests.crash.floor import Floor
from tests.crash.load import Load
from tests.crash.processes import BACK_S, Holdings, check_quiet, connected
from tests.crash.settings import make_random
from tests.crash.trading import SPOT, Trading
from tests.exchange import Exchange, until

GAP_S: Final = 0.1  # between two faults, at most
CALM_S: Final = 60.0  # for every worker to report ready, repeatedly
SHOWN: Final = 20  # findings


class Stage(NamedTuple):
    """An exchange, its markets, and how they are traded."""

    exchange: Exchange
    floor: Floor
    trading: Trading

    @classmethod
    def of(cls, exchange: Exchange, trading: Trading = SPOT) -> Self:
        """With new markets."""
        return cls(exchange, trading.make_floor(exchange), trading)


class Findings(AssertionError):
    """All findings as texts."""

    def __init__(self, found: Sequence[str]) -> None:
        super().__init__(f"{len(found)} findings:\n" + "\n".join(found[:SHOWN]))
        self.count = len(found)


class Storm:
    """A load for the duration of the context, with faults injected into it, and the audit at its end."""

    def __init__(self, stage: Stage, rnd: random.Random | None = None, report: Callable[[str], None] = print) -> None:
        """``rnd``: a random generator; by default a new one, whose seed is printed."""
        self.exchange = stage.exchange
        self.rnd = rnd or make_random()
        self._report = report
        self.load = Load(stage.floor, stage.trading, self.rnd)
        self._holdings = Holdings(self.exchange)

    def __enter__(self) -> "Storm":
        self.load.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._await_calm()
        finally:
            self.load.__exit__()
            self._report(self.load.summary())
        if kind is None:
            self.exchange.wait_ready(CALM_S)
            check_nothing(self.load.audit())
            check_quiet(self.exchange)
            check_capacity(self.exchange)
            self._holdings.check_same()

    def strike(self, count: int, inject: Callable[[], object]) -> None:
        """Inject so many faults; before each, the exchange must be trading again."""
        for _ in range(count):
            self.await_trading(self.rnd.randint(5, 25))
            time.sleep(self.rnd.uniform(0, GAP_S))
            inject()

    def _await_calm(self) -> None:
        with connected(self.exchange) as client:
            shards = range(client.shard_count)
            until(lambda: all(client.is_serving(shard) for shard in shards), BACK_S, "all shards serve")
            self.await_trading(100)
            self._verify_under_load(client)

    def await_trading(self, count: int) -> None:
        until_count = self.load.decided_count() + count
        until(lambda: self.load.decided_count() >= until_count, BACK_S, f"{count} more calls come to something")

    def _verify_under_load(self, client: Client) -> None:
        until(client.archive_serving, BACK_S, "the archive serves")
        check_nothing(verify_folder(self.exchange.folder, client.ask_archive))

    def check_only(self, harmed: Callable[[Call], bool]) -> None:
        """All calls so far except the ``harmed`` ones have been answered."""
        undecided = [call for call in list(self.load.calls) if call.outcome is not Outcome.DECIDED]
        check_nothing([str(call) for call in undecided if not (harmed(call) or call.may_be_unheard)])


def check_nothing(found: Sequence[str]) -> None:
    """Fails with the first findings, if there are any."""
    if found:
        raise Findings(found)
