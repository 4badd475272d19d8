"""What can be traded: a market's terms, and which shard owns what."""

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
    """The terms that only futures markets have. Amounts in quote units, ratios in millionths."""

    max_notional: int  # of one order
    max_position_notional: int  # of a position including the open orders on its side
    min_leverage: int
    max_leverage: int
    default_leverage: int
    maint_margin_ratio: int
    trigger_protect: int  # a protected trigger does not fire while last and mark price differ by more
    market_take_bound: int  # maximum distance from the mark price at which a market order may trade


class Market(msgspec.Struct, array_like=True, frozen=True):
    """One market. Immutable: replaced as a whole when its status or risk terms change.

    Prices are in ticks, quantities in lots, amounts in the asset's smallest unit:
    ``tick_size`` = ``tick_digits`` × 10^-``price_decimals``, ``lot_size`` = ``lot_digits`` × 10^-``lot_decimals``.
    """

    number: int  # 1…MARKET_NUMBER_MAX, the upper bits of its order ids
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
    futures: FuturesTerms | None = None  # futures markets only
    opened_ms: int = 0  # when it was added
    risk: RiskTerms | None = None  # futures only; None: opened before risk terms existed and never changed since

    @property
    def brackets(self) -> list[Bracket]:
        """A futures market's brackets, lowest cap first; without risk terms, the single one of its other terms."""
        if self.risk is not None:
            return self.risk.brackets
        assert self.futures is not None, "a futures market has its terms"
        terms = self.futures
        return [Bracket(terms.max_position_notional, terms.max_leverage, terms.maint_margin_ratio)]

    @property
    def tick(self) -> Decimal:
        return Decimal(self.tick_digits, self.price_decimals)

    @property
    def lot(self) -> Decimal:
        return Decimal(self.lot_digits, self.lot_decimals)

    @property
    def lot_units(self) -> int:
        """Base units per lot."""
        return self.lot_digits * int(10**self.base_decimals) // int(10**self.lot_decimals)

    @property
    def tick_lot_units(self) -> int:
        """Quote units that one lot costs at a price of one tick; exact, as is checked when a market is created."""
        digits = self.tick_digits * self.lot_digits * int(10**self.quote_decimals)
        return digits // int(10 ** (self.price_decimals + self.lot_decimals))

    def format_price(self, ticks: int) -> str:
        """Format a price with the tick's decimals: "0.5000"."""
        return format_fixed(ticks * self.tick_digits, self.price_decimals)

    def format_quantity(self, lots: int) -> str:
        """Format a base quantity without trailing zeros: "100"."""
        return format_plain(lots * self.lot_digits, self.lot_decimals)

    def format_average(self, value: int, quantity: int) -> str:
        """Format Σ(ticks × lots) ÷ Σ lots: tick decimals if on a tick, else 8 decimals more, rounded half to even."""
        if not quantity:
            return "0"
        ticks, rest = divmod(value, quantity)
        if not rest:
            return self.format_price(ticks)
        decimals = self.price_decimals + 8
        return format_plain(divide_half_even(value * self.tick_digits * 10**8, quantity), decimals)


def _hash(text: str) -> int:
    # CRC-32 is stable across versions and machines, unlike hash(); multiplied by a prime so that short names spread
    return zlib.crc32(text.encode()) * 2_654_435_761 >> 7 & 0xFFFFFFFF


@lru_cache(maxsize=65_536)
def shard_of_symbol(symbol: str, shard_count: int) -> int:
    """Return the shard that owns the books of ``symbol`` (spot and futures alike)."""
    return _hash(symbol) % shard_count


@lru_cache(maxsize=65_536)
def shard_of_account(account: str, shard_count: int) -> int:
    """Return the account shard of ``account``: the one that keeps its balances."""
    return _hash("account:" + account) % shard_count
