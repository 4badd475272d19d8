"""Commands: what callers ask to be done. Journaled inputs of a shard."""

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
    """Cancel the open order of that client id. Reply as Cancel, never NOT_OWNER."""

    market: int
    account: str
    client_id: str


class CancelAll(msgspec.Struct, array_like=True, tag=4, gc=False, frozen=True):
    """Cancel the account's open orders on one market, or its spot orders on all of the shard's. Reply: OrdersReply."""

    account: str
    market: int = 0  # all spot markets
    triggers_only: bool = False  # futures: only those that wait


class Deposit(msgspec.Struct, array_like=True, tag=5, gc=False, frozen=True):
    """Credit (amount > 0) or debit (amount < 0) a wallet. ``reference`` makes it happen once.

    Reply: AmountReply; Rejected REFERENCE_CONFLICT, INSUFFICIENT_BALANCE, AMOUNT_TOO_BIG.
    """

    account: str
    asset: str
    amount: int
    reference: str
    wallet: Wallet = Wallet.SPOT


class AddMarket(msgspec.Struct, array_like=True, tag=6, gc=False, frozen=True):
    """Open a market on the shard of its symbol. Reply: MarketReply with the market in force (a repeat: the first)."""

    market: Market


class SetMarketStatus(msgspec.Struct, array_like=True, tag=7, gc=False, frozen=True):
    """Halt, list again or delist. Reply: MarketReply; Rejected UNKNOWN_MARKET, MARKET_DELISTED."""

    market: int
    status: MarketStatus


class SetMarkPrice(msgspec.Struct, array_like=True, tag=9, gc=False, frozen=True):
    """Set a futures market's mark price (ticks); 0: it follows the last trade. Reply: MarketReply or Rejected."""

    market: int
    price: int


class SetLeverage(msgspec.Struct, array_like=True, tag=10, gc=False, frozen=True):
    """For orders placed from now on; asked of the account's shard, within the market's band. Reply: CountReply."""

    account: str
    market: int
    leverage: int
    default: int = 0  # the market's: what it is as long as the account has set none


class Transfer(msgspec.Struct, array_like=True, tag=11, gc=False, frozen=True):
    """Move USDT between an account's wallets, once per reference if there is one. Reply: TransferReply or Rejected."""

    account: str
    asset: str
    to: Wallet
    amount: int
    reference: str = ""


class CancelBatch(msgspec.Struct, array_like=True, tag=12, gc=False, frozen=True):
    """Cancel several futures orders of one market, by id or client id, in one step. Reply: BatchReply."""

    market: int
    account: str
    ids: list[int] = []
    client_ids: list[str] = []


class CancelAllAfter(msgspec.Struct, array_like=True, tag=13, gc=False, frozen=True):
    """Cancel everything of the account on a futures market after so long (ms; 0: never mind). Reply: CountReply."""

    market: int
    account: str
    after_ms: int


class TimerFired(msgspec.Struct, array_like=True, tag=14, gc=False, frozen=True):
    """Time has passed: what was due by this input's stamp happens. The shard itself asks for it."""


class Modify(msgspec.Struct, array_like=True, tag=15, gc=False, frozen=True):
    """Give an open futures order another price or quantity, or a waiting trigger another stop price; 0: as it is.

    Reply: OrderReply; Rejected UNKNOWN_ORDER (also when it is not the account's), TERMINAL_ORDER, NOT_MODIFIABLE,
    NOTHING_CHANGES, BELOW_FILLED, and what stands against a new order. The id stays, the place in the queue is lost.
    """

    id: int
    account: str
    price: int = 0
    quantity: int = 0
    stop_price: int = 0


class SetRules(msgspec.Struct, array_like=True, tag=16, gc=False, frozen=True):
    """From here on the shard decides by the rules of this version. The shard itself asks for it, once."""

    version: int


class SetRisk(msgspec.Struct, array_like=True, tag=17, gc=False, frozen=True):
    """Give a futures market other risk terms, in force for all that follows. Reply: MarketReply or Rejected.

    A market that had none has those of its one bracket first.
    """

    market: int
    change: RiskChange


class AddAsset(msgspec.Struct, array_like=True, tag=19, gc=False, frozen=True):
    """Fix the decimals of an asset's smallest unit, on the shard of its symbol. Reply: CountReply with those in force.

    A repeat changes nothing, whatever it says.
    """

    asset: str
    decimals: int


class FundsHold(msgspec.Struct, gc=False, frozen=True):
    """Market shard → account shard of the account: set money aside for this spot order, then grant it.

    Reply: Rejected; nothing when granted, for the grant comes over the link. On the wire: :mod:`shards.model.codec`.
    """

    order: NewOrder
    asset: str
    amount: int
    market_shard: int
    ticket: int  # the caller waiting at the market shard
    deadline_ms: int  # by the market shard's stamps


class MarginHold(msgspec.Struct, gc=False, frozen=True):
    """As :class:`FundsHold`, for a futures order: set its margin aside."""

    order: NewOrder
    asset: str
    market_shard: int
    ticket: int
    deadline_ms: int
    hold_price: int
    terms: MarginTerms
    modifies: int  # the order that shall become like this one; held is what it needs more
    limit: int  # the worst price at which it is to trade; 0: as its kind says
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
