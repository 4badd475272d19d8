"""The waiting triggers of one futures market, by watched price, and which are due."""

from bisect import bisect_left, bisect_right, insort

from shards.model.orders import BUY, Kind, Order, Side, Trigger, WatchedPrice

_STOPS = (Kind.STOP, Kind.STOP_MARKET)
_LAST = 2**63  # above every order id


def trigger_of(order: Order) -> Trigger:
    """Return the trigger of an order that must have one."""
    assert order.trigger is not None
    return order.trigger


def fires_rising(kind: Kind, side: Side) -> bool:
    """Whether such a trigger fires when the price rises to its stop price, rather than when it falls to it."""
    return (kind in _STOPS) == (side is BUY)


def would_fire(kind: Kind, side: Side, stop_price: int, price: int) -> bool:
    """Whether a stop or take-profit fires at ``price``."""
    return price >= stop_price if fires_rising(kind, side) else price <= stop_price


class _Queue:
    """The triggers that watch one price."""

    def __init__(self) -> None:
        self.rising: list[tuple[int, int]] = []  # (stop price, id), lowest first
        self.falling: list[tuple[int, int]] = []  # (−stop price, id): highest first
        self.trailing: dict[int, Order] = {}

    def due(self, price: int) -> list[int]:
        ids = [number for _, number in self.rising[: bisect_right(self.rising, (price, _LAST))]]
        ids += [number for _, number in self.falling[: bisect_right(self.falling, (-price, _LAST))]]
        return ids + [number for number, order in self.trailing.items() if _trailing_due(order, price)]

    def track(self, price: int) -> None:
        for order in self.trailing.values():
            trigger = trigger_of(order)
            best = min if order.side is BUY else max
            trigger.extreme = best(trigger.extreme or price, price)
            trigger.activation = trigger.activation or price


def _trailing_due(order: Order, price: int) -> bool:
    trigger = trigger_of(order)
    if order.side is BUY:
        turned = price * 10_000 >= trigger.extreme * (10_000 + trigger.callback)
        return trigger.extreme <= trigger.activation and turned
    turned = price * 10_000 <= trigger.extreme * (10_000 - trigger.callback)
    return trigger.extreme >= trigger.activation and turned


class Triggers:
    """All waiting triggers."""

    def __init__(self) -> None:
        self.waiting: dict[int, Order] = {}
        self.children: dict[int, list[int]] = {}  # parent → its attached triggers, while the parent is open
        self._of_account: dict[str, dict[int, Order]] = {}
        self._queues = {watched: _Queue() for watched in WatchedPrice}

    def add(self, order: Order, *, armed: bool) -> None:
        """Add a waiting trigger; one that is not armed is not due at any price yet."""
        trigger = trigger_of(order)
        self.waiting[order.id] = order
        self._of_account.setdefault(order.account, {})[order.id] = order
        if trigger.parent:
            self.children.setdefault(trigger.parent, []).append(order.id)
        if order.kind is Kind.TRAILING_STOP_MARKET:
            self._queues[trigger.watched].trailing[order.id] = order  # it follows the price from the beginning
        elif armed:
            self.arm(order)

    def arm(self, order: Order) -> None:
        """Make ``order`` due at its price; kept out of the queue before, so that not every trade has to check it."""
        if order.kind is not Kind.TRAILING_STOP_MARKET:
            insort(*self._place_of(order))

    def remove(self, order: Order) -> None:
        trigger = trigger_of(order)
        del self.waiting[order.id]
        own = self._of_account[order.account]
        del own[order.id]
        if not own:
            del self._of_account[order.account]
        self._detach(order.id, trigger.parent)
        if self._queues[trigger.watched].trailing.pop(order.id, None) is None:
            entries, entry = self._place_of(order)
            place = bisect_left(entries, entry)
            if entries[place : place + 1] == [entry]:
                del entries[place]

    def hand_over(self, order: Order) -> None:
        """Detach the trigger from its parent, which has ended: it continues as one on the position."""
        trigger = trigger_of(order)
        self._detach(order.id, trigger.parent)

    def of_account(self, account: str) -> list[Order]:
        """Return the account's waiting triggers, oldest first."""
        own = self._of_account.get(account, {})
        return [own[number] for number in sorted(own)]

    def count(self, account: str) -> int:
        """Return the account's number of waiting triggers."""
        return len(self._of_account.get(account, ()))

    def children_of(self, parent: int) -> list[Order]:
        """Return the triggers attached to an open order, oldest first."""
        children = self.children.get(parent)
        return [self.waiting[number] for number in sorted(children)] if children else []

    def is_attached(self, order: Order) -> bool:
        """Whether it is attached to an open parent."""
        return order.id in self.children.get(trigger_of(order).parent, ())

    def track(self, watched: WatchedPrice, price: int) -> None:
        """Update trailing triggers with a new watched price."""
        self._queues[watched].track(price)

    def due(self, prices: dict[WatchedPrice, int]) -> list[Order]:
        """Return the triggers whose price is reached, oldest first."""
        ids = [number for watched, price in prices.items() for number in self._queues[watched].due(price)]
        return [self.waiting[number] for number in sorted(ids)]

    def _detach(self, number: int, parent: int) -> None:
        siblings = self.children.get(parent)
        if siblings and number in siblings:
            siblings.remove(number)
            if not siblings:
                del self.children[parent]

    def _place_of(self, order: Order) -> tuple[list[tuple[int, int]], tuple[int, int]]:
        trigger = trigger_of(order)
        queue = self._queues[trigger.watched]
        if fires_rising(order.kind, order.side):
            return queue.rising, (trigger.stop_price, order.id)
        return queue.falling, (-trigger.stop_price, order.id)
