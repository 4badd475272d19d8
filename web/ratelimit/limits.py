"""Every bound of the rate limits, with its unit and its reason. Configurable ones are read in :mod:`web.settings`.

Units are suffixes of the names: ``_count``, ``_ms``, ``_s``.
"""

from typing import Final

# Limits of an IP and an account in a window
WEIGHT_MAX: Final = 2_400  # per IP; the default of SHARDEX_FUTURES_WEIGHT
ORDER_COUNT_MAX: Final = 1_200  # per account; the default of SHARDEX_FUTURES_ORDERS
WINDOW_S: Final = 60  # sliding, so that no minute, wherever it begins, exceeds the limit
SPAN_S: Final = 5  # granularity of the window: usage expires at most so much later

# Bans
REFUSED_COUNT_MAX: Final = 100  # rejected requests of an IP in a window before it is banned
BAN_S: Final = 120  # the first ban; longer than a window, so that no earlier usage counts after it
BAN_S_MAX: Final = 3 * 24 * 3_600  # each ban within a day of the last is twice as long, up to this
BAN_MEMORY_S: Final = 24 * 3_600  # from the end of a ban

# Memory, of each worker: 0.9 MB
TALLY_SET_COUNT: Final = 1_024  # times the ways: 8,192 IPs and accounts a minute are distinguished
TALLY_WAY_COUNT: Final = 8  # in a full set a new key inherits the smallest count: usage is never underestimated
BAN_SET_COUNT: Final = 256  # times the ways: 1,024 bans; in a full set the one that ends first is replaced
BAN_WAY_COUNT: Final = 4
TABLES_LOOK_S: Final = 0.1  # between two scans for tables of new workers; updates of known ones are seen at once
IPV6_PREFIX_BITS: Final = 64  # network of one subscriber: its addresses count as one IP
FORWARDED_COUNT_MAX: Final = 16  # addresses of one X-Forwarded-For that are examined, from its end

assert WINDOW_S % SPAN_S == 0
assert BAN_S >= WINDOW_S + SPAN_S, "what was refused before a ban must not count towards the next one"
