"""Bounds common to all APIs, with their units."""

from typing import Final

PRICE_MAX: Final = 10**9  # in whole quote units (not ticks)
QUANTITY_MAX: Final = 10**12  # in whole base units (not lots)
