"""Signed requests seen lately: the very same one again must not place a second order."""

from collections import OrderedDict

from shards.limits import REPLAY_WINDOW_MS
from shards.orders import NewOrder, Order

Key = tuple[str | int, ...]


def _key(order: Order | NewOrder) -> Key:
    """What makes two requests the same: account, client id, timestamp, content."""
    what = order.side, order.kind, order.tif, order.price, order.quantity, order.quote_quantity
    return order.account, order.client_id, order.signed_ms, *what


class Replays:
    """Orders by the signed request that placed them, for as long as that request is inside its time window."""

    __slots__ = ("_orders",)

    def __init__(self) -> None:
        self._orders: OrderedDict[Key, tuple[int, Order]] = OrderedDict()  # soonest to expire first

    def find(self, new: NewOrder) -> Order | None:
        """The order that this very request placed before."""
        found = self._orders.get(_key(new)) if new.client_id and new.signed_ms else None
        return found[1] if found else None

    def remember(self, order: Order, expires_ms: int) -> None:
        """Keep ``order`` until ``expires_ms``; only orders with a client id from signed requests can come again."""
        if order.client_id and order.signed_ms:
            key = _key(order)
            self._orders[key] = expires_ms, order
            self._orders.move_to_end(key)

    def expire(self, now_ms: int) -> None:
        """Forget what can no longer come again."""
        while self._orders and self._orders[next(iter(self._orders))][0] <= now_ms:
            self._orders.popitem(last=False)

    def dump(self) -> list[tuple[int, Order]]:
        """(expires_ms, order), soonest first."""
        return list(self._orders.values())


def expiry(now_ms: int) -> int:
    """When a request placed now can no longer come again."""
    return now_ms + REPLAY_WINDOW_MS
