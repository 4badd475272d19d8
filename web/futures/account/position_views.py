"""An account's position in a market as the futures API shows it: as part of the account, and as position risk."""

from typing import Literal

import msgspec

from shards.model.brackets import most_at
from shards.model.markets import Market
from web.exchange.margin import Holding
from web.futures.fields import Decimal, LeverageText, MarginAsset, Milliseconds, PositionSide, SignedDecimal, Symbol
from web.http.formats import format_fine_price, format_price, format_quote

_NONE = "0"  # no margin is isolated


class PositionView(msgspec.Struct, gc=False):
    """A position as part of the account."""

    symbol: Symbol
    positionSide: PositionSide
    positionAmt: SignedDecimal
    entryPrice: Decimal
    breakEvenPrice: Decimal
    unrealizedProfit: SignedDecimal
    notional: SignedDecimal
    leverage: LeverageText
    isolated: Literal[False]
    isolatedMargin: Decimal
    isolatedWallet: Decimal
    initialMargin: Decimal
    maintMargin: Decimal
    positionInitialMargin: Decimal
    openOrderInitialMargin: Decimal
    bidNotional: Decimal
    askNotional: Decimal
    maxNotional: Decimal
    updateTime: Milliseconds


class RiskView(msgspec.Struct, gc=False):
    """A position and its risk."""

    symbol: Symbol
    positionSide: PositionSide
    positionAmt: SignedDecimal
    entryPrice: Decimal
    breakEvenPrice: Decimal
    markPrice: Decimal
    unRealizedProfit: SignedDecimal
    liquidationPrice: Decimal
    leverage: LeverageText
    maxNotionalValue: Decimal
    marginType: Literal["cross"]
    isolatedMargin: Decimal
    isAutoAddMargin: Literal["false"]
    notional: SignedDecimal
    isolatedWallet: Decimal
    marginAsset: MarginAsset
    initialMargin: Decimal
    maintMargin: Decimal
    positionInitialMargin: Decimal
    openOrderInitialMargin: Decimal
    adl: Literal[0]
    bidNotional: Decimal
    askNotional: Decimal
    updateTime: Milliseconds


def render_position(holding: Holding) -> PositionView:
    """A position as part of the account."""
    market, own = holding.market, holding.own
    entry = holding.entry_price
    return PositionView(
        symbol=market.symbol,
        positionSide="BOTH",
        positionAmt=market.format_quantity(own.position.amount),
        entryPrice=entry,
        breakEvenPrice=entry,
        unrealizedProfit=format_quote(market, holding.unrealized),
        notional=format_quote(market, holding.notional),
        leverage=str(holding.leverage),
        isolated=False,
        isolatedMargin=_NONE,
        isolatedWallet=_NONE,
        initialMargin=format_quote(market, own.position.margin + own.hold),
        maintMargin=format_quote(market, holding.maintenance),
        positionInitialMargin=format_quote(market, own.position.margin),
        openOrderInitialMargin=format_quote(market, own.hold),
        bidNotional=format_quote(market, own.bid_value),
        askNotional=format_quote(market, own.ask_value),
        maxNotional=format_max_notional(market, holding.leverage),
        updateTime=own.updated_ms,
    )


def render_risk(holding: Holding, mark: int, liquidation: int) -> RiskView:
    """An element of ``positionRisk``; ``mark`` in ticks, also without a position, ``liquidation`` in 10^-8 ticks."""
    market, own = holding.market, holding.own
    entry = holding.entry_price
    return RiskView(
        symbol=market.symbol,
        positionSide="BOTH",
        positionAmt=market.format_quantity(own.position.amount),
        entryPrice=entry,
        breakEvenPrice=entry,
        markPrice=format_price(market, mark),
        unRealizedProfit=format_quote(market, holding.unrealized),
        liquidationPrice=format_fine_price(market, liquidation),
        leverage=str(holding.leverage),
        maxNotionalValue=format_max_notional(market, holding.leverage),
        marginType="cross",
        isolatedMargin=_NONE,
        isAutoAddMargin="false",
        notional=format_quote(market, holding.notional),
        isolatedWallet=_NONE,
        marginAsset=market.quote,
        initialMargin=format_quote(market, own.position.margin + own.hold),
        maintMargin=format_quote(market, holding.maintenance),
        positionInitialMargin=format_quote(market, own.position.margin),
        openOrderInitialMargin=format_quote(market, own.hold),
        adl=0,
        bidNotional=format_quote(market, own.bid_value),
        askNotional=format_quote(market, own.ask_value),
        updateTime=own.updated_ms,
    )


def format_max_notional(market: Market, leverage: int) -> str:
    """Maximum entry notional of a position with its open orders, at a leverage."""
    return format_quote(market, most_at(market.brackets, leverage))
