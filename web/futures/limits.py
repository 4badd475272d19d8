"""Every bound of the futures API, with its unit and its reason. What may be set is read in :mod:`web.settings`.

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

# Credentials
KEY_LENGTH_MAX: Final = 128  # characters of an API key; ours have 64
RECV_WINDOW_MS: Final = 5_000  # age a signed request may have by default
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_MS: Final = 1_000  # a timestamp is less than so far ahead of our clock
LISTEN_KEY_MS: Final = 60 * 60_000  # life of a listen key
LISTEN_KEY_FRESH_MS: Final = 60_000  # one renewed less than so long ago is not written again: each write costs a sync

# Parameters
PRICE_MAX: Final = 10**9  # quote units of account (not ticks)
QUANTITY_MAX: Final = 10**9  # base units of account (not lots)
CLIENT_ID_LENGTH_MAX: Final = 36  # characters
CANCEL_COUNT_MAX: Final = 10  # ids in one batch cancel
PLACE_COUNT_MAX: Final = 5  # orders in one batch
CALLBACK_MIN: Final = 10  # hundredths of a percent: 0.1 percent; closer than that is the noise of trading
CALLBACK_MAX: Final = 1_000  # hundredths of a percent: 10 percent
COUNTDOWN_MS_MAX: Final = 24 * 3_600 * 1_000  # a caller that cares comes again within a day

# Lists of the caller's own
OWN_DEFAULT: Final = 500  # orders or fills in one answer
OWN_MAX: Final = 1_000
INCOME_DEFAULT: Final = 100  # movements of money in one answer
INCOME_MAX: Final = 1_000
PAGE_MAX: Final = 10**9  # beyond all that an account can have; times the limit still a 64-bit number

# Market data
DEPTH_DEFAULT: Final = 500  # price levels of each side
DEPTH_MAX: Final = 1_000
TRADES_DEFAULT: Final = 500
TRADES_MAX: Final = 1_000
KLINES_DEFAULT: Final = 500
KLINES_MAX: Final = 1_500

# Markets
LEVERAGE_MAX: Final = 125
BRACKET_COUNT_MAX: Final = 20  # of a market: more than any exchange has, and few enough to search one by one
LIQUIDATION_FEE_MAX: Final = 100_000  # millionths; it is less
NOTIONAL_MAX: Final = 10**12  # USDT; in its smallest unit still a 64-bit number

assert WINDOW_S % SPAN_S == 0
assert BAN_S >= WINDOW_S + SPAN_S, "what was refused before a ban must not count towards the next one"
