"""The market by the naive model, in a form that a search can go on from in several ways."""

from collections import defaultdict
from copy import copy
from typing import Any, Self

from shards.model.ids import make_number
from shards.model.orders import Order
from tests.linear.history import Answer, Requested, answer_of_model
from tests.model.reference import Reference


class Ended:
    """Orders that have ended, by number: shared with all that went another way since."""

    def __init__(self) -> None:
        self._newest: tuple[int, Order, Any] | None = None
        self.digest = 0

    def __setitem__(self, number: int, order: Order) -> None:
        self._newest = number, order, self._newest
        self.digest ^= hash((_what(order), order.status))

    def get(self, number: int) -> Order | None:
        """As a dictionary's."""
        node = self._newest
        while node is not None:
            if node[0] == number:
                return node[1]
            node = node[2]
        return None


def _what(order: Order) -> tuple[int, str, str, int]:
    return order.id, order.account, order.client_id, order.filled


class MarketModel(Reference):
    """One market and its accounts, with money for everything."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: Any = Ended()

    def ask(self, requested: Requested) -> Answer:
        """Apply a request; its answer."""
        return answer_of_model(self.apply(requested, 0))

    def newest(self, market: int) -> int:
        """The number of the order that was placed last."""
        return make_number(market, self.placed[market])

    def copy(self) -> Self:
        """What happens to one does not happen to the other."""
        other = copy(self)
        other.open = defaultdict(list, {number: [copy(order) for order in own] for number, own in self.open.items()})
        other.wallets = {key: copy(balance) for key, balance in self.wallets.items()}
        other.placed, other.traded, other.ended = copy(self.placed), copy(self.traded), copy(self.ended)
        return other

    def state(self) -> Any:
        """The same for two that will answer the same for ever, if each order has a client id of its own."""
        orders = tuple(_what(order) for own in self.open.values() for order in own)
        return orders, *self.placed.values(), *self.traded.values(), self.ended.digest
