"""A load of real calls and blows in its midst, then the audit."""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from shards.client import Client
from shards.verify import verify_folder
from tests.crash.auditor import Call, Load, Outcome, audit
from tests.crash.floor import Floor
from tests.crash.processes import BACK_S, Holdings, check_quiet, connected
from tests.crash.settings import make_random
from tests.exchange import Exchange, until

GAP_S: Final = 0.25  # between two blows, at most


class Stage(NamedTuple):
    """An exchange and its markets."""

    exchange: Exchange
    floor: Floor


class Storm:
    """A load, and kills in its midst; what the audit says at its end."""

    def __init__(self, stage: Stage) -> None:
        self.exchange, floor = stage
        self.rnd = make_random()
        self.load = Load(floor, self.rnd)

    def run(self, count: int, strike: Callable[[], None]) -> None:
        """Strike so often; each time the exchange must come back and trade."""
        holdings = Holdings(self.exchange)
        with self.load:
            for _ in range(count):
                self._await_trading(self.rnd.randint(10, 40))
                time.sleep(self.rnd.uniform(0, GAP_S))
                strike()
            self.exchange.wait_ready(BACK_S)
            self._await_trading(100)
            with connected(self.exchange) as client:
                self._verify_under_load(client)
        print(self.load.summary())
        assert audit(self.load) == []
        check_quiet(self.exchange)
        holdings.check_same()

    def _await_trading(self, count: int) -> None:
        until_count = self.load.decided_count() + count
        until(lambda: self.load.decided_count() >= until_count, BACK_S, f"{count} more calls come to something")

    def _verify_under_load(self, client: Client) -> None:
        until(client.archive_serving, BACK_S, "the archive serves")
        assert verify_folder(self.exchange.folder, client.ask_archive) == []

    def check_only(self, harmed: Callable[[Call], bool]) -> None:
        """All calls but the ``harmed`` have come to something."""
        others = [call for call in self.load.calls if call.outcome is not Outcome.DECIDED and not harmed(call)]
        assert [str(call) for call in others] == []
