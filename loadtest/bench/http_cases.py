"""Cases of load over HTTP: prepared before the clock starts, signed at the last moment."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from loadtest.accounts import Account
from loadtest.bench import signed
from loadtest.bench.load import Item
from loadtest.bench.venue import Venue
from shards.model.ids import to_uuid
from shards.model.markets import Market
from shards.model.orders import Order

BATCH: Final = 10  # orders in one batch cancel, and in one cancel-all

Sign = Callable[[], Iterable[Item]]
"""The requests, signed now or when they are taken."""


class Case(NamedTuple):
    """One kind of load."""

    name: str
    prepare: Callable[[Venue, int], Sign]  # for that many requests (approximately, where they come in groups)
    count_max: int = 20_000  # maximum requests of one run


def _cancel(venue: Venue, count: int) -> Sign:
    """Orders left open by a run are canceled before the next."""
    market = venue.futures[0]
    venue.clear(market)
    placed = venue.place(market, count)
    return lambda: [(signed.cancel(owner, market.symbol, order),) for owner, order in placed]


def place_on_all(venue: Venue, count: int) -> list[tuple[Market, Account, Order]]:
    """Open orders on all futures markets in turn."""
    share = count // len(venue.futures)
    placed = [[(market, owner, order) for owner, order in venue.place(market, share)] for market in venue.futures]
    return [each for turn in zip(*placed, strict=True) for each in turn]


def _cancel_spread(venue: Venue, count: int) -> Sign:
    placed = place_on_all(venue, count)
    return lambda: [(signed.cancel(owner, market.symbol, order),) for market, owner, order in placed]


def _cancel_spot_by_token(venue: Venue, count: int) -> Sign:
    placed = _place_spot(venue, count)
    return lambda: [(signed.cancel_spot_by_token(owner, order),) for owner, order in placed]


def _cancel_spot_by_new_token(venue: Venue, count: int) -> Sign:
    """Every token is new to all workers."""
    placed = [
        (venue.with_new_token(owner, index), order) for index, (owner, order) in enumerate(_place_spot(venue, count))
    ]
    return lambda: [(signed.cancel_spot_by_token(owner, order),) for owner, order in placed]


def _cancel_spot_signed(venue: Venue, count: int) -> Sign:
    """Each is signed when it is sent: a signature is valid for 5 s only."""
    placed = _place_spot(venue, count)
    return lambda: ((signed.cancel_spot(owner, order),) for owner, order in placed)


def _place_spot(venue: Venue, count: int) -> list[tuple[Account, str]]:
    """Owners and public ids."""
    return [(owner, to_uuid(order.id, venue.id_key)) for owner, order in venue.place(venue.spot, count)]


def _place(venue: Venue, count: int) -> Sign:
    market = venue.futures[0]
    venue.clear(market)  # orders of the previous run
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


def _place_beside_cancel(venue: Venue, count: int) -> Sign:
    """Alternating and independent: the canceled orders were placed before."""
    market = venue.futures[0]
    venue.clear(market)
    placed = venue.place(market, count // 2)
    traders = _turns(venue, len(placed))
    orders = [(trader, venue.new_order(market, trader, index)) for index, trader in enumerate(traders)]
    return lambda: [
        (request,)
        for (trader, order), (owner, open_order) in zip(orders, placed, strict=True)
        for request in (
            signed.place(trader, market.symbol, order),
            signed.cancel(owner, market.symbol, open_order),
        )
    ]


def _cancel_batch(venue: Venue, count: int) -> Sign:
    """The orders of a batch belong to one trader."""
    market = venue.futures[0]
    placed = venue.place(market, BATCH * (count - count % len(venue.traders)))
    owned: dict[Account, list[Order]] = {}
    for owner, order in placed:
        owned.setdefault(owner, []).append(order)
    batches = [
        (owner, orders[start : start + BATCH])
        for owner, orders in owned.items()
        for start in range(0, len(orders), BATCH)
    ]
    return lambda: [(signed.cancel_batch(owner, market.symbol, orders),) for owner, orders in batches]


def _cancel_all(venue: Venue, count: int) -> Sign:
    """One for each trader and market, with :data:`BATCH` open orders each."""
    pairs = [(trader, market) for market in venue.futures for trader in venue.traders]
    for market in venue.futures:
        venue.place(market, BATCH * len(venue.traders))
    return lambda: [(signed.cancel_all(trader, market.symbol),) for trader, market in pairs]


def _turns(venue: Venue, count: int) -> Iterator[Account]:
    return (venue.traders[index % len(venue.traders)] for index in range(count))


CANCEL: Final = Case("futures cancel HMAC", _cancel)
TOKEN_CANCEL: Final = Case("spot cancel JWT", _cancel_spot_by_token)
PLACE_AND_CANCEL: Final = Case("place + cancel", _place_and_cancel)
MIXED: Final = Case(PLACE_AND_CANCEL.name, _place_beside_cancel)  # for open-loop arrivals
CASES: Final = (
    CANCEL,
    TOKEN_CANCEL,
    Case("spot cancel JWT, each another", _cancel_spot_by_new_token),
    Case("spot cancel HMAC", _cancel_spot_signed),
    Case("place", _place),
    PLACE_AND_CANCEL,
    Case(f"batch cancel of {BATCH}", _cancel_batch, count_max=1_280),
    Case(f"cancel-all of {BATCH}", _cancel_all),
)
SPREAD: Final = Case("futures cancel HMAC on all markets", _cancel_spread)
