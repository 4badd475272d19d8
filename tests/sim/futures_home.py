"""The futures wallets at home on one shard of the model.

Of markets on the same shard it looks at what is there now; of markets elsewhere it has what their link messages told.
"""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from shards import messages as m
from shards import orders as o
from shards.markets import FuturesTerms
from shards.rows import MarginFilled
from tests.model.futures_wallets import FuturesWallet, ceil
from tests.sim.sent import Held

if TYPE_CHECKING:
    from tests.sim.futures_shard import FuturesShard

Key = tuple[str, int]
"""Account and market."""


class Home:
    """What accounts own, and what it backs."""

    def __init__(self, shard: "FuturesShard") -> None:
        self.shard = shard
        self.paid_in: Counter[str] = Counter()
        self.positions: defaultdict[Key, FuturesWallet] = defaultdict(FuturesWallet)  # in markets elsewhere
        self.held: defaultdict[Key, Held] = defaultdict(Counter)  # likewise
        self.marks: dict[int, int] = {}  # likewise
        self.leverages: dict[Key, int] = {}

    def position(self, account: str, market: int) -> FuturesWallet:
        """Wherever it is kept."""
        here = self.shard.futures.get(market)
        return here.wallets[account] if here else self.positions[account, market]

    def hold(self, account: str, market: int) -> int:
        """What its open orders hold."""
        here = self.shard.futures.get(market)
        return (
            sum(order.hold for order in here.open_of(account)) if here else self.held[account, market][account, "hold"]
        )

    def value(self, account: str, market: int, side: o.Side) -> int:
        """What its open orders on one side come to."""
        here = self.shard.futures.get(market)
        return here.values(account, side) if here else self.held[account, market][account, side.name]

    def markets(self, account: str) -> set[int]:
        """Wherever it may have anything."""
        return {*self.shard.futures, *(key[1] for key in [*self.positions, *self.held] if key[0] == account)}

    def wallet(self, account: str) -> int:
        """Units of USDT."""
        return self.paid_in[account] + sum(self.position(account, each).wallet for each in self.markets(account))

    def free(self, account: str) -> int:
        """What new orders may use."""
        lost = used = 0
        for market in self.markets(account):
            own = self.position(account, market)
            here = self.shard.futures.get(market)
            mark = here.mark * here.unit if here else self.marks.get(market, 0)
            lost += own.size * mark - (own.cost if own.size > 0 else -own.cost)
            used += own.margin + self.hold(account, market)
        return self.wallet(account) + min(0, lost) - used

    def refuse(
        self, account: str, market: int, terms: FuturesTerms, side: o.Side, value: int, hold: int
    ) -> m.Reason | None:
        """Why so much may not be held."""
        so_far = self.position(account, market).cost + self.value(account, market, side)
        if value > 0 and so_far + value > terms.max_position_notional:
            return m.Reason.POSITION_LIMIT
        return m.Reason.INSUFFICIENT_MARGIN if hold > max(0, self.free(account)) else None

    def hold_away(self, account: str, market: int, side: o.Side, terms: Any) -> tuple[int, int] | m.Refused:
        """Hold for an order on a market elsewhere; (leverage, units)."""
        leverage = terms.leverage or self.leverages.get((account, market)) or terms.default_leverage
        amount = ceil(terms.hold_value, leverage)
        so_far = self.positions[account, market].cost + self.held[account, market][account, side.name]
        if terms.order_value > 0 and so_far + terms.order_value > terms.max_position_value:
            return m.Refused(m.Reason.POSITION_LIMIT)
        if amount > max(0, self.free(account)):
            return m.Refused(m.Reason.INSUFFICIENT_MARGIN)
        self.held[account, market][account, "hold"] += amount
        self.held[account, market][account, side.name] += terms.order_value
        return leverage, amount

    def fill(self, filled: MarginFilled, leverage: int) -> MarginFilled:
        """Book a fill from a market elsewhere."""
        own, fill = self.positions[filled.account, filled.market], filled.fill
        lent = leverage or self.leverages.get((filled.account, filled.market)) or 1
        profit = own.fill(fill.side, fill.quantity, fill.lot_value, lent)
        own.wallet -= fill.fee
        return MarginFilled(filled.account, filled.market, fill, profit, self.shard.now_ms)
