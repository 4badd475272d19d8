"""An exchange to be overloaded: its markets of both products, and who trades on them."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.crash.floor import Floor
from tests.crash.futures_floor import FuturesFloor
from tests.exchange import Exchange
from tests.overload.load import Load
from tests.overload.orders import Orders


class Scene(NamedTuple):
    """What a run needs."""

    exchange: Exchange
    orders: Orders
    load: Load


@contextmanager
def scene(
    rnd: random.Random, mix: dict[str, int], settings: dict[str, str] | None = None, shard_count: int = 2
) -> Iterator[Scene]:
    """A market of each product on each shard."""
    with Exchange(shard_count, settings) as exchange:
        orders = Orders(Floor(exchange), FuturesFloor(exchange), rnd, mix)
        yield Scene(exchange, orders, Load(exchange.port, orders, rnd))
