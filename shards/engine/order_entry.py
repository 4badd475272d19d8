"""Order entry: placing and modifying orders, for which funds must be held first, on this shard or another.

If the account is kept here, the hold is granted and used in one step. Otherwise the market's shard sends a request
(``ask_to_place``, ``ask_to_modify``), the account's shard holds the funds and posts the grant (``hold_funds``,
``hold_margin``), and the market's shard uses it (``granted``), unless the market has moved and the grant is too little
by then.
"""

import msgspec

from shards.engine.account.machine import AccountMachine
from shards.engine.effects import Effects
from shards.engine.links import Links
from shards.engine.listings import Listings
from shards.model.commands import FundsHold, MarginHold, Modify, Place
from shards.model.ids import market_of
from shards.model.links import Granted
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply


class AskAccountShard(msgspec.Struct, frozen=True):
    """Not executed: since it arrived, the command has come to need funds that the account's shard must hold."""

    command: Place | Modify


class OrderEntry:
    """Executes one shard's order placements and modifications, and holds for its accounts."""

    def __init__(self, listings: Listings, accounts: AccountMachine, links: Links) -> None:
        self._markets = listings.markets
        self._futures = listings.futures
        self._accounts = accounts
        self._links = links
        self._shard = links.shard

    # Asking the account's shard; nothing is changed

    def must_ask_to_place(self, place: Place) -> bool:
        """Whether another shard must hold funds before the order can be placed here; False if it is rejected."""
        new = place.order
        machine = self._markets.get(new.market)
        if machine is None or not machine.needs_money(new) or self._links.is_account_shard(new.account):
            return False
        return machine.check(new) is None

    def must_ask_to_modify(self, modify: Modify) -> bool:
        """Whether another shard must hold funds before the order can be modified here; False if it is rejected."""
        machine = self._futures.get(market_of(modify.id))
        if machine is None or self._links.is_account_shard(modify.account) or not machine.modify_needs_money(modify):
            return False
        return machine.check_modify(modify) is None

    def ask_to_place(self, place: Place, ticket: int, deadline_ms: int) -> FundsHold | MarginHold | Reply:
        """Return the request for the account's shard; the rejection, or the repeated order."""
        new = place.order
        machine = self._markets.get(new.market)
        if machine is None:
            return Rejected(RejectReason.UNKNOWN_MARKET)
        return machine.check(new) or machine.hold_for(new, self._shard, ticket, deadline_ms)

    def ask_to_modify(self, modify: Modify, ticket: int, deadline_ms: int) -> MarginHold | Rejected:
        """Return the request for the account's shard, or the rejection."""
        machine = self._futures.get(market_of(modify.id))
        if machine is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        return machine.hold_to_modify(modify, self._shard, ticket, deadline_ms)

    # Executing

    def place(self, place: Place, effects: Effects) -> Reply | AskAccountShard:
        """Place an order if its account is kept here or it needs no funds."""
        new = place.order
        machine = self._markets.get(new.market)
        if machine is None:
            return Rejected(RejectReason.UNKNOWN_MARKET)
        found = machine.check(new)
        if found is not None:
            return found
        if not machine.needs_money(new):
            return machine.place(new, None, effects)
        if not self._links.is_account_shard(new.account):
            return AskAccountShard(place)
        hold = machine.hold_for(new, self._shard, 0, 0)
        granted = self._accounts.grants[type(hold)](hold)
        return granted if isinstance(granted, Rejected) else machine.place(new, granted, effects)

    def modify(self, modify: Modify, effects: Effects) -> Reply | AskAccountShard:
        """Modify a futures order if its account is kept here or it needs no funds."""
        machine = self._futures.get(market_of(modify.id))
        if machine is None:
            return Rejected(RejectReason.UNKNOWN_ORDER)
        if not machine.modify_needs_money(modify):
            return machine.modify(modify, None, effects)
        if not self._links.is_account_shard(modify.account):
            return machine.check_modify(modify) or AskAccountShard(modify)
        hold = machine.hold_to_modify(modify, self._shard, 0, 0)
        if isinstance(hold, Rejected):
            return hold
        granted = self._accounts.grant_margin(hold)
        return granted if isinstance(granted, Rejected) else machine.modify_granted(granted, None, effects)

    def hold_funds(self, hold: FundsHold, effects: Effects) -> Rejected | None:
        """Hold funds for a spot order that is to be placed on another shard."""
        return self._post(self._accounts.grant_funds(hold), hold.market_shard, effects)

    def hold_margin(self, hold: MarginHold, effects: Effects) -> Rejected | None:
        """Hold margin for a futures order that is to be placed or modified on another shard."""
        return self._post(self._accounts.grant_margin(hold), hold.market_shard, effects)

    def _post(self, granted: Granted | Rejected, market_shard: int, effects: Effects) -> Rejected | None:
        if isinstance(granted, Rejected):
            return granted
        self._links.post(market_shard, granted, effects.now_ms)
        return None

    def granted(self, granted: Granted, effects: Effects) -> Reply:
        """Place or modify an order whose funds another shard holds; what is not used is released."""
        late = Rejected(RejectReason.TIMEOUT) if effects.now_ms > granted.deadline_ms else None
        new = granted.order
        if granted.modifies:
            return self._futures[new.market].modify_granted(granted, late, effects)
        machine = self._markets[new.market]
        found = late or machine.check(new) or machine.recheck(granted)
        if found is None:
            return machine.place(new, granted, effects)
        machine.release(granted, effects)
        return found
