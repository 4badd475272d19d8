"""A shard's state and the one function that changes it: ``apply``. Dispatch only; the machines decide.

Pure: whatever depends on time, chance or the outside enters in the journaled input, so the same inputs make the same
state.
"""

from collections import defaultdict

from shards.account import AccountMachine
from shards.codec import encode
from shards.ids import market_of
from shards.market import Effects, MarketMachine
from shards.markets import MarketStatus, shard_of_account
from shards.messages import (
    AddMarket,
    AmountReply,
    Cancel,
    CancelAll,
    CancelByClientId,
    Command,
    Deposit,
    EndReason,
    Granted,
    Hold,
    LinkMessage,
    MarketChanged,
    MarketReply,
    NewOrder,
    Order,
    OrderReply,
    OrdersReply,
    Place,
    Reason,
    Refused,
    Reply,
    SetMarketStatus,
    Settle,
    Settlement,
)
from shards.outbox import ARCHIVE, Outbox
from shards.recent import Recent

MAILBOX = -1  # the source of inputs that are commands


class Engine:
    """The machines of one shard."""

    def __init__(self, shard: int, shard_count: int) -> None:
        self.shard = shard
        self.shard_count = shard_count
        self.sequence = 0
        self.now_ms = 0
        self.markets: dict[int, MarketMachine] = {}
        self.accounts = AccountMachine()
        peers = [peer for peer in range(shard_count) if peer != shard]
        self.outboxes = {receiver: Outbox() for receiver in (*peers, ARCHIVE)}
        self.received = dict.fromkeys(peers, 0)  # number of the last link message applied, per sender
        self.recent = Recent()

    def is_home(self, account: str) -> bool:
        """Whether this shard keeps the account's money."""
        return shard_of_account(account, self.shard_count) == self.shard

    def confirm(self, receiver: int, number: int) -> None:
        """The receiver has everything up to ``number`` on disk; changes nothing that is decided from."""
        self.outboxes[receiver].confirm(number)
        if receiver == ARCHIVE:
            self.recent.confirm(number)

    def apply(
        self, sequence: int, stamp_ms: int, source: int, number: int, message: Command | LinkMessage
    ) -> Reply | None:
        """Apply one journaled input; returns what its caller is told.

        The reply may show live objects: encode it before the next input is applied.
        """
        assert sequence == self.sequence + 1 and stamp_ms >= self.now_ms
        if source != MAILBOX:
            assert number == self.received[source] + 1, "link messages come in order, each once"
            self.received[source] = number
        self.sequence, self.now_ms = sequence, stamp_ms
        effects = Effects(stamp_ms, sequence)
        reply = self._decide(message, effects)
        self._deliver(effects)
        return reply

    def _decide(self, message: Command | LinkMessage, effects: Effects) -> Reply | None:
        match message:
            case Place(order):
                return self._place(order, effects)
            case Cancel():
                return self._cancel(message, effects)
            case CancelByClientId():
                return self._cancel_by_client_id(message, effects)
            case CancelAll():
                return self._cancel_all(message, effects)
            case Hold():
                return self._hold(message)
            case Granted():
                return self._granted(message, effects)
            case Settle(settlements):
                for settlement in settlements:
                    self.accounts.settle(settlement)
                return None
            case Deposit():
                return self._deposit(message)
            case AddMarket():
                return self._add_market(message, effects)
            case SetMarketStatus():
                return self._set_market_status(message, effects)

    def _deliver(self, effects: Effects) -> None:
        """Settle what is at home, post the rest: settlements to the accounts' home shards, rows to the archive."""
        away: defaultdict[int, list[Settlement]] = defaultdict(list)
        for settlement in effects.settlements:
            home = shard_of_account(settlement.account, self.shard_count)
            if home == self.shard:
                self.accounts.settle(settlement)
            else:
                away[home].append(settlement)
        for home, settlements in away.items():
            self.outboxes[home].post(self.now_ms, encode(Settle(settlements)))
        for row in effects.rows:
            number = self.outboxes[ARCHIVE].post(self.now_ms, encode(row))
            self.recent.add(number, row)

    # Placing

    def check_place(self, new: NewOrder) -> Reply | None:
        """What stands against asking the account's home shard for the money of ``new``. Reads only."""
        machine = self.markets.get(new.market)
        return machine.check(new) if machine else Refused(Reason.UNKNOWN_MARKET)

    def _place(self, new: NewOrder, effects: Effects) -> Reply:
        found = self.check_place(new)
        if found is not None:
            return found
        machine = self.markets[new.market]
        refused = self.accounts.hold(new.account, *machine.hold_of(new))
        return refused or machine.place(new, effects)

    def _hold(self, hold: Hold) -> Reply | None:
        refused = self.accounts.hold(hold.order.account, hold.asset, hold.amount)
        if refused is None:
            granted = Granted(hold.order, hold.amount, hold.ticket, hold.deadline_ms)
            self.outboxes[hold.market_shard].post(self.now_ms, encode(granted))
        return refused

    def _granted(self, granted: Granted, effects: Effects) -> Reply:
        machine = self.markets[granted.order.market]
        late = Refused(Reason.TIMEOUT) if self.now_ms > granted.deadline_ms else None
        found = late or machine.check(granted.order)
        if found is not None:
            machine.release(granted.order, effects)
            return found
        return machine.place(granted.order, effects)

    # Cancelling

    def find_order(self, number: int) -> Order | None:
        """An open or recently ended order."""
        machine = self.markets.get(market_of(number))
        return (machine.open.get(number) if machine else None) or self.recent.orders.get(number)

    def _cancel(self, cancel: Cancel, effects: Effects) -> Reply:
        machine = self.markets.get(market_of(cancel.id))
        order = machine.open.get(cancel.id) if machine else None
        if machine is None or order is None:
            return self._refuse_cancel(cancel)
        if order.account != cancel.account:
            return Refused(Reason.NOT_OWNER)
        machine.cancel(order, EndReason.USER, effects)
        return OrderReply(order)

    def _refuse_cancel(self, cancel: Cancel) -> Refused:
        ended = self.recent.orders.get(cancel.id)
        if ended is None:
            return Refused(Reason.UNKNOWN_ORDER)
        return Refused(Reason.TERMINAL_ORDER if ended.account == cancel.account else Reason.NOT_OWNER)

    def _cancel_by_client_id(self, cancel: CancelByClientId, effects: Effects) -> Reply:
        machine = self.markets.get(cancel.market)
        order = machine.by_client.get((cancel.account, cancel.client_id)) if machine else None
        if machine is None or order is None:
            return Refused(Reason.UNKNOWN_ORDER)
        machine.cancel(order, EndReason.USER, effects)
        return OrderReply(order)

    def _cancel_all(self, cancel: CancelAll, effects: Effects) -> Reply:
        orders: list[Order] = []
        # by number: the dictionary's order is not the same after a snapshot, and rows must leave in the same order
        for number in sorted(self.markets) if cancel.market == 0 else [cancel.market]:
            machine = self.markets.get(number)
            if machine is not None:
                orders += machine.cancel_account(cancel.account, EndReason.CANCEL_ALL, effects)
        return OrdersReply(orders)

    # The operator

    def _deposit(self, deposit: Deposit) -> AmountReply | Refused:
        return self.accounts.deposit(deposit)

    def _add_market(self, add: AddMarket, effects: Effects) -> Reply:
        machine = self.markets.get(add.market.number)
        if machine is None:
            machine = self.markets[add.market.number] = MarketMachine(add.market)
            effects.rows.append(MarketChanged(add.market, effects.now_ms))
        return MarketReply(machine.market)

    def _set_market_status(self, change: SetMarketStatus, effects: Effects) -> Reply:
        machine = self.markets.get(change.market)
        if machine is None:
            return Refused(Reason.UNKNOWN_MARKET)
        if machine.market.status is MarketStatus.DELISTED:
            return Refused(Reason.MARKET_DELISTED)
        machine.set_status(change.status, effects)
        return MarketReply(machine.market)
