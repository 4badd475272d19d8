"""Every bound of the spot API's lists."""

from typing import Final

LIST_DEFAULT: Final = 50  # orders or trades in one response
LIST_MAX: Final = 200
DEPTH_DEFAULT: Final = 50  # price levels of each side
DEPTH_MAX: Final = 1_000
KLINES_DEFAULT: Final = 500
KLINES_MAX: Final = 1_000
