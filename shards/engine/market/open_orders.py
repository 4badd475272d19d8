"""The open orders of one market, by id, by account and by client id."""

from sys import intern

from shards.model.orders import Order


class OpenOrders:
    """All orders that have not ended: resting on the book, or waiting triggers."""

    __slots__ = ("by_account", "by_client", "by_id")

    def __init__(self) -> None:
        self.by_id: dict[int, Order] = {}
        self.by_account: dict[str, dict[int, Order]] = {}
        self.by_client: dict[str, dict[str, Order]] = {}  # per account, by client id

    def named(self, account: str, client_id: str) -> Order | None:
        """Return the account's open order with that client id."""
        own = self.by_client.get(account)
        return own.get(client_id) if own is not None else None

    def add(self, order: Order) -> None:
        order.account = intern(order.account)  # one string object for all of an account's orders
        self.by_id[order.id] = order
        self.by_account.setdefault(order.account, {})[order.id] = order
        if order.client_id:
            self.by_client.setdefault(order.account, {})[order.client_id] = order

    def remove(self, order: Order) -> None:
        """Remove ``order``: it ended, or is matched before it is open again."""
        del self.by_id[order.id]
        own = self.by_account[order.account]
        del own[order.id]
        if not own:
            del self.by_account[order.account]
        if order.client_id:
            named = self.by_client[order.account]
            del named[order.client_id]
            if not named:
                del self.by_client[order.account]

    def of_account(self, account: str) -> list[Order]:
        """Return the account's open orders, oldest first."""
        return sorted(self.by_account.get(account, {}).values(), key=age)


def age(order: Order) -> tuple[int, int]:
    """Sort key: oldest first."""
    return order.created_ms, order.id
