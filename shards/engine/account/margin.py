"""The futures side of the account machine: one USDT wallet per account, cross margin, one-way positions.

Available is the wallet less unrealized losses (unrealized profits do not count), position margins and the holds of open
orders, but never so much that positions would lack their maintenance margin. Over all shards: Σ wallet − Σ signed entry
cost + fees = deposits − withdrawals ± transfers.
"""

import msgspec

from shards.model.accounting import MarginFill, MarginSettlement, MarginTerms
from shards.model.brackets import MILLION, Bracket, maintenance, most_at
from shards.model.decimals import ceil_div
from shards.model.orders import BUY, SELL, Side
from shards.model.positions import Margin, MarketMargin
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected


class Held(msgspec.Struct, gc=False, frozen=True):
    """The margin held for an order."""

    leverage: int  # 0: a reduce-only order
    amount: int
    allowance: int = 0  # nothing is held; the distance from the mark it may go to instead, in millionths


class Margins:
    """The futures wallets of a shard's accounts."""

    def __init__(self) -> None:
        self.by_account: dict[str, Margin] = {}
        self.marks: dict[int, int] = {}  # per market: value of one lot at the mark price, in units of USDT
        self.brackets: dict[int, list[Bracket]] = {}  # of the markets with risk terms
        self.overdrawn: list[str] = []  # reports of orders that took more than was available; not part of the state
        self.watched = False  # whether ``free`` is checked again after every hold; set by verification when it replays
        self.fees = 0
        self.deposited = 0  # deposits less withdrawals, with transfers

    def get(self, account: str) -> Margin:
        """Return an account's margin; for an account without any, an empty one that is not stored."""
        return self.by_account.get(account) or Margin()

    def free(self, account: str) -> int:
        """Return what new orders may use; negative when losses have consumed margins and holds."""
        margin = self.get(account)
        unrealized = held = used = needed = 0
        for market, own in margin.markets.items():
            held += own.hold
            if own.position.amount:
                mark = self.marks[market]
                used += own.position.margin
                unrealized += own.position.unrealized(mark)
                brackets = self.brackets.get(market)
                if brackets is not None:
                    needed += maintenance(brackets, abs(own.position.amount) * mark)
        return margin.wallet - held - max(used - min(0, unrealized), needed - unrealized + (needed > 0))

    def leave(self, account: str, reduced: int, lots: int) -> int:
        """Return the loss allowed to an order that only reduces the position in a market by ``lots``.

        This is the account's equity less the holds of its orders and less one unit more than the maintenance margin of
        the remaining positions, because equal to it the account is at risk. Or, if greater, the closed part's share of
        that equity in proportion to maintenance margin: every position can then be closed with its own share, however
        little is left.
        """
        rest = self._worth(account) - sum(own.hold for own in self.get(account).markets.values())
        needed, left = self._maintenance(account), self._maintenance(account, reduced, lots)
        return max(rest - left - (left > 0), rest * (needed - left) // needed if needed else 0)

    def allowance(self, account: str, market: int) -> int:
        """Return how far from the mark a reduce-only order may trade with nothing held, in millionths.

        As far as the lowest maintenance margin ratio of the closed part covers; 0 if the account is at risk.
        """
        brackets = self.brackets.get(market)
        if brackets is None or self._worth(account) <= self._maintenance(account):
            return 0
        return brackets[0].ratio

    def _worth(self, account: str) -> int:
        """Return the account's equity: its wallet and unrealized profits and losses."""
        margin = self.get(account)
        rest = margin.wallet
        for market, own in margin.markets.items():
            if own.position.amount:
                rest += own.position.unrealized(self.marks[market])
        return rest

    def _maintenance(self, account: str, reduced: int = 0, lots: int = 0) -> int:
        """Return the maintenance margin of its positions, after closing ``lots`` of one in market ``reduced``."""
        needed = 0
        for market, own in self.get(account).markets.items():
            size, brackets = abs(own.position.amount), self.brackets.get(market)
            if size and brackets is not None:
                left = size - lots if market == reduced else size
                needed += maintenance(brackets, max(0, left) * self.marks[market])
        return needed

    def available(self, account: str) -> int:
        """Return what may be used or withdrawn."""
        return max(0, self.free(account))

    def deposit(self, account: str, amount: int, now_ms: int) -> int:
        """Credit ``amount`` (negative: debit, checked by the caller); return the available amount afterward."""
        margin = self._margin(account)
        margin.wallet += amount
        margin.updated_ms = now_ms
        self.deposited += amount
        return self.available(account)

    def set_leverage(self, account: str, market: int, leverage: int, default: int, now_ms: int) -> Rejected | None:
        """Set the leverage of new orders; open orders and positions keep theirs. Rejects with POSITION_LIMIT.

        Setting the leverage already in force, even by default, is always accepted.
        """
        brackets = self.brackets.get(market)
        found = self.get(account).markets.get(market) or _NOTHING
        there = found.position.cost + max(found.bid_value, found.ask_value)
        other = leverage != (found.leverage or default)
        if brackets is not None and other and there > most_at(brackets, leverage):
            return Rejected(RejectReason.POSITION_LIMIT)
        own = self._margin(account).in_market(market)
        own.leverage = leverage
        own.updated_ms = now_ms
        return None

    def hold(self, account: str, market: int, side: Side, terms: MarginTerms) -> Held | Rejected:
        """Hold the margin of an order, or its loss if it is reduce-only."""
        if terms.reduces:
            return self._hold_loss(account, market, side, terms)
        found = self.get(account).markets.get(market) or _NOTHING
        leverage = terms.leverage or found.leverage or terms.default_leverage
        brackets = self.brackets.get(market)
        if brackets is not None and leverage > brackets[0].max_leverage:  # brackets have changed since it was set
            leverage = brackets[0].max_leverage
        added = terms.order_value if brackets is None else max(terms.order_value, terms.entry_value)
        if added > 0 and not terms.closes:
            value = found.position.cost + added + (found.bid_value if side is BUY else found.ask_value)
            if brackets is None:
                beyond = value > terms.max_position_value
            else:  # the first cap is the lowest
                at = terms.default_leverage if terms.leverage else leverage
                beyond = value > brackets[0].cap and value > most_at(brackets, at)
            if beyond:
                return Rejected(RejectReason.POSITION_LIMIT)
        amount = held_for(terms, leverage)
        if amount > max(0, self.free(account)):
            return Rejected(RejectReason.INSUFFICIENT_MARGIN)
        own = self._margin(account).in_market(market) if found is _NOTHING else found
        own.hold += amount
        _add_value(own, side, terms.order_value)
        if self.watched and amount and self.free(account) < 0:
            self.overdrawn.append(f"{account} in market {market}: a hold of {amount} left {self.free(account)}")
        return Held(leverage, amount)

    def _hold_loss(self, account: str, market: int, side: Side, terms: MarginTerms) -> Held | Rejected:
        lots, mark = terms.reduces, self.marks.get(market, 0)
        # at the current mark, by which the account is judged: it may have moved since the loss was computed
        moved = lots * max(0, mark - terms.mark if side is SELL else terms.mark - mark)
        allowance = self.allowance(account, market) if terms.loss_value else 0
        if allowance and (terms.loss_value + moved) * MILLION <= lots * mark * allowance:
            return Held(0, 0, allowance)
        more = max(0, terms.loss_value - terms.held)
        # a modification that needs no more than is held loses no more: an improvement is never rejected
        if more and more + moved > self.leave(account, market, lots):
            return Rejected(RejectReason.NO_LEAVE)
        own = self._margin(account).in_market(market)
        own.hold += more
        own.leave += more
        return Held(0, more)

    def settle(self, settlement: MarginSettlement, now_ms: int) -> list[tuple[MarginFill, int]]:
        """Apply a market's decision; return each fill with its realized profit."""
        margin = self._margin(settlement.account)
        own = margin.in_market(settlement.market)
        own.hold -= settlement.released
        if not settlement.leverage:
            own.leave -= settlement.released
        _add_value(own, settlement.side, -settlement.released_exposure)
        assert own.hold >= own.leave >= 0 and own.bid_value >= 0 and own.ask_value >= 0, (
            "a market may only release what was held"
        )
        if not settlement.fills:
            return []
        taken, booked = 0, []
        for fill in settlement.fills:
            before = own.position.amount
            booked.append((fill, self._fill(margin, own, fill, settlement.leverage)))
            opened = _opened(before, own.position.amount)
            if opened:
                taken += opened * fill.lot_value // (settlement.leverage or 1)
        margin.updated_ms = own.updated_ms = now_ms
        if taken > settlement.released:
            text = f"a fill took {taken}, more than was held for it: {settlement}"
            self.overdrawn.append(f"{settlement.account} in market {settlement.market}: {text}")
        return booked

    def _fill(self, margin: Margin, own: MarketMargin, fill: MarginFill, leverage: int) -> int:
        lots = fill.quantity if fill.side is BUY else -fill.quantity
        profit = own.position.fill(lots, fill.lot_value, leverage or own.leverage or 1)
        margin.wallet += profit - fill.fee
        self.fees += fill.fee
        return profit

    def _margin(self, account: str) -> Margin:
        margin = self.by_account.get(account)
        if margin is None:
            margin = self.by_account[account] = Margin()
        return margin


def _opened(before: int, after: int) -> int:
    """Return how many lots were newly opened when a position changed from one amount to another."""
    return max(0, abs(after) - abs(before)) if before * after > 0 else abs(after)


def held_for(terms: MarginTerms, leverage: int) -> int:
    """Return the amount to hold for an order of these terms."""
    return (ceil_div(terms.hold_value, leverage) if leverage else 0) + terms.loss_value


_NOTHING = MarketMargin()  # shared default for an account without state in a market; never modified


def _add_value(own: MarketMargin, side: Side, value: int) -> None:
    if side is BUY:
        own.bid_value += value
    else:
        own.ask_value += value
