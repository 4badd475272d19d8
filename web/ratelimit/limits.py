"""Every bound of the rate limits, with its unit and its reason. What may be set is read in :mod:`web.settings`.

Units come last in the names: ``_count``, ``_ms``, ``_s``.
"""

from typing import Final

# What an IP and an account may do in a window
WEIGHT_MAX: Final = 2_400  # per IP; the default of SHARDEX_FUTURES_WEIGHT
ORDER_COUNT_MAX: Final = 1_200  # per account; the default of SHARDEX_FUTURES_ORDERS
WINDOW_S: Final = 60  # slides, so that no minute, wherever it begins, has more than the limit
SPAN_S: Final = 5  # step in which it slides; what is used up comes back so much later at most

# Bans
REFUSED_COUNT_MAX: Final = 100  # refused requests of an IP in a window: whoever goes on so long is banned
BAN_S: Final = 120  # the first one; longer than a window, so that nothing of before counts after it
BAN_S_MAX: Final = 3 * 24 * 3_600  # each one within a day of the last is twice as long, up to this
BAN_MEMORY_S: Final = 24 * 3_600  # from the end of a ban

# Memory, of each worker: 0.9 MB
TALLY_SET_COUNT: Final = 1_024  # times the ways: 8,192 IPs and accounts a minute are told apart
TALLY_WAY_COUNT: Final = 8  # in a full set a newcomer takes over the smallest count: never is too little counted
BAN_SET_COUNT: Final = 256  # times the ways: 1,024 bans; in a full set the one that ends first gives way
BAN_WAY_COUNT: Final = 4
TABLES_LOOK_S: Final = 0.1  # between two looks for the tables of new workers; kept ones are seen at once
IPV6_PREFIX_BITS: Final = 64  # what one subscriber has: its addresses count as one IP
FORWARDED_COUNT_MAX: Final = 16  # addresses of one X-Forwarded-For that are looked at, from its end

assert WINDOW_S % SPAN_S == 0
assert BAN_S >= WINDOW_S + SPAN_S, "what was refused before a ban must not count towards the next one"
