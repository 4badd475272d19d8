"""What the operator API answers with, except for accounts and shards."""

from typing import Annotated, Literal

import msgspec

from web.exchange.fields import Account, Amount, MarketStatus, Name, Reference, SignedAmount
from web.http.described import Described
from web.operator.bracket_rows import BracketView


class ChangedView(msgspec.Struct, gc=False):
    """A new asset, or a new or changed futures market."""

    ok: Literal[True]
    symbol: Name


class SpotMarketView(msgspec.Struct, gc=False):
    """A new spot market."""

    ok: Literal[True]
    id: Name


class SpotStatusView(msgspec.Struct, gc=False):
    """A spot market in its new status."""

    ok: Literal[True]
    id: Name
    status: MarketStatus


class FuturesStatusView(msgspec.Struct, gc=False):
    """A futures market in its new status."""

    ok: Literal[True]
    symbol: Name
    status: MarketStatus


class RiskView(msgspec.Struct, gc=False):
    """The state and risk terms of a futures market."""

    symbol: Name
    mark_price: Amount | None
    open_interest: Amount
    liquidation_fee: Amount | None
    brackets: list[BracketView]


class MarkPriceView(msgspec.Struct, gc=False):
    """The mark price that was set; None: it follows the last trade."""

    ok: Literal[True]
    symbol: Name
    price: Amount | None


class TradingView(msgspec.Struct, gc=False):
    """Spot trading in its new state."""

    ok: Literal[True]
    spot: Annotated[str, Described("Switch")]


class PaidView(msgspec.Struct, gc=False):
    """A completed payment."""

    ok: Literal[True]
    reference: Reference
    account: Account
    wallet: Literal["spot", "futures"]
    asset: Name
    amount: Amount
    balance_after: SignedAmount
