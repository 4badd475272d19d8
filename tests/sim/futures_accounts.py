"""The futures wallets kept on one shard of the model.

For markets on the same shard it uses the current state; for others, what their link messages reported.
"""

from collections import Counter, defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from shards.model import orders as o
from shards.model.brackets import Bracket
from shards.model.events import MarginFilled
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, Rejected, Reply
from tests.model.futures_risk import MILLION, maintenance, most_at
from tests.model.futures_wallets import FuturesWallet, ceil
from tests.sim.sent import Held

if TYPE_CHECKING:
    from tests.sim.futures_shard import FuturesShard

Key = tuple[str, int]
"""Account and market."""


class AccountShard:
    """The accounts' balances, positions and holds."""

    def __init__(self, shard: "FuturesShard") -> None:
        self.shard = shard
        self.paid_in: Counter[str] = Counter()
        self.positions: defaultdict[Key, FuturesWallet] = defaultdict(FuturesWallet)  # in markets elsewhere
        self.held: defaultdict[Key, Held] = defaultdict(Counter)  # likewise
        self.marks: dict[int, int] = {}  # likewise
        self.brackets: dict[int, list[Bracket]] = {}  # of all markets with risk terms
        self.leverages: dict[Key, int] = {}

    def position(self, account: str, market: int) -> FuturesWallet:
        """Wherever it is kept."""
        here = self.shard.futures.get(market)
        return here.wallets[account] if here else self.positions[account, market]

    def hold(self, account: str, market: int) -> int:
        """Held for its open orders."""
        here = self.shard.futures.get(market)
        return (
            sum(order.hold for order in here.open_of(account)) if here else self.held[account, market][account, "hold"]
        )

    def value(self, account: str, market: int, side: o.Side) -> int:
        """The notional of its open orders on one side."""
        here = self.shard.futures.get(market)
        return here.values(account, side) if here else self.held[account, market][account, side.name]

    def markets(self, account: str) -> set[int]:
        """Markets where the account may have anything, on any shard."""
        return {*self.shard.futures, *(key[1] for key in [*self.positions, *self.held] if key[0] == account)}

    def mark(self, market: int) -> int:
        """The value of a lot at the mark price."""
        here = self.shard.futures.get(market)
        return here.mark * here.unit if here else self.marks.get(market, 0)

    def wallet(self, account: str) -> int:
        """Units of USDT."""
        return self.paid_in[account] + sum(self.position(account, each).wallet for each in self.markets(account))

    def unrealized(self, account: str) -> int:
        """Unrealized profit at the mark prices."""
        return sum(self.position(account, each).unrealized(self.mark(each)) for each in self.markets(account))

    def all_held(self, account: str) -> int:
        """Held for open orders in all markets."""
        return sum(self.hold(account, each) for each in self.markets(account))

    def free(self, account: str) -> int:
        """Available for new orders."""
        margins = sum(self.position(account, each).margin for each in self.markets(account))
        left = self.wallet(account) + min(0, self.unrealized(account)) - margins
        return min(left, self.spare(account)) - self.all_held(account)

    def surplus(self, account: str) -> int:
        """Equity beyond the maintenance margin."""
        return self.wallet(account) + self.unrealized(account) - self.maintenance(account)

    def spare(self, account: str) -> int:
        """The largest loss that does not put the account at risk."""
        return self.surplus(account) - (self.maintenance(account) > 0)

    def allowance(self, account: str, market: int) -> int:
        """Distance from the mark price, in millionths, within which reduce-only orders need no hold; 0 if at risk."""
        return self.brackets[market][0].ratio if market in self.brackets and self.surplus(account) > 0 else 0

    def maintenance(self, account: str, market: int = 0, closed: int = 0) -> int:
        """Maintenance margin of its positions, once so many lots of the one in ``market`` are closed."""
        needed = 0
        for each in self.markets(account) & self.brackets.keys():
            lots = abs(self.position(account, each).size) - (closed if each == market else 0)
            needed += maintenance(self.brackets[each], lots * self.mark(each))
        return needed

    def set_leverage(self, account: str, market: int, leverage: int, default: int) -> Reply:
        """Rejected if it would put position and orders over the limit; the current value is always accepted."""
        there = self.position(account, market).cost + max(self.value(account, market, side) for side in o.Side)
        other = leverage != (self.leverages.get((account, market)) or default)
        if other and market in self.brackets and there > most_at(self.brackets[market], leverage):
            return Rejected(RejectReason.POSITION_LIMIT)
        self.leverages[account, market] = leverage
        return CountReply(leverage)

    def hold_away(self, account: str, market: int, side: o.Side, terms: Any) -> tuple[int, int, int] | Rejected:
        """Hold for an order on a market elsewhere; (leverage, units, allowance). Leverage 0: reduce-only."""
        if terms.reduces:
            return self._hold_loss(account, market, side, terms)
        changes = terms.leverage > 0  # it holds at its own leverage already: the value is divided by it
        own = terms.default_leverage if changes else self.leverages.get((account, market)) or terms.default_leverage
        most = terms.max_position_value
        if market in self.brackets:
            most = most_at(self.brackets[market], own)
            own = min(own, self.brackets[market][0].max_leverage)
        leverage = 1 if changes else own
        amount = ceil(terms.hold_value, leverage) + terms.loss_value
        so_far = self.positions[account, market].cost + self.held[account, market][account, side.name]
        added = terms.entry_value if market in self.brackets else terms.order_value
        if added > 0 and so_far + added > most and not terms.closes:
            return Rejected(RejectReason.POSITION_LIMIT)
        if amount > max(0, self.free(account)):
            return Rejected(RejectReason.INSUFFICIENT_MARGIN)
        self.held[account, market][account, "hold"] += amount
        self.held[account, market][account, side.name] += terms.order_value
        return leverage, amount, 0

    def _hold_loss(self, account: str, market: int, side: o.Side, terms: Any) -> tuple[int, int, int] | Rejected:
        """The hold of a reduce-only order: 0, or its loss at the worse of the order's and this shard's mark price."""
        mark = self.mark(market)
        limit = terms.mark - Fraction(terms.loss_value, terms.reduces) * (1 if side is o.Side.SELL else -1)
        loss = abs((max if side is o.Side.SELL else min)(mark, terms.mark) - limit) * terms.reduces
        allowance = self.allowance(account, market)
        if terms.loss_value and allowance and loss * MILLION <= terms.reduces * mark * allowance:
            return 0, 0, allowance
        more = max(0, terms.loss_value - terms.held)
        if more and not self._has_leave(account, market, terms.reduces, loss - terms.loss_value + more):
            return Rejected(RejectReason.NO_LEAVE)
        self.held[account, market][account, "hold"] += more
        return 0, more, 0

    def _has_leave(self, account: str, market: int, lots: int, loss: Fraction) -> bool:
        """Equity must cover the remaining maintenance margin, or shrink by no greater share than it does."""
        rest = self.wallet(account) + self.unrealized(account) - self.all_held(account)
        needed, left = self.maintenance(account), self.maintenance(account, market, lots)
        return rest - loss >= left + (left > 0) or (needed > 0 and loss * needed <= rest * (needed - left))

    def fill(self, filled: MarginFilled, leverage: int) -> MarginFilled:
        """Book a fill from a market elsewhere."""
        own, fill = self.positions[filled.account, filled.market], filled.fill
        lent = leverage or self.leverages.get((filled.account, filled.market)) or 1
        profit = own.fill(fill.side, fill.quantity, fill.lot_value, lent)
        own.wallet -= fill.fee
        return MarginFilled(filled.account, filled.market, fill, profit, self.shard.now_ms)
