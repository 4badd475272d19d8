"""Equity of accounts from one moment to the next, and how much of a loss is not caused by an order.

Each moment is valued with the mark prices and brackets of the previous one. An order is not responsible for moves of
the mark price since it was granted, nor for requirements of other brackets, nor for anything in a market without risk
terms.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shards.engine.account.margin import Margins
from shards.engine.market.futures import FuturesMarket
from shards.model.brackets import MILLION, Bracket
from shards.model.codec import decode_event
from shards.model.events import MarginFilled
from shards.model.markets import shard_of_account
from shards.model.orders import Kind, Order, Side
from shards.model.positions import Margin
from tests.model.futures_risk import maintenance
from tests.model.world import World

Brackets = Mapping[int, Sequence[Bracket]]
"""By market; empty without risk terms."""


class Worth(NamedTuple):
    """An account's equity and maintenance margin."""

    equity: int
    maintenance: int

    @property
    def surplus(self) -> int:
        return self.equity - self.maintenance

    @property
    def is_at_risk(self) -> bool:
        """Not at risk without a position or debt."""
        return self.equity < 0 or self.equity <= self.maintenance > 0


@dataclass
class Since:
    """Changes since an order was granted: when it was placed, modified, or fired."""

    shown: tuple[Kind, int, int]
    marks: list[int]  # of its market, since before it was granted
    lost: int  # the minimum of the account's losses not caused by orders
    brackets: Sequence[Bracket] | None  # of its market, by which it was granted; None: these or others
    free: int  # distance from the mark price for which it may have needed no hold, in millionths


class Watch:
    """Watches accounts whose orders alone may neither put them at risk nor into debt."""

    def __init__(self, world: World, accounts: Sequence[str], markets: Iterable[int]) -> None:
        self.world, self.accounts, self.markets = world, accounts, list(markets)
        self.has_moved = False  # something other than an order has put an account at risk
        self.since: dict[int, Since] = {}
        self.lost = dict.fromkeys(accounts, 0)  # surplus lost other than by orders
        self._rows = [0] * world.shard_count

    # Current state

    def machine(self, number: int) -> FuturesMarket:
        machine = self.world.engine_of(number).markets[number]
        assert isinstance(machine, FuturesMarket)
        return machine

    def marks(self) -> dict[int, int]:
        return {number: self.machine(number).margin.mark_price for number in self.markets}

    def brackets(self) -> dict[int, Sequence[Bracket]]:
        markets = {number: self.machine(number).market for number in self.markets}
        return {number: market.brackets if market.risk else () for number, market in markets.items()}

    def worth(self, account: str, marks: Mapping[int, int] | None = None, brackets: Brackets | None = None) -> Worth:
        marks, brackets = marks or self.marks(), brackets or self.brackets()
        margin = self.margin(account)
        equity, needed = margin.wallet, 0
        for number, own in margin.markets.items():
            lot = marks[number] * self.machine(number).market.tick_lot_units
            equity += own.position.amount * lot - own.position.signed_cost()
            needed += maintenance(brackets[number], abs(own.position.amount) * lot)
        return Worth(equity, needed)

    def margin(self, account: str) -> Margin:
        return self._margins(account).get(account)

    def free(self, account: str) -> int:
        return self._margins(account).free(account)

    def _margins(self, account: str) -> Margins:
        return self.world.engines[shard_of_account(account, self.world.shard_count)].accounts.margins

    def orders(self, account: str) -> list[Order]:
        own = (self.machine(number).by_account.get(account, {}) for number in self.markets)
        return [order for orders in own for order in orders.values()]

    # From one moment to the next

    def begin(self, requested: Brackets) -> None:
        """Before a step; ``requested``: brackets that it will set."""
        self._marks, self._brackets = self.marks(), self.brackets()
        self._requested = {**self._brackets, **requested}
        self._before = {account: self.worth(account, self._marks, self._brackets) for account in self.accounts}
        self._changed = {account: self._difference(account) for account in self.accounts}

    def end(self) -> str:
        """After it; returns the finding, "" if none."""
        now = self.marks()
        fresh = [number for number in self.markets if not (self._marks[number] and self._brackets[number])]
        self._marks = {number: mark or now[number] for number, mark in self._marks.items()}  # it had no positions
        self._look()
        since, asked_more = self._count_out()
        wrong = ""
        for account in self.accounts:
            before, after, later = self._before[account], self._worth(account), self.worth(account)
            changed = max(self._changed[account], self._difference(account))
            # a trade has moved the mark price in between
            allowed = since[account] + changed + max(0, later.surplus - after.surplus)
            if all(self._brackets.values()):
                must_have = after.surplus + allowed + asked_more[account]
                at_risk = not before.is_at_risk and after.is_at_risk and must_have <= 0
                if at_risk or after.equity < min(0, before.equity) - allowed:
                    wrong = f"{account} was {before} and is {after}, of which {allowed} by what came between"
                self.lost[account] += after.surplus - later.surplus
            else:
                self.lost[account] += before.surplus - later.surplus
            self.has_moved |= later.is_at_risk
        self._look_anew(number for number in fresh if now[number] and self.brackets()[number])
        return wrong

    def _worth(self, account: str) -> Worth:
        return self.worth(account, self._marks, self._brackets)

    def _difference(self, account: str) -> int:
        """The difference in the account's maintenance margin with the requested brackets."""
        return abs(self._worth(account).maintenance - self.worth(account, self._marks, self._requested).maintenance)

    def _look(self) -> None:
        for account in self.accounts:
            orders, lost = self.orders(account), self.lost[account]
            # an earlier grant may have included what is lost beside it, and be used together with it
            beside = [self.since[order.id].lost for order in orders if order.loss and order.id in self.since]
            for order in orders:
                before, shown = self._marks[order.market], (order.kind, order.price, order.quantity)
                since = self.since.get(order.id)
                if since is None or since.shown != shown:
                    brackets, changed = (each[order.market] for each in (self._brackets, self._requested))
                    known = brackets if brackets == changed else None
                    free = max((each[0].ratio for each in (brackets, changed) if each), default=0)
                    since = self.since[order.id] = Since(shown, [before], min([lost, *beside]), known, free)
                since.marks.append(self.machine(order.market).margin.mark_price or before)
                since.lost = min(since.lost, lost)

    def _look_anew(self, markets: Iterable[int]) -> None:
        """After a first mark price or first risk terms: treat open orders as if granted now.

        Except for their leverage, which stays.
        """
        for number in markets:
            machine = self.machine(number)
            for order in machine.open.values():
                since = self.since[order.id]
                since.marks, since.lost = [machine.margin.mark_price], self.lost[order.account]

    def list_fills(self) -> Iterator[MarginFilled]:
        """Fills booked since the last call."""
        found = []
        for node in self.world.nodes:
            events = [decode_event(body) for body in self.world.stored[node.shard][self._rows[node.shard] :]]
            self._rows[node.shard] += len(events)
            found += [event for event in events if isinstance(event, MarginFilled)]
        return iter(found)

    def _count_out(self) -> tuple[dict[str, int], dict[str, int]]:
        """Changes since the filled orders were granted: (losses, additional requirements of other brackets).

        The mark price may have moved against a fill since then; and positions may have lost what an order may lose.
        With other brackets, a reduce-only order was allowed more than the current maintenance margin permits. One unit
        is lost with each fill, by rounding.
        """
        lost, gone, requested = (dict.fromkeys(self.accounts, 0) for _ in range(3))
        fills = list(self.list_fills())
        for filled in fills:
            account, fill, machine = filled.account, filled.fill, self.machine(filled.market)
            since, mark, unit = self.since.get(fill.order), self._marks[filled.market], machine.market.tick_lot_units
            sign = 1 if fill.side is Side.BUY else -1
            follows = not machine.margin.set_price
            traded = [each.fill.price for each in fills if follows and each.market == filled.market]
            moved = max((sign * (each - mark) for each in traded + (since.marks if since else [])), default=0)
            lost[account] += max(0, moved) * fill.quantity * unit + 1
            if since is not None:
                gone[account] = max(gone[account], self.lost[account] - since.lost)
                if since.brackets != self._brackets[filled.market]:  # it has the leverage of the earlier ones
                    lost[account] += -(-fill.quantity * mark * unit * since.free // MILLION)
                    requested[account] += fill.quantity * mark * unit * machine.market.brackets[-1].ratio // MILLION
        for account in self.accounts:
            self.lost[account] += lost[account] + requested[account]
        return {account: lost[account] + gone[account] for account in self.accounts}, requested
