"""Traders at work, and the record of their calls."""

import gc
import random
from collections import Counter
from collections.abc import Iterator
from functools import partial

from loadtest.answers import find_undocumented
from loadtest.outcome import Outcome
from tests.crash.answers import SIGNED_S, TRADERS
from tests.crash.calls import PAUSE_S, Call
from tests.crash.floor import Floor
from tests.crash.trader import Trader
from tests.crash.trading import Trading
from tests.crash.workers import Workers


class Load(Workers):
    """Traders at work in threads, for the duration of the context."""

    def __init__(self, floor: Floor, trading: Trading, rnd: random.Random, traders_per_account: int = 2) -> None:
        """Two accounts on each shard, at least four in all."""
        self._floor = floor
        self._trading = trading
        self.calls: list[Call] = []
        per_shard = max(2, 4 // floor.shard_count)
        self.accounts = [floor.accounts_of(shard) for shard in range(floor.shard_count) for _ in range(per_shard)]
        self._traders = [
            trading.make_trader(number, floor, account, self.calls.append, random.Random(rnd.random()))
            for number, account in enumerate(self.accounts * traders_per_account)
        ]
        super().__init__(*(partial(self._step, trader) for trader in self._traders))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for trader in self._traders:
            trader.close()
        gc.collect()  # a session forgets a connection that failed, but does not close it

    def _step(self, trader: Trader) -> None:
        if trader.step().outcome is not Outcome.DECIDED:
            self.stop.wait(PAUSE_S)

    def decided_count(self) -> int:
        """Calls with a decided outcome so far."""
        return sum(call.outcome is Outcome.DECIDED for call in list(self.calls))

    def audit(self) -> list[str]:
        """All findings about the calls; the load must have ended, and the exchange must be ready."""
        return [*self._faults(), *self._trading.audit(self._floor, self.accounts, self.calls)]

    def _faults(self) -> Iterator[str]:
        """Invalid responses."""
        yield from self.failures
        for trader in self._traders:
            yield from trader.faults
        for call in self.calls:
            is_late = call.status == 401 and call.seconds > SIGNED_S  # its server recovered too late for its signature
            if call.verb != "repeat" and not is_late:  # a repeat may always be late
                yield from find_undocumented(call, TRADERS, may_lose=True)

    def summary(self) -> str:
        """The number of each kind of response."""
        counts = Counter(f"{call.verb} {call.status or 'none'} {call.error}".strip() for call in self.calls)
        slowest = max((call.seconds for call in self.calls), default=0)
        return f"{len(self.calls)} calls, the slowest {slowest:.2f} s: {dict(sorted(counts.items()))}"
