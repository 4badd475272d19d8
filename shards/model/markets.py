"""What can be traded: the market's numbers, and which shard owns what."""

import zlib
from enum import IntEnum, StrEnum
from functools import lru_cache

import msgspec

from shards.model.brackets import Bracket, RiskTerms
from shards.model.decimals import Decimal, divide_half_even, format_fixed, format_plain


class Product(IntEnum):
    """What kind of contract a market trades."""

    SPOT = 1
    FUTURES = 2


class MarketStatus(StrEnum):
    """Whether a market takes new orders; cancels work in every status."""

    LISTED = "listed"
    HALTED = "halted"
    DELISTED = "delisted"


class FuturesTerms(msgspec.Struct, array_like=True, frozen=True):
    """What a futures market has beyond a spot market. Amounts in quote units, ratios in millionths."""

    max_notional: int  # of one order
    max_position_notional: int  # of a position with the open orders on its side
    min_leverage: int
    max_leverage: int
    default_leverage: int
    maint_margin_ratio: int
    trigger_protect: int  # a protected trigger waits while last and mark price differ by more
    market_take_bound: int  # how far from the mark a market order may trade


class Market(msgspec.Struct, array_like=True, frozen=True):
    """One market. Immutable: with another status or other risk terms it is replaced as a whole.

    Prices are counted in ticks, quantities in lots, amounts in the asset's smallest unit:
    ``tick_size`` = ``tick_digits`` × 10^-``price_decimals``, ``lot_size`` = ``lot_digits`` × 10^-``lot_decimals``.
    """

    number: int  # 1…MARKET_NUMBER_MAX, the upper bits of its orders' ids
    product: Product
    symbol: str
    base: str
    quote: str
    base_decimals: int  # decimals of the base asset's smallest unit
    quote_decimals: int
    tick_digits: int
    price_decimals: int
    lot_digits: int
    lot_decimals: int
    min_notional: int  # quote units
    maker_fee_bps: int
    taker_fee_bps: int
    status: MarketStatus = MarketStatus.LISTED
    futures: FuturesTerms | None = None  # of a futures market
    opened_ms: int = 0  # when it was added
    risk: RiskTerms | None = None  # of a futures market; None: opened before there were any, and given none since

    @property
    def brackets(self) -> list[Bracket]:
        """A futures market's, lowest cap first; without risk terms the one that its other terms come to."""
        if self.risk is not None:
            return self.risk.brackets
        assert self.futures is not None, "a futures market has its terms"
        terms = self.futures
        return [Bracket(terms.max_position_notional, terms.max_leverage, terms.maint_margin_ratio)]

    @property
    def tick(self) -> Decimal:
        """The tick size as a decimal."""
        return Decimal(self.tick_digits, self.price_decimals)

    @property
    def lot(self) -> Decimal:
        """The lot size as a decimal."""
        return Decimal(self.lot_digits, self.lot_decimals)

    @property
    def lot_units(self) -> int:
        """Base units in one lot."""
        return self.lot_digits * int(10**self.base_decimals) // int(10**self.lot_decimals)

    @property
    def tick_lot_units(self) -> int:
        """Quote units that one lot costs at a price of one tick; exact, as whoever makes a market sees to."""
        digits = self.tick_digits * self.lot_digits * int(10**self.quote_decimals)
        return digits // int(10 ** (self.price_decimals + self.lot_decimals))

    def format_price(self, ticks: int) -> str:
        """A price with the tick's decimals: "0.5000"."""
        return format_fixed(ticks * self.tick_digits, self.price_decimals)

    def format_quantity(self, lots: int) -> str:
        """A base quantity without trailing zeros: "100"."""
        return format_plain(lots * self.lot_digits, self.lot_decimals)

    def format_average(self, value: int, quantity: int) -> str:
        """Σ(ticks × lots) ÷ Σ lots: tick decimals if it lies on a tick, else rounded half-even 8 places finer."""
        if not quantity:
            return "0"
        ticks, rest = divmod(value, quantity)
        if not rest:
            return self.format_price(ticks)
        decimals = self.price_decimals + 8
        return format_plain(divide_half_even(value * self.tick_digits * 10**8, quantity), decimals)


def _hash(text: str) -> int:
    # CRC-32 is stable over versions and machines, unlike hash(); scaled by a prime so that short names spread
    return zlib.crc32(text.encode()) * 2_654_435_761 >> 7 & 0xFFFFFFFF


@lru_cache(maxsize=65_536)
def shard_of_symbol(symbol: str, shard_count: int) -> int:
    """The shard that owns the books of ``symbol`` (spot and futures alike)."""
    return _hash(symbol) % shard_count


@lru_cache(maxsize=65_536)
def shard_of_account(account: str, shard_count: int) -> int:
    """The account shard of ``account``: the one that keeps its money."""
    return _hash("account:" + account) % shard_count
