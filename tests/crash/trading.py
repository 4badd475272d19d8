"""What a load trades: its traders, and the audit."""

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tests.crash.audit import audit_futures, audit_spot
from tests.crash.calls import Call, Note
from tests.crash.floor import Account, Floor
from tests.crash.futures_trader import FuturesTrader
from tests.crash.spot_trader import SpotTrader
from tests.crash.trader import Trader


class Trading(NamedTuple):
    """The load of one product."""

    make_trader: Callable[[int, Floor, Account, Note, random.Random], Trader]
    audit: Callable[[Floor, Sequence[Account], Sequence[Call]], list[str]]


SPOT: Final = Trading(SpotTrader, audit_spot)
FUTURES: Final = Trading(FuturesTrader, audit_futures)
