"""The interface of a market machine, for any product.

Pure: no clock, no I/O. Everything a market causes outside of itself is returned as :class:`Effects`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

from shards.engine.effects import Effects
from shards.engine.market.matching import Matching
from shards.engine.market.open_orders import age
from shards.model.commands import FundsHold, MarginHold
from shards.model.links import Granted
from shards.model.markets import Market, MarketStatus
from shards.model.orders import EndReason, NewOrder, Order
from shards.model.replies import OrderReply, Rejected


class MarketMachine(ABC):
    """One market. Its orders go through ``check``, ``hold_for``, the account machine, and ``place``."""

    def __init__(self, matching: Matching) -> None:
        self.matching = matching
        self.book = matching.book
        self.replays = matching.replays
        self.open = matching.orders.by_id
        self.by_account = matching.orders.by_account
        self.by_client = matching.orders.by_client
        self.named = matching.orders.named

    @property
    def market(self) -> Market:
        """The market in force."""
        return self.matching.market

    # Placing

    @abstractmethod
    def check(self, new: NewOrder) -> OrderReply | Rejected | None:
        """Return why ``new`` would be rejected before funds are requested for it; None if it would not be.

        For a repeat, the reply with the first order of the same client id.
        """

    @abstractmethod
    def needs_money(self, new: NewOrder) -> bool:
        """Whether funds must be held before ``new`` may be placed."""

    @abstractmethod
    def hold_for(self, new: NewOrder, shard: int, ticket: int, deadline_ms: int) -> FundsHold | MarginHold:
        """Return the request to hold what ``new`` needs; the grant goes to ``shard``. Read-only."""

    @abstractmethod
    def recheck(self, granted: Granted) -> Rejected | None:
        """Return the rejection if changes since the request have made the grant too little."""

    @abstractmethod
    def place(self, new: NewOrder, granted: Granted | None, effects: Effects) -> OrderReply | Rejected:
        """Place ``new`` with what was granted for it; None if it needs no funds. If rejected, all of it is released."""

    @abstractmethod
    def release(self, granted: Granted, effects: Effects) -> None:
        """Release what is held for an order that is not placed after all."""

    # Ending

    @abstractmethod
    def cancel(self, order: Order, reason: EndReason, effects: Effects) -> None:
        """Remove an open order from the market and release all that is held for it."""

    def cancel_account(self, account: str, reason: EndReason, effects: Effects) -> list[Order]:
        """Cancel all open orders of ``account``, oldest first."""
        return self._cancel_all(self.by_account.get(account, {}).values(), reason, effects)

    def _cancel_all(self, orders: Iterable[Order], reason: EndReason, effects: Effects) -> list[Order]:
        oldest_first = sorted(orders, key=age)
        for order in oldest_first:
            if order.id in self.open:  # not ended with an earlier one
                self.cancel(order, reason, effects)
        return oldest_first

    # The operator

    @abstractmethod
    def set_status(self, status: MarketStatus, effects: Effects) -> Rejected | None:
        """Change the status; delisting first cancels every open order and releases its funds."""

    def _change_status(self, status: MarketStatus, effects: Effects) -> None:
        if status is MarketStatus.DELISTED:
            self._cancel_all(self.open.values(), EndReason.DELIST, effects)
        self.matching.change_market(effects, status=status)

    # Snapshots

    @abstractmethod
    def restore(self, order: Order) -> None:
        """Restore a resting order, behind those already there."""
