"""Signed requests seen lately: the very same one again must not place a second order."""

from collections import OrderedDict
from itertools import chain

import msgspec
from msgspec.structs import astuple

from shards.limits import REPLAY_CLOCK_MS, REPLAY_WINDOW_MS
from shards.model.orders import NewOrder, Order

Key = tuple[str | int | bool, ...]


class Replay(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An order, and the signed request that placed it."""

    key: Key  # of the request: what became of the order does not change it
    expires_ms: int
    order: Order


def _key(new: NewOrder) -> Key:
    """What makes two requests the same: account, client id, timestamp, content."""
    # plain numbers, not members of enumerations: the garbage collector takes its eyes off a tuple of those
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
        """The order that this very request placed before."""
        found = self._replays.get(_key(new)) if new.client_id and new.signed_ms else None
        return found.order if found else None

    def remember(self, new: NewOrder, order: Order, now_ms: int) -> None:
        """Keep ``order``, which ``new`` has made; only signed requests with a client id can come again."""
        if new.client_id and new.signed_ms:
            self.restore(Replay(_key(new), expiry(new, now_ms), order))

    def restore(self, replay: Replay) -> None:
        """Keep what another has kept, as the newest."""
        self._replays[replay.key] = replay
        self._replays.move_to_end(replay.key)

    def expire(self, now_ms: int) -> None:
        """Forget what can no longer come again. One with a long window keeps those after it for as long."""
        while self._replays and self._replays[next(iter(self._replays))].expires_ms <= now_ms:
            self._replays.popitem(last=False)

    def dump(self) -> list[Replay]:
        """All that are kept, oldest first."""
        return list(self._replays.values())


def expiry(new: NewOrder, now_ms: int) -> int:
    """When the request, placed now, can no longer come again."""
    return now_ms + (new.window_ms + REPLAY_CLOCK_MS if new.window_ms else REPLAY_WINDOW_MS)
