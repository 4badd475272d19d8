"""What one input does outside of its machine goes where it belongs: money to its accounts, rows to the archive.

What is at home here is settled at once, the rest is posted: settlements to the accounts' home shards, marks to all.
"""

from shards.engine.account.machine import AccountMachine
from shards.engine.effects import Effects
from shards.engine.links import Links
from shards.engine.listings import Listings
from shards.engine.outbox import ARCHIVE
from shards.engine.unarchived import Recent
from shards.model.accounting import MarginSettlement, Settlement
from shards.model.codec import encode
from shards.model.ids import market_of
from shards.model.links import FiredHeld, HoldFired, MarkChanged, Settle, SettleMargin
from shards.model.orders import Order


class Delivery:
    """Delivers the effects of one shard's inputs."""

    def __init__(self, listings: Listings, accounts: AccountMachine, links: Links, recent: Recent) -> None:
        self._listings = listings
        self._accounts = accounts
        self._links = links
        self._recent = recent

    def deliver(self, effects: Effects) -> None:
        """All of them; those of triggers that fire by them, too."""
        away: dict[int, list[Settlement]] = {}
        away_margin: dict[int, list[MarginSettlement]] = {}
        self._settle(effects, away, away_margin)
        later: list[Order] = []
        while effects.fired:
            order = effects.fired.pop(0)
            if self._listings.rules and not self._links.is_home(order.account):
                later.append(order)
                continue
            self._ask_for_fired(order, effects)
            self._settle(effects, away, away_margin)
        for home, settlements in away.items():
            self._links.post(home, Settle(settlements), effects.now_ms)
        for home, margin_settlements in away_margin.items():
            self._links.post(home, SettleMargin(margin_settlements), effects.now_ms)
        for order in [*later, *effects.again]:  # now that their homes hear first of what has gone back
            self._ask_for_fired(order, effects)
        outbox = self._links.outboxes[ARCHIVE]
        for row in effects.rows:
            self._recent.add(outbox.post(effects.now_ms, encode(row)), row)

    def _settle(
        self,
        effects: Effects,
        away: dict[int, list[Settlement]],
        away_margin: dict[int, list[MarginSettlement]],
    ) -> None:
        """Take what has been settled so far out of ``effects``: marks first, for margins are reckoned with them."""
        accounts, links = self._accounts, self._links
        if effects.marks:
            accounts.margins.marks.update(effects.marks)
            links.post_to_all(MarkChanged(effects.marks), effects.now_ms)
            effects.marks = {}
        for settlement in effects.settlements:
            home = links.home_of(settlement.account)
            if home == links.shard:
                accounts.settle(settlement)
            else:
                away.setdefault(home, []).append(settlement)
        for settled in effects.margin_settlements:
            home = links.home_of(settled.account)
            if home == links.shard:
                effects.rows += accounts.settle_margin(settled, effects.now_ms)
            else:
                away_margin.setdefault(home, []).append(settled)
        effects.settlements, effects.margin_settlements = [], []

    # Fired triggers

    def _ask_for_fired(self, order: Order, effects: Effects) -> None:
        """Have the margin of a fired trigger held: at home at once, elsewhere over the links."""
        machine, home = self._listings.futures[order.market], self._links.home_of(order.account)
        if order.id not in machine.open:
            return  # ended in the meantime
        asked = machine.hold_for_fired(order, self._links.shard)
        if home == self._links.shard:
            machine.fired_held(self._accounts.grant_fired(asked), effects)
        else:
            self._links.post(home, asked, effects.now_ms)

    def hold_fired(self, asked: HoldFired, effects: Effects) -> None:
        """A trigger has fired elsewhere, of an account that is at home here."""
        self._links.post(asked.market_shard, self._accounts.grant_fired(asked), effects.now_ms)

    def fired_held(self, held: FiredHeld, effects: Effects) -> None:
        """The answer for one that has fired here."""
        self._listings.futures[market_of(held.id)].fired_held(held, effects)
