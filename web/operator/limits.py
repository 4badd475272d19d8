"""Bounds of operator settings, with units and reasons."""

from typing import Final

# Markets
LEVERAGE_MAX: Final = 125
BRACKET_COUNT_MAX: Final = 20  # of a market: more than any exchange uses, and few enough to search linearly
LIQUIDATION_FEE_MAX: Final = 100_000  # millionths; exclusive
NOTIONAL_MAX: Final = 10**12  # USDT; in its smallest unit still a 64-bit number
