"""What a load trades: its traders, and the audit."""

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from tests.crash.audit import audit_futures, audit_spot
from tests.crash.calls import Call, Note
from tests.crash.floor import Account, Floor
from tests.crash.futures_trader import FuturesTrader
from tests.crash.spot_trader import SpotTrader


class Trader(Protocol):
    """One thread that trades at random and keeps track of its orders."""

    faults: list[str]
    """Invalid responses."""

    def step(self) -> Call:
        """Make one call, possibly with related ones."""

    def close(self) -> None:
        """Close the connection."""


class Trading(NamedTuple):
    """The load of one product."""

    make_trader: Callable[[int, Floor, Account, Note, random.Random], Trader]
    audit: Callable[[Floor, Sequence[Account], Sequence[Call]], list[str]]


SPOT: Final = Trading(SpotTrader, audit_spot)
FUTURES: Final = Trading(FuturesTrader, audit_futures)
