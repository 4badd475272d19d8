"""A shard's state and the one function that changes it: ``apply``. Dispatch only; the machines decide.

Pure: everything that depends on time, chance or the outside is part of the journaled input, so equal inputs give equal
states.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from shards.engine.account.machine import AccountMachine
from shards.engine.cancels import Cancels
from shards.engine.countdowns import Countdowns
from shards.engine.delivery import Delivery
from shards.engine.effects import Effects
from shards.engine.links import Links
from shards.engine.listings import Listings
from shards.engine.order_entry import AskAccountShard, OrderEntry
from shards.engine.outbox import ARCHIVE
from shards.engine.refusals import refusals_of
from shards.engine.unarchived import Unarchived
from shards.model.commands import (
    AddAsset,
    AddMarket,
    Cancel,
    CancelAll,
    CancelAllAfter,
    CancelBatch,
    CancelByClientId,
    Command,
    Deposit,
    FundsHold,
    MarginHold,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
    SetRules,
    TimerFired,
    Transfer,
)
from shards.model.links import (
    BracketsChanged,
    Granted,
    LinkMessage,
    MarkChanged,
    Settle,
    SettleMargin,
    TriggerMarginRequest,
    TriggerMarginResult,
)
from shards.model.orders import EndReason
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, CountReply, Rejected, Reply

MAILBOX: Final = -1  # the source of commands

Handler = Callable[[Any, Effects], Reply | AskAccountShard | None]
"""Executes one type of message; returns the reply, a request for the account's shard, or nothing."""


class Asking(NamedTuple):
    """How one type of command comes to funds that the account's shard must hold; changes nothing."""

    must_ask: Callable[[Any], bool]
    ask: Callable[[Any, int, int], FundsHold | MarginHold | Reply]  # with the ticket and the deadline


class Engine:
    """The machines of one shard."""

    def __init__(self, shard: int, shard_count: int) -> None:
        self.shard = shard
        self.shard_count = shard_count
        self.sequence = 0
        self.now_ms = 0
        self.accounts = AccountMachine()
        self.links = Links(shard, shard_count)
        self.outboxes = self.links.outboxes
        self.received = self.links.received
        self.listings = Listings(self.accounts, self.links)
        self.markets = self.listings.markets
        self.futures = self.listings.futures
        self.assets = self.listings.assets
        self.entry = OrderEntry(self.listings, self.accounts, self.links)
        self.countdowns = Countdowns()
        self.unarchived = Unarchived()
        self.cancels = Cancels(self.listings, self.unarchived)
        self._delivery = Delivery(self.listings, self.accounts, self.links, self.unarchived)
        self.handlers: dict[type, Handler] = {
            Place: self.entry.place,
            Modify: self.entry.modify,
            Cancel: self.cancels.cancel,
            CancelByClientId: self.cancels.cancel_by_client_id,
            CancelAll: self.cancels.cancel_all,
            CancelBatch: self.cancels.cancel_batch,
            CancelAllAfter: self._count_down,
            TimerFired: self._cancel_due,
            FundsHold: self.entry.hold_funds,
            MarginHold: self.entry.hold_margin,
            Granted: self.entry.granted,
            TriggerMarginRequest: self._delivery.hold_trigger_margin,
            TriggerMarginResult: self._delivery.apply_trigger_margin,
            Deposit: self.accounts.deposit,
            Transfer: self.accounts.transfer,
            SetLeverage: self.accounts.set_leverage,
            Settle: self.accounts.take_settlements,
            SettleMargin: self.accounts.take_margin_settlements,
            MarkChanged: self.accounts.take_marks,
            BracketsChanged: self.accounts.take_brackets,
            AddAsset: self.listings.add_asset,
            AddMarket: self.listings.add_market,
            SetMarketStatus: self.listings.set_status,
            SetMarkPrice: self.listings.set_mark,
            SetRisk: self.listings.set_risk,
            SetRules: self.listings.set_rules,
        }
        self.asking: dict[type, Asking] = {
            Place: Asking(self.entry.must_ask_to_place, self.entry.ask_to_place),
            Modify: Asking(self.entry.must_ask_to_modify, self.entry.ask_to_modify),
        }

    @property
    def rules(self) -> int:
        """The version of the rules in force."""
        return self.listings.rules

    def confirm(self, receiver: int, number: int) -> None:
        """Record that the receiver has everything up to ``number`` on disk; no decision depends on it."""
        self.outboxes[receiver].confirm(number)
        if receiver == ARCHIVE:
            self.unarchived.confirm(number)

    def apply(
        self, sequence: int, stamp_ms: int, source: int, number: int, message: Command | LinkMessage
    ) -> Reply | AskAccountShard | None:
        """Apply one journaled input; return the reply, or that the account's shard must be asked.

        The reply may show live objects: encode it before the next input is applied.
        """
        assert sequence == self.sequence + 1 and stamp_ms >= self.now_ms
        if source != MAILBOX:
            assert number == self.received[source] + 1, "link messages come in order, each once"
            self.received[source] = number
        self.sequence, self.now_ms = sequence, stamp_ms
        effects = Effects(stamp_ms, sequence)
        reply = self.handlers[type(message)](message, effects)
        if isinstance(reply, (Rejected, BatchReply)) and self.rules >= 2:
            effects.events += refusals_of(message, reply, self.markets, sequence, stamp_ms, self.rules)
        self._delivery.deliver(effects)
        return reply

    # Time

    def due_ms(self) -> int | None:
        """Return when the next TimerFired is due; None without timers."""
        return self.countdowns.due_ms()

    def _count_down(self, countdown: CancelAllAfter, effects: Effects) -> Reply:
        if countdown.market not in self.markets:
            return Rejected(RejectReason.UNKNOWN_MARKET)
        self.countdowns.set(countdown.market, countdown.account, effects.now_ms, countdown.after_ms)
        return CountReply(countdown.after_ms)

    def _cancel_due(self, fired: TimerFired, effects: Effects) -> None:
        for market, account in self.countdowns.take_due(effects.now_ms):
            self.markets[market].cancel_account(account, EndReason.COUNTDOWN, effects)
