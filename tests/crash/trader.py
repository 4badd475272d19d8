"""What the traders of both products have in common."""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from tests.crash.calls import Call, Caller
from tests.crash.floor import Account, Floor


class Trader(ABC):
    """One thread that trades at random and keeps track of its orders."""

    _caller: Caller

    def __init__(self, number: int, floor: Floor, account: Account, rnd: random.Random) -> None:
        self._number = number
        self._markets = floor.markets
        self._all_shards = range(floor.shard_count)
        self._account_shard = account.account_shard
        self._rnd = rnd
        self._count = 0
        self.faults: list[str] = []  # invalid responses

    def close(self) -> None:
        """Close the connection."""
        self._caller.close()

    def step(self) -> Call:
        """Make one call, possibly with related ones."""
        acts = self._acts()
        (act,) = self._rnd.choices(list(acts), list(acts.values()))
        return act()

    @abstractmethod
    def _acts(self) -> Mapping[Callable[[], Call], float]:
        """What it does, and how often."""

    def _new_name(self) -> str:
        """A client id."""
        self._count += 1
        return f"{self._number}-{self._count}"

    def _check_repeat(self, first: Call, again: Call, key: str) -> None:
        """The same signed request must return the same order; ``key``: the name of its id."""
        if first.status == again.status == 200 and first.body[key] != again.body[key]:
            self.faults.append(f"{again}: a second order for the same signed request")
