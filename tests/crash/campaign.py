"""Storms of all kinds of faults in turn, on one product's exchange, which keeps its data folder throughout."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Set
from math import inf
from typing import Final

from loadtest.outcome import Outcome
from tests.crash.calls import HUNG_S, Call
from tests.crash.faults import SYNCS_MAY_FAIL
from tests.crash.kinds import KINDS, Kind
from tests.crash.processes import BACK_S, check_at_rest
from tests.crash.storm import Findings, Stage, Storm
from tests.crash.trading import PRODUCTS
from tests.exchange import Exchange, until

SHARDS: Final = 4
STORM_FAULTS: Final = 25  # at most, between two audits: storms stay short
LATE_S: Final = HUNG_S - 6  # well after the longest deadline, even on a busy machine
WORKER_LATE_S: Final = 5.0  # a longer wait was for the killed worker


class Tally:
    """Results of one kind of fault."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.faults = self.calls = self.findings = 0
        self.back_s: list[float] = []  # from a fault to the first call served by its victim
        self.slowest_s = 0.0

    def __str__(self) -> str:
        text = f"{self.faults:5} faults {self.calls:7} calls {self.findings:3} findings"
        text += f"  slowest {self.slowest_s:5.2f} s{_bar(self.slowest_s, self.kind.slowest_s)}"
        if not self.back_s:
            return text
        p50, p99 = self._back_s(0.5), self._back_s(0.99)
        text += f"  served again p50 {p50:5.2f} s p99 {p99:5.2f} s max {max(self.back_s):5.2f} s"
        return text + _bar(p99, self.kind.again_s)

    def is_slow(self) -> bool:
        """Whether a target for an otherwise idle machine was missed."""
        return self.slowest_s > self.kind.slowest_s or self._back_s(0.99) > self.kind.again_s

    def _back_s(self, share: float) -> float:
        return sorted(self.back_s)[int(share * (len(self.back_s) - 1) + 0.5)] if self.back_s else 0.0


def _bar(seconds: float, seconds_max: float) -> str:
    """A target for an otherwise idle machine, and whether it was met; missing it only fails with --strict."""
    return f" [≤ {seconds_max:.0f} s: {'reached' if seconds <= seconds_max else 'MISSED'}]" if seconds_max < inf else ""


class Tallies(dict[str, Tally]):
    """Of all kinds injected so far."""

    def __missing__(self, name: str) -> Tally:
        tally = self[name] = Tally(KINDS[name])
        return tally


def plan(kinds: Mapping[str, int]) -> Iterator[tuple[Kind, int]]:
    """Storms, each of one kind: all kinds in turn until the given number of faults of each is planned."""
    left = dict(kinds)
    while any(left.values()):
        for name in left:
            if count := min(left[name], STORM_FAULTS):
                left[name] -= count
                yield KINDS[name], count


class Campaign:
    """One product's exchange and all its storms."""

    def __init__(self, product: str, rnd: random.Random, tallies: Tallies, report: Callable[[str], None]) -> None:
        settings = {**SYNCS_MAY_FAIL, "SHARDEX_SNAPSHOT_RECORDS": "150"}  # so that a snapshot is always being written
        self.exchange = Exchange(SHARDS, settings)
        self._product = product
        self._rnd = rnd
        self._tallies = tallies
        self._report = report

    def run(self, kinds: Mapping[str, int]) -> None:
        """Inject so many faults of each kind. Raises AssertionError at the first storm with findings."""
        self.exchange.start()
        stage = Stage.of(self.exchange, PRODUCTS[self._product])
        for kind, count in plan(kinds):
            self._storm(stage, kind, count)
        check_at_rest(self.exchange)

    def _storm(self, stage: Stage, kind: Kind, count: int) -> None:
        tally, begun = self._tallies[kind.name], time.monotonic()
        victims = frozenset(self._rnd.sample(range(SHARDS), SHARDS // 2))
        storm = Storm(stage, self._rnd, lambda summary: None)
        struck = begun
        try:
            with storm:
                for _ in range(count):
                    storm.strike(1, lambda: self._strike(storm, kind, victims))
                struck = time.monotonic()
            storm.check_only(lambda call: kind.is_harmed(call, victims))
            self._check_patience(storm, kind)
        except Exception as error:
            tally.findings += error.count if isinstance(error, Findings) else 1
            raise
        finally:
            tally.calls += len(storm.load.calls)
            tally.slowest_s = max(tally.slowest_s, *(call.seconds for call in storm.load.calls))
            took, audited = struck - begun, time.monotonic() - struck
            self._report(f"{self._product:7} {kind.name:10} {count:3} faults {took:5.1f} s, audit {audited:4.1f} s")

    def _strike(self, storm: Storm, kind: Kind, victims: Set[int]) -> None:
        """Inject one fault, and wait until its victims are seen to serve."""
        shard, seen = self._rnd.choice(sorted(victims)), len(storm.load.calls)
        tally = self._tallies[kind.name]
        tally.faults += 1
        moment = kind.strike(storm, shard)
        ends = []
        for proves in _proofs(kind, shard):
            until(lambda: self._served(storm, seen, moment, proves) is not None, BACK_S, f"{kind.name}: served again")  # noqa: B023
            ends.append(self._served(storm, seen, moment, proves) or 0.0)
        tally.back_s.append(max(ends) - moment)

    @staticmethod
    def _served(storm: Storm, seen: int, moment: float, proves: Callable[[Call], bool]) -> float | None:
        """When the first call was answered that was made after the fault and proves that its victim serves."""
        after = (call for call in storm.load.calls[seen:] if call.started > moment)
        return min((call.ended for call in after if call.outcome is Outcome.DECIDED and proves(call)), default=None)

    @staticmethod
    def _check_patience(storm: Storm, kind: Kind) -> None:
        bound_s = WORKER_LATE_S if kind.name == "worker" else LATE_S
        late = [f"{call}: only after {call.seconds:.1f} s" for call in storm.load.calls if call.seconds > bound_s]
        if late:
            raise Findings(late)


def _proofs(kind: Kind, shard: int) -> list[Callable[[Call], bool]]:
    """What proves that the victims serve again; all of it must be seen."""

    def served_by(number: int) -> Callable[[Call], bool]:
        # a call that needs no other shard; trades come from the archive alone
        return lambda call: call.shards == {number} and call.status < 500 and call.verb != "trades"

    match kind.hits:
        case "shard":
            return [served_by(shard)]
        case "shards":
            return [served_by(number) for number in range(SHARDS)]
        case "archive":
            return [lambda call: call.verb == "trades" and call.status == 200]
    return [lambda call: True]
