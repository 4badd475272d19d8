"""What a load trades: the markets, its traders, and the audit of each product."""

import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from tests.crash.audit import audit_futures, audit_spot
from tests.crash.calls import Call, Note
from tests.crash.floor import Account, Floor
from tests.crash.futures_floor import FuturesFloor
from tests.crash.futures_trader import FuturesTrader
from tests.crash.spot_trader import SpotTrader
from tests.crash.trader import Trader
from tests.exchange import Exchange


class Trading(NamedTuple):
    """The load of one product."""

    make_floor: Callable[[Exchange], Floor]
    make_trader: Callable[[int, Floor, Account, Note, random.Random], Trader]
    audit: Callable[[Floor, Sequence[Account], Sequence[Call]], list[str]]


SPOT: Final = Trading(Floor, SpotTrader, audit_spot)
FUTURES: Final = Trading(FuturesFloor, FuturesTrader, audit_futures)
PRODUCTS: Final = {"spot": SPOT, "futures": FUTURES}
