"""Cancels: one order, by id or client id; a batch; all of an account."""

from typing import Final

from shards.engine.effects import Effects
from shards.engine.listings import Listings
from shards.engine.market.machine import MarketMachine
from shards.engine.unarchived import Unarchived
from shards.model.commands import Cancel, CancelAll, CancelBatch, CancelByClientId
from shards.model.ids import market_of
from shards.model.orders import EndReason, Order
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, OrderReply, OrdersReply, Rejected, Reply

_USER: Final = EndReason.USER  # an alias, like those in shards.model.orders


class Cancels:
    """Executes the cancels of one shard; replies show live orders."""

    def __init__(self, listings: Listings, unarchived: Unarchived) -> None:
        self._markets = listings.markets
        self._futures = listings.futures
        self._unarchived = unarchived

    def find_order(self, number: int) -> Order | None:
        """Return an open or recently ended order."""
        machine = self._markets.get(market_of(number))
        return (machine.open.get(number) if machine else None) or self._unarchived.orders.get(number)

    def find_open(self, cancel: Cancel | CancelByClientId | CancelBatch) -> set[int]:
        """The open orders of its account that the cancel names."""
        account = cancel.account
        match cancel:
            case Cancel(number):
                market, numbers, client_ids = market_of(number), [number], []
            case CancelByClientId(market, _, client_id):
                numbers, client_ids = [], [client_id]
            case CancelBatch(market, _, numbers, client_ids):
                pass
        machine = self._markets.get(market)
        if machine is None:
            return set()
        found = [machine.open.get(number) for number in numbers]
        found += [machine.named(account, client_id) for client_id in client_ids]
        return {order.id for order in found if order is not None and order.account == account}

    def cancel(self, cancel: Cancel, effects: Effects) -> Reply:
        machine = self._markets.get(market_of(cancel.id))
        order = machine.open.get(cancel.id) if machine else None
        if machine is None or order is None:
            return self._refuse(cancel)
        if order.account != cancel.account:
            return Rejected(RejectReason.NOT_OWNER, self._shown(order))
        machine.cancel(order, _USER, effects)
        return OrderReply(order)

    def _refuse(self, cancel: Cancel) -> Rejected:
        ended = self._unarchived.orders.get(cancel.id)
        if ended is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        reason = RejectReason.TERMINAL_ORDER if ended.account == cancel.account else RejectReason.NOT_OWNER
        return Rejected(reason, self._shown(ended))

    def _shown(self, order: Order) -> Order | None:
        """Return the order shown by a rejected cancel: on futures it tells how a trigger ended."""
        return order if order.market in self._futures else None

    def cancel_by_client_id(self, cancel: CancelByClientId, effects: Effects) -> Reply:
        machine = self._markets.get(cancel.market)
        order = machine.named(cancel.account, cancel.client_id) if machine else None
        if machine is None or order is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        machine.cancel(order, _USER, effects)
        return OrderReply(order)

    def cancel_all(self, cancel: CancelAll, effects: Effects) -> Reply:
        """Cancel an account's orders in one market or, without a market, all its spot orders."""
        if cancel.triggers_only:
            futures = self._futures.get(cancel.market)
            return OrdersReply(futures.cancel_triggers(cancel.account, effects) if futures is not None else [])
        orders: list[Order] = []
        # by number: dictionary order is not preserved by a snapshot, and events must be emitted in the same order
        for number in [cancel.market] if cancel.market else sorted(self._markets):
            machine = self._markets.get(number)
            if machine is not None and (cancel.market or number not in self._futures):
                orders += machine.cancel_account(cancel.account, EndReason.CANCEL_ALL, effects)
        return OrdersReply(orders)

    def cancel_batch(self, cancel: CancelBatch, effects: Effects) -> Reply:
        """Cancel each id in turn; the reply shows orders that were named twice or ended with an earlier one."""
        machine = self._markets.get(cancel.market)
        if machine is None:
            return Rejected(RejectReason.UNKNOWN_MARKET)
        named = [self.find_order(number) for number in cancel.ids]  # look up all before any of them ends
        for client_id in cancel.client_ids:
            opened = machine.named(cancel.account, client_id)
            named.append(opened or self._unarchived.find_client_id(cancel.market, cancel.account, client_id))
        return BatchReply([self._one_of_batch(machine, order, cancel.account, effects) for order in named])

    def _one_of_batch(
        self, machine: MarketMachine, order: Order | None, account: str, effects: Effects
    ) -> Order | RejectReason:
        if order is None or order.market != machine.market.number:
            return RejectReason.UNKNOWN_ORDER
        if order.account != account:
            return RejectReason.NOT_OWNER if order.trigger is not None else RejectReason.UNKNOWN_ORDER
        if order.id in machine.open:
            machine.cancel(order, EndReason.BATCH, effects)
        return order
