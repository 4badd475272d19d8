"""The caller's futures wallet: balance, account, positions."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from flask import Blueprint, Response

from shards.model.markets import Market
from web.auth import READ
from web.exchange.catalog import MARGIN_ASSET, Catalog
from web.exchange.margin import Funds, Holding, ask_margin, format_usdt, liquidation_price, list_holdings, sum_up
from web.exchange.mark_prices import marks_of
from web.futures.account.position_views import PositionView, render_position, render_risk
from web.futures.call.call import read_optional_market, signed
from web.futures.fields import Decimal, MarginAsset, Positive, SignedDecimal
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_account", __name__, url_prefix="/fapi")

_WEIGHT: Final = 5


class BalanceView(msgspec.Struct, gc=False):
    """The balance of the futures wallet."""

    accountAlias: str
    asset: MarginAsset
    balance: SignedDecimal
    crossWalletBalance: SignedDecimal
    crossUnPnl: SignedDecimal
    availableBalance: Decimal
    maxWithdrawAmount: Decimal
    marginAvailable: Literal[True]
    updateTime: Positive


class AssetView(msgspec.Struct, gc=False):
    """The only asset: its totals are the account's totals."""

    asset: MarginAsset
    walletBalance: SignedDecimal
    unrealizedProfit: SignedDecimal
    marginBalance: SignedDecimal
    maintMargin: Decimal
    initialMargin: Decimal
    positionInitialMargin: Decimal
    openOrderInitialMargin: Decimal
    crossWalletBalance: SignedDecimal
    crossUnPnl: SignedDecimal
    availableBalance: Decimal
    maxWithdrawAmount: Decimal
    marginAvailable: Literal[True]
    updateTime: Positive


class AccountView(msgspec.Struct):
    """The wallet and its positions."""

    feeTier: Literal[0]
    canTrade: Literal[True]
    canDeposit: Literal[True]
    canWithdraw: Literal[True]
    updateTime: Positive
    multiAssetsMargin: Literal[False]
    tradeGroupId: Literal[-1]
    totalInitialMargin: Decimal
    totalMaintMargin: Decimal
    totalWalletBalance: SignedDecimal
    totalUnrealizedProfit: SignedDecimal
    totalMarginBalance: SignedDecimal
    totalPositionInitialMargin: Decimal
    totalOpenOrderInitialMargin: Decimal
    totalCrossWalletBalance: SignedDecimal
    totalCrossUnPnl: SignedDecimal
    availableBalance: Decimal
    maxWithdrawAmount: Decimal
    assets: list[AssetView]
    positions: list[PositionView]


@blueprint.get("/v2/balance")
@blueprint.get("/v3/balance")
def balance() -> Response:
    """The balance of the wallet's only asset."""
    account = signed(_WEIGHT, READ).principal.account
    at = services()
    catalog = at.catalog()
    funds = sum_up(ask_margin(at.gateway, account), catalog)
    return answer([_render_balance(account, funds, catalog)])


@blueprint.get("/v2/account")
def account_of_all_markets() -> Response:
    """The wallet and all markets."""
    return _account(every=True)


@blueprint.get("/v3/account")
def account_of_used_markets() -> Response:
    """The wallet and the markets with a position or open orders."""
    return _account(every=False)


@blueprint.get("/v1/positionRisk")
@blueprint.get("/v2/positionRisk")
def risk_of_all_markets() -> Response:
    """Position risk in one market, or in all."""
    return _position_risk(every=True)


@blueprint.get("/v3/positionRisk")
def risk_of_used_markets() -> Response:
    """Position risk in one market or in all, limited to markets with a position or an open order."""
    return _position_risk(every=False)


def _account(*, every: bool) -> Response:
    account = signed(_WEIGHT, READ).principal.account
    at = services()
    margin = ask_margin(at.gateway, account)
    catalog = at.catalog()
    holdings = _choose(list_holdings(margin, catalog.futures.values()), every=every)
    return answer(_render_account(sum_up(margin, catalog), holdings, catalog))


def _position_risk(*, every: bool) -> Response:
    call = signed(_WEIGHT, READ)
    at = services()
    catalog = at.catalog()
    parameters = read_optional_market(call.parameters, catalog)
    margin = ask_margin(at.gateway, call.principal.account)
    markets: Iterable[Market] = catalog.futures.values() if parameters is None else [parameters]
    funds = sum_up(margin, catalog)
    holdings = _choose(list_holdings(margin, markets), every=every)
    # a position is shown with the mark price used for its profit
    others = marks_of(at.gateway, [holding.market for holding in holdings if not holding.own.position.amount])
    return answer(
        [
            render_risk(holding, others.get(holding.market.number, holding.mark), liquidation_price(holding, funds))
            for holding in holdings
        ]
    )


def _choose(holdings: list[Holding], *, every: bool) -> list[Holding]:
    return [holding for holding in holdings if every or holding.is_used]


def _render_balance(account: str, funds: Funds, catalog: Catalog) -> BalanceView:
    wallet, available = format_usdt(funds.wallet, catalog), format_usdt(funds.available, catalog)
    return BalanceView(
        accountAlias=account,
        asset=MARGIN_ASSET,
        balance=wallet,
        crossWalletBalance=wallet,
        crossUnPnl=format_usdt(funds.unrealized, catalog),
        availableBalance=available,
        maxWithdrawAmount=available,
        marginAvailable=True,
        updateTime=funds.updated_ms,
    )


def _render_account(funds: Funds, holdings: list[Holding], catalog: Catalog) -> AccountView:
    asset = _render_asset(funds, catalog)
    return AccountView(
        feeTier=0,
        canTrade=True,
        canDeposit=True,
        canWithdraw=True,
        updateTime=funds.updated_ms,
        multiAssetsMargin=False,
        tradeGroupId=-1,
        totalInitialMargin=asset.initialMargin,
        totalMaintMargin=asset.maintMargin,
        totalWalletBalance=asset.walletBalance,
        totalUnrealizedProfit=asset.unrealizedProfit,
        totalMarginBalance=asset.marginBalance,
        totalPositionInitialMargin=asset.positionInitialMargin,
        totalOpenOrderInitialMargin=asset.openOrderInitialMargin,
        totalCrossWalletBalance=asset.crossWalletBalance,
        totalCrossUnPnl=asset.crossUnPnl,
        availableBalance=asset.availableBalance,
        maxWithdrawAmount=asset.maxWithdrawAmount,
        assets=[asset],
        positions=[render_position(holding) for holding in holdings],
    )


def _render_asset(funds: Funds, catalog: Catalog) -> AssetView:
    """The only asset: its totals are the account's totals."""
    wallet, unrealized = format_usdt(funds.wallet, catalog), format_usdt(funds.unrealized, catalog)
    available = format_usdt(funds.available, catalog)
    return AssetView(
        asset=MARGIN_ASSET,
        walletBalance=wallet,
        unrealizedProfit=unrealized,
        marginBalance=format_usdt(funds.equity, catalog),
        maintMargin=format_usdt(funds.maintenance, catalog),
        initialMargin=format_usdt(funds.position_margin + funds.order_margin, catalog),
        positionInitialMargin=format_usdt(funds.position_margin, catalog),
        openOrderInitialMargin=format_usdt(funds.order_margin, catalog),
        crossWalletBalance=wallet,
        crossUnPnl=unrealized,
        availableBalance=available,
        maxWithdrawAmount=available,
        marginAvailable=True,
        updateTime=funds.updated_ms,
    )
