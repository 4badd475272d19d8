"""Prices, amounts and ratios of markets as text without trailing zeros."""

from typing import Final

from shards.model.decimals import ceil_div, format_plain
from shards.model.markets import Market

RATIO_DECIMALS: Final = 6  # ratios are stored in millionths
FINER_DECIMALS: Final = 8  # additional decimals of a computed price, beyond those of a tick


def format_price(market: Market, ticks: int) -> str:
    """A price: "47600". Negative values (price differences) are allowed."""
    return format_plain(ticks * market.tick_digits, market.price_decimals)


def format_average(market: Market, value: int, lots: int) -> str:
    """Σ(ticks × lots) ÷ Σ lots; "0" if ``lots`` is 0. Rounded half-even, with 8 decimals more than a tick."""
    text = market.format_average(value, lots)
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_value(market: Market, value: int) -> str:
    """A notional value (ticks × lots) as an amount of the quote asset."""
    return format_plain(value * market.tick_lot_units, market.quote_decimals)


def format_fine_price(market: Market, price: int) -> str:
    """A price given in 10^-8 ticks."""
    return format_plain(price * market.tick_digits, market.price_decimals + FINER_DECIMALS)


def format_quote(market: Market, units: int) -> str:
    """An amount of the quote asset, given in its smallest unit."""
    return format_plain(units, market.quote_decimals)


def format_ratio(millionths: int) -> str:
    """A ratio: 50,000 → "0.05"."""
    return format_plain(millionths, RATIO_DECIMALS)


def format_percent(millionths: int) -> str:
    """A ratio in percent: 5,000 → "0.5"."""
    return format_plain(millionths, RATIO_DECIMALS - 2)


def margin_percent(leverage: int) -> str:
    """The initial margin rate at this leverage, in percent, rounded up."""
    return format_percent(ceil_div(10**RATIO_DECIMALS, leverage))
