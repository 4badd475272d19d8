"""Commands that change state: the journaled inputs of a shard."""

import msgspec

from shards.model.accounting import MarginTerms, Wallet
from shards.model.brackets import RiskChange
from shards.model.markets import Market, MarketStatus
from shards.model.orders import NewOrder


class Place(msgspec.Struct, array_like=True, tag=1, gc=False, frozen=True):
    """Place an order. Reply: OrderReply (also for a repeat of a known client id) or Rejected."""

    order: NewOrder


class Cancel(msgspec.Struct, array_like=True, tag=2, gc=False, frozen=True):
    """Cancel one order. Reply: OrderReply; Rejected UNKNOWN_ORDER, NOT_OWNER, TERMINAL_ORDER."""

    id: int
    account: str


class CancelByClientId(msgspec.Struct, array_like=True, tag=3, gc=False, frozen=True):
    """Cancel the open order with that client id. Replies as for Cancel, never NOT_OWNER."""

    market: int
    account: str
    client_id: str


class CancelAll(msgspec.Struct, array_like=True, tag=4, gc=False, frozen=True):
    """Cancel the account's open orders on one market, or its spot orders on all of the shard's. Reply: OrdersReply."""

    account: str
    market: int = 0  # 0: all spot markets
    triggers_only: bool = False  # futures: only waiting triggers


class Deposit(msgspec.Struct, array_like=True, tag=5, gc=False, frozen=True):
    """Credit (amount > 0) or debit (amount < 0) a wallet, once per ``reference``.

    Reply: AmountReply; Rejected REFERENCE_CONFLICT, INSUFFICIENT_BALANCE, AMOUNT_TOO_BIG.
    """

    account: str
    asset: str
    amount: int
    reference: str
    wallet: Wallet = Wallet.SPOT


class AddMarket(msgspec.Struct, array_like=True, tag=6, gc=False, frozen=True):
    """Open a market on its symbol's shard. Reply: MarketReply with the market in force (the first, for a repeat)."""

    market: Market


class SetMarketStatus(msgspec.Struct, array_like=True, tag=7, gc=False, frozen=True):
    """Halt, relist or delist. Reply: MarketReply; Rejected UNKNOWN_MARKET, MARKET_DELISTED."""

    market: int
    status: MarketStatus


class SetMarkPrice(msgspec.Struct, array_like=True, tag=9, gc=False, frozen=True):
    """Set a futures market's mark price (ticks); 0: it follows the last trade. Reply: MarketReply or Rejected."""

    market: int
    price: int


class SetLeverage(msgspec.Struct, array_like=True, tag=10, gc=False, frozen=True):
    """Set the leverage of new orders, within the market's range; to the account's shard. Reply: CountReply."""

    account: str
    market: int
    leverage: int
    default: int = 0  # the market's, used as long as the account has set none


class Transfer(msgspec.Struct, array_like=True, tag=11, gc=False, frozen=True):
    """Move USDT between an account's wallets, once per reference if one is given. Reply: TransferReply or Rejected."""

    account: str
    asset: str
    to: Wallet
    amount: int
    reference: str = ""


class CancelBatch(msgspec.Struct, array_like=True, tag=12, gc=False, frozen=True):
    """Cancel several futures orders of one market, by id or client id, atomically. Reply: BatchReply."""

    market: int
    account: str
    ids: list[int] = []
    client_ids: list[str] = []


class CancelAllAfter(msgspec.Struct, array_like=True, tag=13, gc=False, frozen=True):
    """Cancel all of the account's orders on a futures market after a delay (ms; 0: disarm). Reply: CountReply."""

    market: int
    account: str
    after_ms: int


class TimerFired(msgspec.Struct, array_like=True, tag=14, gc=False, frozen=True):
    """The timer has fired: everything due by this input's time stamp happens. Sent by the shard to itself."""


class Modify(msgspec.Struct, array_like=True, tag=15, gc=False, frozen=True):
    """Change an open futures order's price or quantity, or a waiting trigger's stop price; 0: unchanged.

    Reply: OrderReply; Rejected UNKNOWN_ORDER (also for another account's order), TERMINAL_ORDER, NOT_MODIFIABLE,
    NOTHING_CHANGES, BELOW_FILLED, and any reason to reject a new order. The order keeps its id and loses its time
    priority.
    """

    id: int
    account: str
    price: int = 0
    quantity: int = 0
    stop_price: int = 0


class SetRules(msgspec.Struct, array_like=True, tag=16, gc=False, frozen=True):
    """Use this version of the rules from here on. Sent by the shard to itself, once."""

    version: int


class SetRisk(msgspec.Struct, array_like=True, tag=17, gc=False, frozen=True):
    """Change a futures market's risk terms from here on. Reply: MarketReply or Rejected.

    A market that had none starts from those of its single bracket.
    """

    market: int
    change: RiskChange


class AddAsset(msgspec.Struct, array_like=True, tag=19, gc=False, frozen=True):
    """Set the decimals of an asset's smallest unit, on the shard of its symbol. Reply: CountReply with those in force.

    A repeat changes nothing, whatever decimals it has.
    """

    asset: str
    decimals: int


class FundsHold(msgspec.Struct, gc=False, frozen=True):
    """Market shard → account shard: hold funds for this spot order, then grant it.

    Reply: Rejected; none when granted, since the grant comes over the link. Encoding: :mod:`shards.model.codec`.
    """

    order: NewOrder
    asset: str
    amount: int
    market_shard: int
    ticket: int  # of the caller waiting at the market shard
    deadline_ms: int  # on the market shard's clock


class MarginHold(msgspec.Struct, gc=False, frozen=True):
    """As :class:`FundsHold`, for a futures order: hold its margin."""

    order: NewOrder
    asset: str
    market_shard: int
    ticket: int
    deadline_ms: int
    hold_price: int
    terms: MarginTerms
    modifies: int  # the order to be modified; only the additional margin is held
    limit: int  # the worst price at which it may trade; 0: given by its kind
    loss: int  # ticks that each lot of ``terms.loss_value`` would lose


CallerCommand = (
    Place
    | Modify
    | Cancel
    | CancelByClientId
    | CancelAll
    | CancelBatch
    | CancelAllAfter
    | TimerFired
    | Deposit
    | Transfer
    | SetLeverage
    | AddAsset
    | AddMarket
    | SetMarketStatus
    | SetMarkPrice
    | SetRisk
    | SetRules
)
Command = CallerCommand | FundsHold | MarginHold
