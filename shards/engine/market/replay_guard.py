"""Recently seen signed requests: a replay of the same one must not place a second order."""

from collections import OrderedDict
from itertools import chain

import msgspec
from msgspec.structs import astuple

from shards.limits import REPLAY_CLOCK_MS, REPLAY_WINDOW_MS
from shards.model.orders import NewOrder, Order

Key = tuple[str | int | bool, ...]


class Replay(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An order and the signed request that placed it."""

    key: Key  # of the request as sent; later changes of the order do not affect it
    expires_ms: int
    order: Order


def _key(new: NewOrder) -> Key:
    """Return what identifies a request: account, client id, time stamp, content."""
    # plain numbers, not enumeration members: the garbage collector untracks tuples of plain numbers
    side, kind, tif = +new.side, +new.kind, +new.tif
    what = side, kind, tif, new.price, new.quantity, new.quote_quantity, new.reduce_only, new.close_position
    key = new.account, new.client_id, new.signed_ms, *what
    if new.trigger is None and new.take_profit is None and new.stop_loss is None:
        return key
    triggers = (astuple(each) if each is not None else () for each in (new.trigger, new.take_profit, new.stop_loss))
    return *key, *(+term for term in chain.from_iterable((len(terms), *terms) for terms in triggers))


class Replays:
    """Orders by the signed request that placed them, for as long as that request is inside its time window."""

    __slots__ = ("_replays",)

    def __init__(self) -> None:
        self._replays: OrderedDict[Key, Replay] = OrderedDict()  # oldest first

    def find(self, new: NewOrder) -> Order | None:
        """Return the order that the same request placed before."""
        found = self._replays.get(_key(new)) if new.client_id and new.signed_ms else None
        return found.order if found else None

    def remember(self, new: NewOrder, order: Order, now_ms: int) -> None:
        """Keep ``order``, created from ``new``; only signed requests with a client id can be replayed."""
        if new.client_id and new.signed_ms:
            self.restore(Replay(_key(new), expiry(new, now_ms), order))

    def restore(self, replay: Replay) -> None:
        """Restore an entry of a snapshot, as the newest."""
        self._replays[replay.key] = replay
        self._replays.move_to_end(replay.key)

    def expire(self, now_ms: int) -> None:
        """Drop entries that can no longer be replayed. One with a long window keeps those after it for as long."""
        while self._replays and self._replays[next(iter(self._replays))].expires_ms <= now_ms:
            self._replays.popitem(last=False)

    def dump(self) -> list[Replay]:
        """Return all entries, oldest first."""
        return list(self._replays.values())


def expiry(new: NewOrder, now_ms: int) -> int:
    """Return when the request, placed now, can no longer be replayed."""
    return now_ms + (new.window_ms + REPLAY_CLOCK_MS if new.window_ms else REPLAY_WINDOW_MS)
