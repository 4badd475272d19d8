"""Why a command or query is rejected."""

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a command was rejected. Each API maps these to its own status and text."""

    BUSY = "busy"  # mailbox full: not executed
    RESTARTING = "restarting"  # shard not serving: not executed (a cancel may have been)
    TIMEOUT = "timeout"  # unknown whether executed
    STORAGE_FULL = "storage_full"  # not executed
    HISTORY_UNREADABLE = "history_unreadable"
    UNKNOWN_ORDER = "unknown_order"
    NOT_OWNER = "not_owner"
    TERMINAL_ORDER = "terminal_order"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    UNKNOWN_MARKET = "unknown_market"
    MARKET_HALTED = "market_halted"
    MARKET_DELISTED = "market_delisted"
    MARKET_EXISTS = "market_exists"
    TOO_MANY_OPEN_ORDERS = "too_many_open_orders"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    SELF_TRADE = "self_trade"
    POST_ONLY = "post_only"
    REFERENCE_CONFLICT = "reference_conflict"
    AMOUNT_TOO_BIG = "amount_too_big"
    BAD_SQL = "bad_sql"
    INSUFFICIENT_MARGIN = "insufficient_margin"  # futures, as all below
    POSITION_LIMIT = "position_limit"
    PARENT_NOT_OPEN = "parent_not_open"
    WOULD_TRIGGER = "would_trigger"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    TOO_MANY_TRIGGERS = "too_many_triggers"
    CANNOT_FILL = "cannot_fill"  # fill or kill
    NOT_MODIFIABLE = "not_modifiable"
    NOTHING_CHANGES = "nothing_changes"
    BELOW_FILLED = "below_filled"
    POSITIONS_OPEN = "positions_open"
    MIN_NOTIONAL = "min_notional"  # of a market order, at the mark price
    MAX_NOTIONAL = "max_notional"
    PRICE_TOO_HIGH = "price_too_high"  # of a buy, by the mark price
    PRICE_TOO_LOW = "price_too_low"  # of a sell
    NO_LEAVE = "no_leave"  # reduce-only, and its loss would exceed what its account can bear
