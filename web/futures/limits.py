"""Every bound of the futures API, with its unit and its reason.

Units are suffixes of the names: ``_count``, ``_ms``, ``_s``.
"""

from typing import Final

from shards.limits import REPLAY_CLOCK_MS

# Credentials
KEY_LENGTH_MAX: Final = 128  # characters of an API key; ours have 64
RECV_WINDOW_MS: Final = 5_000  # maximum age of a signed request, by default
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_MS: Final = 1_000  # a timestamp may be less than this ahead of our clock
LISTEN_KEY_MS: Final = 60 * 60_000  # lifetime of a listen key
LISTEN_KEY_FRESH_MS: Final = 60_000  # a key renewed more recently is not written again: each write costs a sync

# Parameters
QUANTITY_MAX: Final = 10**9  # base units of account (not lots)
CLIENT_ID_LENGTH_MAX: Final = 36  # characters
CANCEL_COUNT_MAX: Final = 10  # ids in one batch cancel
PLACE_COUNT_MAX: Final = 5  # orders in one batch
CALLBACK_MIN: Final = 10  # hundredths of a percent: 0.1 percent; anything closer is market noise
CALLBACK_MAX: Final = 1_000  # hundredths of a percent: 10 percent
COUNTDOWN_MS_MAX: Final = 24 * 3_600 * 1_000  # an active client renews it within a day

# Lists of the caller's own data
OWN_DEFAULT: Final = 500  # orders or fills in one response
OWN_MAX: Final = 1_000
INCOME_DEFAULT: Final = 100  # income entries in one response
INCOME_MAX: Final = 1_000
PAGE_MAX: Final = 10**9  # more than any account can have; times the limit, still a 64-bit number

# Market data
DEPTH_DEFAULT: Final = 500  # price levels of each side
DEPTH_MAX: Final = 1_000
TRADES_DEFAULT: Final = 500
TRADES_MAX: Final = 1_000
KLINES_DEFAULT: Final = 500
KLINES_MAX: Final = 1_500

assert REPLAY_CLOCK_MS > AHEAD_MS, "a request is remembered for as long as it can come again"
