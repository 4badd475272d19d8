"""Every bound of what an operator may set, with its unit and its reason."""

from typing import Final

# Markets
LEVERAGE_MAX: Final = 125
BRACKET_COUNT_MAX: Final = 20  # of a market: more than any exchange has, and few enough to search one by one
LIQUIDATION_FEE_MAX: Final = 100_000  # millionths; it is less
NOTIONAL_MAX: Final = 10**12  # USDT; in its smallest unit still a 64-bit number
