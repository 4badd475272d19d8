"""What is asked of an exchange over HTTP, one case each: prepared before the clock runs, signed at the last moment."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from loadtest.bench import signed
from loadtest.bench.load import Item
from loadtest.bench.venue import Trader, Venue
from shards.orders import Order

BATCH: Final = 10  # orders in one batch cancel, and of one cancel-all

Sign = Callable[[], list[Item]]
"""The requests, made and signed now."""


class Case(NamedTuple):
    """One kind of load."""

    name: str
    prepare: Callable[[Venue, int], Sign]  # so many requests (about, where they come in groups)
    status: bytes = b"200"
    count_max: int = 1_000_000  # requests of one run at most


def _cancel(venue: Venue, count: int) -> Sign:
    market = venue.futures[0]
    placed = venue.place(market, count)
    return lambda: [(signed.cancel(owner, market.symbol, order),) for owner, order in placed]


def _cancel_spot(by_token: bool) -> Callable[[Venue, int], Sign]:
    def prepare(venue: Venue, count: int) -> Sign:
        placed = venue.place(venue.spot, count)
        return lambda: [(signed.cancel_spot(owner, order, venue.id_key, by_token),) for owner, order in placed]

    return prepare


def _place(venue: Venue, count: int) -> Sign:
    market = venue.futures[0]
    venue.clear(market)  # of what the run before has placed
    orders = [(trader, venue.new_order(market, trader, index)) for index, trader in enumerate(_turns(venue, count))]
    return lambda: [(signed.place(trader, market.symbol, order),) for trader, order in orders]


def _place_and_cancel(venue: Venue, count: int) -> Sign:
    market = venue.futures[0]
    traders = _turns(venue, count // 2)
    orders = [(trader, venue.new_order(market, trader, index)) for index, trader in enumerate(traders)]
    return lambda: [
        (
            signed.place(trader, market.symbol, order),
            signed.cancel_by_client_id(trader, market.symbol, order.client_id),
        )
        for trader, order in orders
    ]


def _cancel_batch(venue: Venue, count: int) -> Sign:
    """Each batch is of one trader."""
    market = venue.futures[0]
    placed = venue.place(market, BATCH * (count - count % len(venue.traders)))
    owned: dict[Trader, list[Order]] = {}
    for owner, order in placed:
        owned.setdefault(owner, []).append(order)
    batches = [
        (owner, orders[start : start + BATCH])
        for owner, orders in owned.items()
        for start in range(0, len(orders), BATCH)
    ]
    return lambda: [(signed.cancel_batch(owner, market.symbol, orders),) for owner, orders in batches]


def _cancel_all(venue: Venue, count: int) -> Sign:
    """Each of so many traders and markets once, with :data:`BATCH` open orders each."""
    pairs = [(trader, market) for market in venue.futures for trader in venue.traders]
    for market in venue.futures:
        venue.place(market, BATCH * len(venue.traders))
    return lambda: [(signed.cancel_all(trader, market.symbol),) for trader, market in pairs]


def _turns(venue: Venue, count: int) -> Iterator[Trader]:
    return (venue.traders[index % len(venue.traders)] for index in range(count))


CANCEL: Final = Case("futures cancel HMAC", _cancel)
CASES: Final = (
    CANCEL,
    Case("spot cancel JWT", _cancel_spot(by_token=True)),
    Case("spot cancel HMAC", _cancel_spot(by_token=False), count_max=2_500),  # a signature is good for 5 s
    Case("place", _place),
    Case("place + cancel", _place_and_cancel),
    Case(f"batch cancel of {BATCH}", _cancel_batch, count_max=1_280),
    Case(f"cancel-all of {BATCH}", _cancel_all),
)
BUSY: Final = Case("ENGINE_BUSY", _cancel, status=b"503")
