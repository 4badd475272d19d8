"""The operator API."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint, Response

from shards.model.accounting import Wallet
from shards.model.markets import Market
from storage.reference import Asset
from web.auth import require_operator
from web.exchange.status import read_status
from web.http.errors import invalid
from web.http.parse import is_account, read_text
from web.http.responses import answer
from web.operator import actions, futures_markets, payments
from web.operator.account_view import ask_account
from web.operator.actions import MarketTerms, OperatorContext
from web.operator.bracket_rows import BracketView, rows_of
from web.operator.form import Form, read_terms
from web.operator.futures_markets import FuturesMarketTerms
from web.operator.payments import WALLETS, Paid, Payment
from web.operator.views import (
    ChangedView,
    FuturesStatusView,
    MarkPriceView,
    PaidView,
    RiskView,
    SpotMarketView,
    SpotStatusView,
    TradingView,
)
from web.services import services

blueprint: Final = Blueprint("admin", __name__, url_prefix="/api/v1/admin")
blueprint.before_request(require_operator)


@blueprint.post("/assets")
def add_asset() -> Response:
    """Add an asset."""
    form = Form("symbol", "decimals", "image", "chain_id", "contract")
    asset = Asset(
        symbol=form.text("symbol"),
        decimals=form.long("decimals"),
        image=form.text("image", ""),
        chain_id=form.long("chain_id", 0),
        contract=form.text("contract", ""),
    )
    actions.add_asset(_context(), asset)
    return answer(ChangedView(ok=True, symbol=asset.symbol))


@blueprint.post("/spot/markets")
def add_spot_market() -> Response:
    """Open a spot market."""
    terms = read_terms(MarketTerms)
    actions.add_spot_market(_context(), terms)
    return answer(SpotMarketView(ok=True, id=terms.id))


@blueprint.patch("/spot/markets/<symbol>/status")
def set_spot_status(symbol: str) -> Response:
    """List, halt or delist a spot market."""
    status = _set_status(actions.set_spot_status, symbol)
    return answer(SpotStatusView(ok=True, id=symbol, status=status))


@blueprint.post("/futures/markets")
def add_futures_market() -> Response:
    """Open a futures market."""
    terms = read_terms(FuturesMarketTerms)
    futures_markets.add_futures_market(_context(), terms)
    return answer(ChangedView(ok=True, symbol=terms.symbol))


@blueprint.patch("/futures/markets/<symbol>/status")
def set_futures_status(symbol: str) -> Response:
    """List, halt or delist a futures market."""
    status = _set_status(futures_markets.set_futures_status, symbol)
    return answer(FuturesStatusView(ok=True, symbol=symbol, status=status))


@blueprint.patch("/futures/markets/<symbol>/risk")
def set_risk(symbol: str) -> Response:
    """Change a futures market's risk terms."""
    form = Form("brackets", "liquidation_fee")
    futures_markets.set_risk(_context(), symbol, form.optional_brackets(), form.optional_decimal("liquidation_fee"))
    return answer(ChangedView(ok=True, symbol=symbol))


@blueprint.get("/futures/risk/<symbol>")
def get_risk(symbol: str) -> Response:
    """The state and risk terms of a futures market."""
    market, mark_price, open_interest, liquidation_fee = futures_markets.read_risk(_context(), symbol)
    return answer(
        RiskView(
            symbol=symbol,
            mark_price=mark_price,
            open_interest=open_interest,
            liquidation_fee=liquidation_fee,
            brackets=[BracketView(*row) for row in rows_of(market)],
        )
    )


@blueprint.post("/futures/mark-price")
def set_mark_price() -> Response:
    """Set a futures market's mark price, or let it follow the last trade again."""
    form = Form("symbol", "price")
    symbol = form.text("symbol")
    if "price" not in form.fields:
        raise invalid("price")  # null must be explicit
    price = futures_markets.set_mark_price(_context(), symbol, form.optional_decimal("price"))
    return answer(MarkPriceView(ok=True, symbol=symbol, price=price))


@blueprint.post("/deposits")
def deposit() -> Response:
    """Credit a wallet."""
    return _pay(payments.deposit)


@blueprint.post("/withdrawals")
def withdraw() -> Response:
    """Debit a wallet."""
    return _pay(payments.withdraw)


@blueprint.post("/trading")
def set_trading() -> Response:
    """Switch spot trading on or off."""
    state = Form("spot").text("spot")
    actions.set_spot_trading(_context(), state)
    return answer(TradingView(ok=True, spot=state))


@blueprint.get("/accounts/<account>")
def get_account(account: str) -> Response:
    """An account's balances, positions and open orders."""
    if not is_account(account):
        raise invalid("id")
    return answer(ask_account(services(), account))


@blueprint.get("/shards")
def get_shards() -> Response:
    """The status of every shard and the archive."""
    return answer(read_status(services().gateway))


def _context() -> OperatorContext:
    at = services()
    return OperatorContext(at.gateway, at.reference)


def _set_status(action: Callable[[OperatorContext, str, str], Market], symbol: str) -> str:
    """Returns the new status."""
    status = read_text(Form("status").fields.get("status")) or ""
    action(_context(), symbol, status)
    return status


def _pay(action: Callable[[OperatorContext, Payment], Paid]) -> Response:
    payment = read_terms(Payment)
    paid = action(_context(), payment)
    return answer(
        PaidView(
            ok=True,
            reference=payment.reference,
            account=payment.account,
            wallet="spot" if WALLETS[payment.wallet] is Wallet.SPOT else "futures",
            asset=payment.asset,
            amount=paid.amount,
            balance_after=paid.balance_after,
        )
    )
