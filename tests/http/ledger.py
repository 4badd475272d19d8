"""What the contract says about orders and money, in the plainest way: decimals, lists and sorting. Shares no code with
what it is compared with."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext

from tests.http.venue import Pair

EXACT = Context(prec=100)
ZERO = Decimal(0)


@dataclass
class Resting:
    """An order in a book."""

    id: str
    account: str
    side: str
    price: Decimal
    left: Decimal


@dataclass
class Outcome:
    """What a new order came to: why it was refused, or how it was filled."""

    refusal: str = ""
    status: str = ""
    fills: list[tuple[Decimal, Decimal, Decimal]] = field(default_factory=list)  # price, quantity, fee
    left: Decimal = ZERO

    @property
    def filled(self) -> Decimal:
        return sum((quantity for _, quantity, _ in self.fills), ZERO)

    def average(self, tick: Decimal) -> Decimal:
        """Half-even, eight places finer than the tick."""
        if not self.fills:
            return ZERO
        with localcontext(EXACT):
            value = sum((price * quantity for price, quantity, _ in self.fills), ZERO)
            return (value / self.filled).quantize(tick.scaleb(-8), ROUND_HALF_EVEN)


class Ledger:
    """All accounts and books that take part."""

    def __init__(self, places: dict[str, int]) -> None:
        """``places``: decimals of each asset."""
        self._places = places
        self.available: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.frozen: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.fees: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.books: defaultdict[str, list[Resting]] = defaultdict(list)

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """As the API tells them: each asset ever held."""
        assets = {asset for owner, asset in (*self.available, *self.frozen) if owner == account}
        return {asset: (self.available[account, asset], self.frozen[account, asset]) for asset in assets}

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        self.available[account, asset] += amount

    def place(
        self,
        account: str,
        pair: Pair,
        side: str,
        price: Decimal | None,
        quantity: Decimal | None,
        quote_quantity: Decimal | None,
        tif: str,
    ) -> Outcome:
        """A new order; whoever rests it must :meth:`rest` what is left."""
        with localcontext(EXACT):
            buys = side == "buy"
            give = pair.quote if buys else pair.base
            hold = quantity if not buys else quote_quantity if price is None else price * (quantity or ZERO)
            assert hold is not None
            if self.available[account, give] < hold:
                if not self.available[account, give] and not self.frozen[account, give]:
                    del self.available[account, give], self.frozen[account, give]
                return Outcome("400 INSUFFICIENT_BALANCE")
            matches, complete = self._matches(pair, side, price, quantity, quote_quantity)
            if any(maker.account == account for maker, _ in matches):
                return Outcome("400 SELF_TRADE")
            if tif == "post_only" and matches:
                return Outcome("400 POST_ONLY_REJECT")
            self._hold(account, give, hold)
            outcome = Outcome()
            for maker, lots in matches:
                outcome.fills.append(self._trade(pair, account, side, price, maker, lots))
            self.books[pair.symbol] = [maker for maker in self.books[pair.symbol] if maker.left]
            if complete:
                outcome.status = "filled"
            elif price is not None and tif != "ioc":
                assert quantity is not None
                outcome.left = quantity - outcome.filled
                outcome.status = "partially_filled" if matches else "open"
            else:
                outcome.status = "canceled"
            still = outcome.left * price if buys and price is not None else outcome.left
            spent = sum((p * q for p, q, _ in outcome.fills), ZERO) if price is None else ZERO
            used = outcome.filled if not buys else spent if price is None else price * outcome.filled
            self._hold(account, give, -(hold - used - still))
            return outcome

    def rest(self, order: str, account: str, pair: Pair, side: str, price: Decimal, left: Decimal) -> None:
        self.books[pair.symbol].append(Resting(order, account, side, price, left))

    def cancel(self, pair: Pair, order: str) -> Resting:
        """Take it off the book and give back what it held."""
        resting = next(found for found in self.books[pair.symbol] if found.id == order)
        self.books[pair.symbol].remove(resting)
        buys = resting.side == "buy"
        self._hold(resting.account, pair.quote if buys else pair.base, -(resting.left * (resting.price if buys else 1)))
        return resting

    def _matches(
        self, pair: Pair, side: str, price: Decimal | None, quantity: Decimal | None, budget: Decimal | None
    ) -> tuple[list[tuple[Resting, Decimal]], bool]:
        against = [maker for maker in self.books[pair.symbol] if maker.side != side]
        against.sort(key=lambda maker: maker.price if side == "buy" else -maker.price)  # stable: then by time
        found: list[tuple[Resting, Decimal]] = []
        for maker in against:
            if budget is not None:
                lots = min(budget // (maker.price * pair.lot) * pair.lot, maker.left)
                budget -= lots * maker.price
            else:
                assert quantity is not None
                if price is not None and (maker.price > price if side == "buy" else maker.price < price):
                    break
                lots = min(quantity, maker.left)
                quantity -= lots
            if lots:
                found.append((maker, lots))
            if (budget is None and not quantity) or (budget is not None and lots < maker.left):
                return found, bool(found)
        return found, bool(found) and budget == 0

    def _trade(
        self, pair: Pair, taker: str, side: str, price: Decimal | None, maker: Resting, lots: Decimal
    ) -> tuple[Decimal, Decimal, Decimal]:
        value = lots * maker.price
        maker.left -= lots
        buyer, seller = (taker, maker.account) if side == "buy" else (maker.account, taker)
        buyer_bps, seller_bps = (pair.taker_bps, pair.maker_bps) if side == "buy" else (pair.maker_bps, pair.taker_bps)
        limit = price if side == "buy" and price is not None else maker.price
        self.frozen[buyer, pair.quote] -= lots * limit
        self.available[buyer, pair.quote] += lots * (limit - maker.price)
        self.frozen[seller, pair.base] -= lots
        base_fee = self._take_fee(pair.base, lots, buyer_bps)
        quote_fee = self._take_fee(pair.quote, value, seller_bps)
        self.available[buyer, pair.base] += lots - base_fee
        self.available[seller, pair.quote] += value - quote_fee
        return maker.price, lots, base_fee if side == "buy" else quote_fee

    def _take_fee(self, asset: str, received: Decimal, bps: int) -> Decimal:
        unit = Decimal(1).scaleb(-self._places[asset])
        fee = (received * bps / 10_000).quantize(unit, ROUND_CEILING)
        self.fees[asset] += fee
        return fee

    def _hold(self, account: str, asset: str, amount: Decimal) -> None:
        self.available[account, asset] -= amount
        self.frozen[account, asset] += amount
