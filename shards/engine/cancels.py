"""Cancelling: one order, by id or client id; a batch; all of an account."""

from collections.abc import Mapping
from typing import Final

from shards.engine.effects import Effects
from shards.engine.market.futures import FuturesMarket
from shards.engine.market.machine import MarketMachine
from shards.engine.market.spot import SpotMarket
from shards.engine.unarchived import Recent
from shards.model.commands import Cancel, CancelAll, CancelBatch, CancelByClientId
from shards.model.ids import market_of
from shards.model.orders import EndReason, Order
from shards.model.reasons import Reason
from shards.model.replies import BatchReply, OrderReply, OrdersReply, Refused, Reply

_USER: Final = EndReason.USER  # as those in shards.model.orders


class Cancels:
    """Carries out the cancels of one shard."""

    def __init__(self, markets: Mapping[int, MarketMachine], recent: Recent) -> None:
        self._markets = markets
        self._recent = recent

    def decide(self, cancel: Cancel | CancelByClientId | CancelAll | CancelBatch, effects: Effects) -> Reply:
        """Carry out a cancel; the reply shows live orders."""
        match cancel:
            case Cancel():
                return self._one(cancel, effects)
            case CancelByClientId():
                return self._by_client_id(cancel, effects)
            case CancelAll():
                return self._all(cancel, effects)
            case CancelBatch():
                return self._batch(cancel, effects)

    def find_order(self, number: int) -> Order | None:
        """An open or recently ended order."""
        machine = self._markets.get(market_of(number))
        return (machine.open.get(number) if machine else None) or self._recent.orders.get(number)

    def finds_open(self, cancel: Cancel | CancelByClientId | CancelBatch) -> bool:
        """Whether it names an open order of its account."""
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
            return False
        found = [machine.open.get(number) for number in numbers]
        found += [machine.named(account, client_id) for client_id in client_ids]
        return any(order is not None and order.account == account for order in found)

    def _one(self, cancel: Cancel, effects: Effects) -> Reply:
        machine = self._markets.get(market_of(cancel.id))
        order = machine.open.get(cancel.id) if machine else None
        if machine is None or order is None:
            return self._refuse(cancel)
        if order.account != cancel.account:
            return Refused(Reason.NOT_OWNER, self._told(order))
        machine.cancel(order, _USER, effects)
        return OrderReply(order)

    def _refuse(self, cancel: Cancel) -> Refused:
        ended = self._recent.orders.get(cancel.id)
        if ended is None:
            return Refused(Reason.UNKNOWN_ORDER)
        reason = Reason.TERMINAL_ORDER if ended.account == cancel.account else Reason.NOT_OWNER
        return Refused(reason, self._told(ended))

    def _told(self, order: Order) -> Order | None:
        """What a refused cancel shows of the order: on futures it tells how a trigger has ended."""
        return order if isinstance(self._markets[order.market], FuturesMarket) else None

    def _by_client_id(self, cancel: CancelByClientId, effects: Effects) -> Reply:
        machine = self._markets.get(cancel.market)
        order = machine.named(cancel.account, cancel.client_id) if machine else None
        if machine is None or order is None:
            return Refused(Reason.UNKNOWN_ORDER)
        machine.cancel(order, _USER, effects)
        return OrderReply(order)

    def _all(self, cancel: CancelAll, effects: Effects) -> Reply:
        if cancel.triggers_only:
            futures = self._markets.get(cancel.market)
            if not isinstance(futures, FuturesMarket):
                return OrdersReply([])
            return OrdersReply(futures.cancel_triggers(cancel.account, effects))
        orders: list[Order] = []
        # by number: the dictionary's order is not the same after a snapshot, and rows must leave in the same order
        for number in [cancel.market] if cancel.market else sorted(self._markets):
            machine = self._markets.get(number)
            if machine is not None and (cancel.market or isinstance(machine, SpotMarket)):
                orders += machine.cancel_account(cancel.account, EndReason.CANCEL_ALL, effects)
        return OrdersReply(orders)

    def _batch(self, cancel: CancelBatch, effects: Effects) -> Reply:
        """Each id in its turn; one that an earlier one took along, or was named twice, shows so."""
        machine = self._markets.get(cancel.market)
        if machine is None:
            return Refused(Reason.UNKNOWN_MARKET)
        named = [self.find_order(number) for number in cancel.ids]  # all, before any of them ends
        for client_id in cancel.client_ids:
            opened = machine.named(cancel.account, client_id)
            named.append(opened or self._recent.find_client_id(cancel.market, cancel.account, client_id))
        return BatchReply([self._one_of_batch(machine, order, cancel.account, effects) for order in named])

    def _one_of_batch(
        self, machine: MarketMachine, order: Order | None, account: str, effects: Effects
    ) -> Order | Reason:
        if order is None or order.market != machine.market.number:
            return Reason.UNKNOWN_ORDER
        if order.account != account:
            return Reason.NOT_OWNER if order.trigger is not None else Reason.UNKNOWN_ORDER
        if order.id in machine.open:
            machine.cancel(order, EndReason.BATCH, effects)
        return order
