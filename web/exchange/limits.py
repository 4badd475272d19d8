"""What every API takes at most, with its unit."""

from typing import Final

PRICE_MAX: Final = 10**9  # in quote units of account (not ticks)
QUANTITY_MAX: Final = 10**12  # in base units of account (not lots)
