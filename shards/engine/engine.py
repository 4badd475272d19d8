"""A shard's state and the one function that changes it: ``apply``. Dispatch only; the machines decide.

Pure: whatever depends on time, chance or the outside enters in the journaled input, so the same inputs make the same
state.
"""

from typing import Final

from shards.engine.account.machine import AccountMachine
from shards.engine.account.margin import Held
from shards.engine.cancels import Cancels
from shards.engine.countdowns import Countdowns
from shards.engine.effects import Effects
from shards.engine.market.cover import measure
from shards.engine.market.futures import FuturesMarket
from shards.engine.market.machine import MarketMachine
from shards.engine.market.spot import SpotMarket
from shards.engine.outbox import ARCHIVE, Outbox
from shards.engine.refusals import refusals_of
from shards.engine.unarchived import Recent
from shards.limits import RULES
from shards.model.accounting import MarginSettlement, MarginTerms, Settlement
from shards.model.brackets import Bracket
from shards.model.codec import encode
from shards.model.commands import (
    AddAsset,
    AddMarket,
    Cancel,
    CancelAll,
    CancelBatch,
    CancelByClientId,
    Command,
    Countdown,
    Deposit,
    Hold,
    Modify,
    Place,
    SetLeverage,
    SetMarketStatus,
    SetMarkPrice,
    SetRisk,
    SetRules,
    Tick,
    Transfer,
)
from shards.model.events import MarketChanged
from shards.model.ids import market_of
from shards.model.links import (
    BracketsChanged,
    FiredHeld,
    Granted,
    HoldFired,
    LinkMessage,
    MarkChanged,
    Settle,
    SettleMargin,
)
from shards.model.markets import Market, MarketStatus, Product, shard_of_account
from shards.model.orders import MARKET, EndReason, NewOrder, Order
from shards.model.reasons import Reason
from shards.model.replies import BatchReply, CountReply, MarketReply, Refused, Reply

MAILBOX: Final = -1  # the source of inputs that are commands
ASK_HOME: Final = Refused(Reason.BUSY)
"""Not carried out: the order has come to hold margin since the command came; its account's home shard must be asked."""


class Engine:
    """The machines of one shard."""

    def __init__(self, shard: int, shard_count: int) -> None:
        self.shard = shard
        self.shard_count = shard_count
        self.sequence = 0
        self.now_ms = 0
        self.rules = 0  # by which it decides, see shards.limits.RULES; 0 until its journal says otherwise
        self.markets: dict[int, MarketMachine] = {}
        self.assets: dict[str, int] = {}  # decimals, of those whose symbol is this shard's
        self.accounts = AccountMachine()
        peers = [peer for peer in range(shard_count) if peer != shard]
        self.outboxes = {receiver: Outbox() for receiver in (*peers, ARCHIVE)}
        self.received = dict.fromkeys(peers, 0)  # number of the last link message applied, per sender
        self.countdowns = Countdowns()
        self.recent = Recent()
        self.cancels = Cancels(self.markets, self.recent)

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
        """Apply one journaled input; returns what its caller is told, or :data:`ASK_HOME` itself.

        The reply may show live objects: encode it before the next input is applied.
        """
        assert sequence == self.sequence + 1 and stamp_ms >= self.now_ms
        if source != MAILBOX:
            assert number == self.received[source] + 1, "link messages come in order, each once"
            self.received[source] = number
        self.sequence, self.now_ms = sequence, stamp_ms
        effects = Effects(stamp_ms, sequence)
        reply = self._decide(message, source, effects)
        if isinstance(reply, (Refused, BatchReply)) and reply is not ASK_HOME and self.rules >= 2:
            effects.rows += refusals_of(message, reply, self.markets, sequence, stamp_ms)
        self._deliver(effects)
        return reply

    def _decide(self, message: Command | LinkMessage, source: int, effects: Effects) -> Reply | None:
        match message:
            case Place(order):
                return self._place(order, effects)
            case Cancel() | CancelByClientId() | CancelAll() | CancelBatch():
                return self.cancels.decide(message, effects)
            case Hold():
                return self._hold(message)
            case Granted():
                return self._granted(message, effects)
            case Deposit():
                return self.accounts.deposit(message, effects)
            case Transfer():
                return self.accounts.transfer(message, effects)
            case SetLeverage(account, market, leverage, default):
                refused = self.accounts.margins.set_leverage(account, market, leverage, default, self.now_ms)
                return refused or CountReply(leverage)
            case Modify():
                return self._modify(message, effects)
            case AddAsset(asset, decimals):
                return CountReply(self.assets.setdefault(asset, decimals))
            case AddMarket() | SetMarketStatus() | SetMarkPrice() | SetRisk():
                return self._operate(message, effects)
            case Countdown(market, account, after_ms):
                if market not in self.markets:
                    return Refused(Reason.UNKNOWN_MARKET)
                self.countdowns.set(market, account, self.now_ms, after_ms)
                return CountReply(after_ms)
            case Tick():
                self._tick(effects)
                return None
            case SetRules(version):
                self.set_rules(version)
                return None
            case _:
                self._take_up(message, source, effects)
                return None

    def _take_up(self, message: LinkMessage, source: int, effects: Effects) -> None:
        """What another shard has decided."""
        match message:
            case Settle(settlements):
                for settlement in settlements:
                    self.accounts.settle(settlement)
            case SettleMargin(margin_settlements):
                for settled in margin_settlements:
                    effects.rows += self.accounts.settle_margin(settled, self.now_ms)
            case MarkChanged(lot_values):
                self.accounts.margins.marks.update(lot_values)
            case BracketsChanged(market, brackets):
                self.accounts.margins.brackets[market] = brackets
            case HoldFired():
                self._post(source, self._hold_fired(message))
            case FiredHeld():
                self._fired_held(message, effects)

    # Delivering

    def _deliver(self, effects: Effects) -> None:
        """Settle what is at home, post the rest: settlements to the accounts' home shards, rows to the archive."""
        away: dict[int, list[Settlement]] = {}
        away_margin: dict[int, list[MarginSettlement]] = {}
        self._settle(effects, away, away_margin)
        later: list[Order] = []
        while effects.fired:
            order = effects.fired.pop(0)
            if self.rules and not self.is_home(order.account):
                later.append(order)
                continue
            self._ask_for_fired(order, effects)
            self._settle(effects, away, away_margin)
        for home, settlements in away.items():
            self._post(home, Settle(settlements))
        for home, margin_settlements in away_margin.items():
            self._post(home, SettleMargin(margin_settlements))
        for order in [*later, *effects.again]:  # now that their homes hear first of what has gone back
            self._ask_for_fired(order, effects)
        outbox = self.outboxes[ARCHIVE]
        for row in effects.rows:
            self.recent.add(outbox.post(self.now_ms, encode(row)), row)

    def _settle(
        self,
        effects: Effects,
        away: dict[int, list[Settlement]],
        away_margin: dict[int, list[MarginSettlement]],
    ) -> None:
        """Take what has been settled so far out of ``effects``: marks first, for margins are reckoned with them."""
        if effects.marks:
            self.accounts.margins.marks.update(effects.marks)
            for peer in self.received:
                self._post(peer, MarkChanged(effects.marks))
            effects.marks = {}
        for settlement in effects.settlements:
            if self.is_home(settlement.account):
                self.accounts.settle(settlement)
            else:
                away.setdefault(self._home_of(settlement.account), []).append(settlement)
        for settled in effects.margin_settlements:
            if self.is_home(settled.account):
                effects.rows += self.accounts.settle_margin(settled, self.now_ms)
            else:
                away_margin.setdefault(self._home_of(settled.account), []).append(settled)
        effects.settlements, effects.margin_settlements = [], []

    def _post(self, receiver: int, message: LinkMessage) -> None:
        self.outboxes[receiver].post(self.now_ms, encode(message))

    def _home_of(self, account: str) -> int:
        return shard_of_account(account, self.shard_count)

    # Placing

    def needs_home(self, command: Place | Modify) -> bool:
        """Whether another shard must hold money before the command can be carried out here; not if it is refused."""
        if isinstance(command, Modify):
            return not self.is_home(command.account) and self._modify_needs_money(command)
        new = command.order
        machine = self.markets.get(new.market)
        away = machine is not None and machine.needs_money(new) and not self.is_home(new.account)
        return away and self._check_place(new) is None

    def _modify_needs_money(self, modify: Modify) -> bool:
        machine = self.markets.get(market_of(modify.id))
        if not isinstance(machine, FuturesMarket) or not machine.modify_needs_money(modify):
            return False
        return machine.check_modify(modify) is None

    def ask_home(self, command: Place | Modify, ticket: int, deadline_ms: int) -> Hold | Reply:
        """What to ask the account's home shard for, or what stands against it. Reads only."""
        if isinstance(command, Modify):
            return self._hold_to_modify(command, ticket, deadline_ms)
        return self._check_place(command.order) or self._hold_to_place(command.order, ticket, deadline_ms)

    def _check_place(self, new: NewOrder) -> Reply | None:
        machine = self.markets.get(new.market)
        return machine.check(new) if machine else Refused(Reason.UNKNOWN_MARKET)

    def _hold_to_place(self, new: NewOrder, ticket: int, deadline_ms: int) -> Hold:
        machine = self.markets[new.market]
        if isinstance(machine, FuturesMarket):
            cover = measure(machine, new)
            terms = machine.margin_terms_of(new, cover)
            asset, price = machine.market.quote, cover.hold_price
            return Hold(new, asset, 0, self.shard, ticket, deadline_ms, price, terms, 0, cover.limit, cover.loss)
        assert isinstance(machine, SpotMarket)
        asset, amount = machine.hold_of(new)
        return Hold(new, asset, amount, self.shard, ticket, deadline_ms)

    def _place(self, new: NewOrder, effects: Effects) -> Reply:
        found = self._check_place(new)
        if found is not None:
            return found
        machine = self.markets[new.market]
        if not machine.needs_money(new):
            return machine.place(new, effects)
        if not self.is_home(new.account):
            return ASK_HOME
        if isinstance(machine, FuturesMarket):
            cover = measure(machine, new)
            held = self._hold_margin(new, machine.margin_terms_of(new, cover))
            return held if isinstance(held, Refused) else machine.place_held(new, cover, held, effects)
        assert isinstance(machine, SpotMarket)
        return self.accounts.hold(new.account, *machine.hold_of(new)) or machine.place(new, effects)

    def _hold_margin(self, new: NewOrder, terms: MarginTerms) -> Held | Refused:
        held = self.accounts.margins.hold(new.account, new.market, new.side, terms)
        if isinstance(held, Refused) and held.reason is Reason.NO_LEAVE and new.kind is MARKET:
            return self._without_leave(new.account, new.market)
        return held

    def _hold_money(self, hold: Hold) -> Granted | Refused:
        new = hold.order
        if hold.terms is None:
            refused = self.accounts.hold(new.account, hold.asset, hold.amount)
            return refused or Granted(new, hold.amount, hold.ticket, hold.deadline_ms)
        held = self._hold_margin(new, hold.terms)
        if isinstance(held, Refused):
            return held
        value = hold.terms.order_value if hold.modifies else 0
        terms = hold.hold_price, held.leverage, hold.modifies, value, hold.limit, hold.loss, hold.terms.closes
        return Granted(new, held.amount, hold.ticket, hold.deadline_ms, *terms, hold.terms.reduces, held.allowance)

    def _without_leave(self, account: str, market: int) -> Held:
        """What only reduces at any price goes as far as it may with nothing held."""
        return Held(0, 0, self.accounts.margins.allowance(account, market))

    def _hold(self, hold: Hold) -> Reply | None:
        granted = self._hold_money(hold)
        if isinstance(granted, Refused):
            return granted
        self._post(hold.market_shard, granted)
        return None

    def _granted(self, granted: Granted, effects: Effects) -> Reply:
        late = Refused(Reason.TIMEOUT) if self.now_ms > granted.deadline_ms else None
        if granted.modifies:
            return self._modify_granted(granted, late, effects)
        machine = self.markets[granted.order.market]
        found = late or machine.check(granted.order)
        if isinstance(machine, FuturesMarket):
            if found is None:
                return machine.place_granted(granted, effects)
            machine.release_grant(granted, effects)
            return found
        assert isinstance(machine, SpotMarket)
        if found is None:
            return machine.place(granted.order, effects)
        machine.release(granted.order, effects)
        return found

    # Modifying

    def _modify(self, modify: Modify, effects: Effects) -> Reply:
        machine = self.markets.get(market_of(modify.id))
        if not isinstance(machine, FuturesMarket):
            return Refused(Reason.UNKNOWN_ORDER)
        if not machine.modify_needs_money(modify):
            return machine.modify(modify, None, effects)
        if not self.is_home(modify.account):
            return machine.check_modify(modify) or ASK_HOME
        hold = self._hold_to_modify(modify, 0, 0)
        granted = self._hold_money(hold) if isinstance(hold, Hold) else hold
        return granted if isinstance(granted, Refused) else self._modify_granted(granted, None, effects)

    def _hold_to_modify(self, modify: Modify, ticket: int, deadline_ms: int) -> Hold | Refused:
        """What the change needs beyond what is held."""
        machine = self.markets.get(market_of(modify.id))
        if not isinstance(machine, FuturesMarket):
            return Refused(Reason.UNKNOWN_ORDER)
        refused = machine.check_modify(modify)
        if refused is not None:
            return refused
        order = machine.open[modify.id]
        new = machine.changed(order, modify)
        cover = measure(machine, new)
        terms = machine.more_margin(order, new, cover)
        asset, price = machine.market.quote, cover.hold_price
        return Hold(new, asset, 0, self.shard, ticket, deadline_ms, price, terms, order.id, cover.limit, cover.loss)

    def _modify_granted(self, granted: Granted, late: Refused | None, effects: Effects) -> Reply:
        """The change with its margin held; refused after all, the margin goes back."""
        new = granted.order
        machine = self._futures(new.market)
        modify = Modify(granted.modifies, new.account, new.price, new.quantity)
        reply = late or machine.modify(modify, granted, effects)
        if isinstance(reply, Refused):
            machine.unhold(new, granted.leverage, granted.amount, granted.order_value, effects)
        return reply

    # Fired triggers

    def _ask_for_fired(self, order: Order, effects: Effects) -> None:
        """Have the margin of a fired trigger held: at home at once, elsewhere over the links."""
        if order.id not in self.markets[order.market].open:
            return  # ended in the meantime
        machine = self._futures(order.market)
        cover = measure(machine, order)
        terms = machine.margin_terms_of(order, cover)
        shown = order.id, order.account, order.side
        asked = HoldFired(*shown, cover.hold_price, terms, self.shard, cover.limit, cover.loss)
        if self.is_home(order.account):
            self._fired_held(self._hold_fired(asked), effects)
        else:
            self._post(self._home_of(order.account), asked)

    def _hold_fired(self, asked: HoldFired) -> FiredHeld:
        market, terms = market_of(asked.id), asked.terms
        held = self.accounts.margins.hold(asked.account, market, asked.side, terms)
        leave = terms.reduces > 0 and isinstance(held, Held) and not held.allowance
        if isinstance(held, Refused):
            held = self._without_leave(asked.account, market) if terms.reduces else Held(0, 0)
        shown = asked.id, asked.account, asked.side, asked.hold_price
        return FiredHeld(*shown, held.leverage, terms, asked.limit, asked.loss, leave, held.allowance)

    def _fired_held(self, held: FiredHeld, effects: Effects) -> None:
        machine = self._futures(market_of(held.id))
        order = machine.firing.get(held.id)
        if order is None:  # canceled while its margin was on the way
            machine.give_back(held, effects)
        elif held.leverage or held.terms.reduces:
            machine.fired_granted(order, held, effects)
        else:
            machine.fired_refused(order, effects)

    def _futures(self, market: int) -> FuturesMarket:
        machine = self.markets[market]
        assert isinstance(machine, FuturesMarket)
        return machine

    # Time

    def due_ms(self) -> int | None:
        """When a Tick is due next; None if nothing waits for time."""
        return self.countdowns.due_ms()

    def _tick(self, effects: Effects) -> None:
        for market, account in self.countdowns.take_due(self.now_ms):
            self.markets[market].cancel_account(account, EndReason.COUNTDOWN, effects)

    # The operator

    def set_rules(self, version: int) -> None:
        """Decide by the rules of this version from here on."""
        assert self.rules < version <= RULES, "a journal of a newer version of the program"
        self.rules = version
        for machine in self.markets.values():
            machine.rules = version
        self.accounts.margins.overdrawn.clear()

    def _operate(self, message: AddMarket | SetMarketStatus | SetMarkPrice | SetRisk, effects: Effects) -> Reply:
        if isinstance(message, AddMarket):
            return self._add_market(message.market, effects)
        machine = self.markets.get(message.market)
        if machine is None:
            return Refused(Reason.UNKNOWN_MARKET)
        if machine.market.status is MarketStatus.DELISTED:
            return Refused(Reason.MARKET_DELISTED)
        if isinstance(message, SetMarkPrice):
            self._futures(message.market).set_mark(message.price, effects)
            return MarketReply(machine.market)
        if isinstance(message, SetRisk):
            self._futures(message.market).set_risk(message.change, effects)
            self._tell_brackets(message.market, machine.market.brackets)
            return MarketReply(machine.market)
        refused = machine.set_status(message.status, effects)
        return refused or MarketReply(machine.market)

    def _add_market(self, market: Market, effects: Effects) -> Reply:
        machine = self.markets.get(market.number)
        if machine is None:
            machine = self.markets[market.number] = make_machine(market)
            machine.rules = self.rules
            effects.rows.append(MarketChanged(market, effects.now_ms))
            if market.risk is not None:
                self._tell_brackets(market.number, market.risk.brackets)
        return MarketReply(machine.market)

    def _tell_brackets(self, market: int, brackets: list[Bracket]) -> None:
        """To every shard: each is home to accounts that may trade in the market."""
        self.accounts.margins.brackets[market] = brackets
        for peer in self.received:
            self._post(peer, BracketsChanged(market, brackets))


def make_machine(market: Market) -> MarketMachine:
    """The machine for a market's product."""
    return FuturesMarket(market) if market.product is Product.FUTURES else SpotMarket(market)
