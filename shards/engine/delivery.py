"""Delivers the effects of an input: settlements to accounts, events to the archive.

Accounts of this shard are settled immediately; settlements of others are posted to their shards, marks to all shards.
"""

from shards.engine.account.machine import AccountMachine
from shards.engine.effects import Effects
from shards.engine.links import Links
from shards.engine.listings import Listings
from shards.engine.outbox import ARCHIVE
from shards.engine.unarchived import Unarchived
from shards.model.accounting import MarginSettlement, Settlement
from shards.model.codec import encode
from shards.model.ids import market_of
from shards.model.links import MarkChanged, Settle, SettleMargin, TriggerMarginRequest, TriggerMarginResult
from shards.model.orders import Order


class Delivery:
    """Delivers the effects of one shard's inputs."""

    def __init__(self, listings: Listings, accounts: AccountMachine, links: Links, unarchived: Unarchived) -> None:
        self._listings = listings
        self._accounts = accounts
        self._links = links
        self._unarchived = unarchived

    def deliver(self, effects: Effects) -> None:
        """Deliver all effects, including those of triggers that fire as a consequence."""
        away: dict[int, list[Settlement]] = {}
        away_margin: dict[int, list[MarginSettlement]] = {}
        self._settle(effects, away, away_margin)
        later: list[Order] = []
        while effects.fired:
            order = effects.fired.pop(0)
            if self._listings.rules and not self._links.is_account_shard(order.account):
                later.append(order)
                continue
            self._request_trigger_margin(order, effects)
            self._settle(effects, away, away_margin)
        for account_shard, settlements in away.items():
            self._links.post(account_shard, Settle(settlements), effects.now_ms)
        for account_shard, margin_settlements in away_margin.items():
            self._links.post(account_shard, SettleMargin(margin_settlements), effects.now_ms)
        for order in [*later, *effects.again]:  # after the posts above: released funds must be known first
            self._request_trigger_margin(order, effects)
        outbox = self._links.outboxes[ARCHIVE]
        for event in effects.events:
            self._unarchived.add(outbox.post(effects.now_ms, encode(event)), event)

    def _settle(
        self,
        effects: Effects,
        away: dict[int, list[Settlement]],
        away_margin: dict[int, list[MarginSettlement]],
    ) -> None:
        """Take the settlements so far out of ``effects``; marks first, because margins are computed from them."""
        accounts, links = self._accounts, self._links
        if effects.marks:
            accounts.margins.marks.update(effects.marks)
            links.post_to_all(MarkChanged(effects.marks), effects.now_ms)
            effects.marks = {}
        for settlement in effects.settlements:
            account_shard = links.account_shard(settlement.account)
            if account_shard == links.shard:
                accounts.settle(settlement)
            else:
                away.setdefault(account_shard, []).append(settlement)
        for settled in effects.margin_settlements:
            account_shard = links.account_shard(settled.account)
            if account_shard == links.shard:
                effects.events += accounts.settle_margin(settled, effects.now_ms)
            else:
                away_margin.setdefault(account_shard, []).append(settled)
        effects.settlements, effects.margin_settlements = [], []

    # Fired triggers

    def _request_trigger_margin(self, order: Order, effects: Effects) -> None:
        """Request a fired trigger's margin: from this shard's accounts directly, from other shards over the links."""
        machine, account_shard = self._listings.futures[order.market], self._links.account_shard(order.account)
        if order.id not in machine.open:
            return  # ended in the meantime
        requested = machine.trigger_margin_request(order, self._links.shard)
        if account_shard == self._links.shard:
            machine.apply_trigger_margin(self._accounts.grant_trigger_margin(requested), effects)
        else:
            self._links.post(account_shard, requested, effects.now_ms)

    def hold_trigger_margin(self, request: TriggerMarginRequest, effects: Effects) -> None:
        """Answer for a trigger that has fired on another shard and whose account is kept here."""
        self._links.post(request.market_shard, self._accounts.grant_trigger_margin(request), effects.now_ms)

    def apply_trigger_margin(self, held: TriggerMarginResult, effects: Effects) -> None:
        """Apply the answer for a trigger that has fired here."""
        self._listings.futures[market_of(held.id)].apply_trigger_margin(held, effects)
