"""The operator API. Unlike elsewhere, unknown fields are rejected: a typo must not silently select a default."""

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from flask import Blueprint, Response

from shards.model.accounting import Wallet
from shards.model.queries import CountOpen, GetBalances
from shards.model.replies import BalancesReply, OpenCountReply
from storage.reference import Asset
from web.auth import require_operator
from web.exchange.balances import BalanceView, render_balances
from web.exchange.catalog import Catalog
from web.exchange.fields import Account, Amount, Name, Natural, Reference, SignedAmount
from web.exchange.margin import (
    Funds,
    ask_margin,
    format_margin_ratio,
    format_usdt,
    liquidation_price,
    list_holdings,
    sum_up,
)
from web.exchange.status import read_status
from web.http.errors import Problem, invalid
from web.http.parse import Number, is_account, read_long, read_text
from web.http.request import json_body
from web.http.responses import answer
from web.operator import actions, futures_markets, payments
from web.operator.actions import MarketTerms, OperatorContext
from web.operator.bracket_rows import Row, read_rows, rows_of, show_rows
from web.operator.futures_markets import FuturesMarketTerms
from web.operator.holding_rows import HeldView, render_held
from web.operator.payments import WALLETS, Paid, Payment
from web.services import services

blueprint: Final = Blueprint("admin", __name__, url_prefix="/api/v1/admin")
blueprint.before_request(require_operator)


class FundsView(msgspec.Struct, gc=False):
    """A futures wallet and its positions."""

    wallet_balance: SignedAmount
    available_balance: Amount
    position_margin: Amount
    order_hold: Amount
    unrealized_profit: SignedAmount
    margin_balance: SignedAmount
    maintenance_margin: Amount
    margin_ratio: Amount | None


class OpenView(msgspec.Struct, gc=False):
    """Numbers of an account's open orders."""

    spot: Natural
    futures: Natural
    triggers: Natural


class AccountView(msgspec.Struct):
    """An account's balances, positions and open orders."""

    account: Account
    spot: list[BalanceView]
    futures: FundsView
    positions: list[HeldView]
    open_orders: OpenView


class PaidView(msgspec.Struct, gc=False):
    """A completed payment."""

    ok: Literal[True]
    reference: Reference
    account: Account
    wallet: Literal["spot", "futures"]
    asset: Name
    amount: Amount
    balance_after: SignedAmount


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
    return answer({"ok": True, "symbol": asset.symbol})


@blueprint.post("/spot/markets")
def add_spot_market() -> Response:
    """Open a spot market."""
    form = Form(*MarketTerms.__dataclass_fields__)
    terms = MarketTerms(
        id=form.text("id"),
        base_token=form.text("base_token"),
        quote_token=form.text("quote_token"),
        tick_size=form.decimal("tick_size"),
        lot_size=form.decimal("lot_size"),
        min_notional=form.decimal("min_notional"),
        maker_fee_bps=form.long("maker_fee_bps"),
        taker_fee_bps=form.long("taker_fee_bps"),
    )
    actions.add_spot_market(_context(), terms)
    return answer({"ok": True, "id": terms.id})


@blueprint.patch("/spot/markets/<symbol>/status")
def set_spot_status(symbol: str) -> Response:
    """List, halt or delist a spot market."""
    status = read_text(Form("status").fields.get("status")) or ""
    actions.set_spot_status(_context(), symbol, status)
    return answer({"ok": True, "id": symbol, "status": status})


@blueprint.post("/futures/markets")
def add_futures_market() -> Response:
    """Open a futures market."""
    form = Form(*FuturesMarketTerms.__dataclass_fields__)
    terms = FuturesMarketTerms(
        symbol=form.text("symbol"),
        base_asset=form.text("base_asset"),
        tick_size=form.decimal("tick_size"),
        lot_size=form.decimal("lot_size"),
        min_notional=form.decimal("min_notional"),
        maker_fee_bps=form.long("maker_fee_bps"),
        taker_fee_bps=form.long("taker_fee_bps"),
        max_notional=form.decimal("max_notional", FuturesMarketTerms.max_notional),
        max_position_notional=form.optional_long("max_position_notional"),
        min_leverage=form.long("min_leverage", FuturesMarketTerms.min_leverage),
        max_leverage=form.optional_long("max_leverage"),
        default_leverage=form.long("default_leverage", FuturesMarketTerms.default_leverage),
        maint_margin_ratio=form.optional_decimal("maint_margin_ratio"),
        trigger_protect=form.decimal("trigger_protect", FuturesMarketTerms.trigger_protect),
        market_take_bound=form.decimal("market_take_bound", FuturesMarketTerms.market_take_bound),
        mark_price=form.optional_decimal("mark_price"),
        brackets=form.optional_brackets(),
        liquidation_fee=form.decimal("liquidation_fee", FuturesMarketTerms.liquidation_fee),
    )
    futures_markets.add_futures_market(_context(), terms)
    return answer({"ok": True, "symbol": terms.symbol})


@blueprint.patch("/futures/markets/<symbol>/status")
def set_futures_status(symbol: str) -> Response:
    """List, halt or delist a futures market."""
    status = read_text(Form("status").fields.get("status")) or ""
    futures_markets.set_futures_status(_context(), symbol, status)
    return answer({"ok": True, "symbol": symbol, "status": status})


@blueprint.patch("/futures/markets/<symbol>/risk")
def set_risk(symbol: str) -> Response:
    """Change a futures market's risk terms."""
    form = Form("brackets", "liquidation_fee")
    futures_markets.set_risk(_context(), symbol, form.optional_brackets(), form.optional_decimal("liquidation_fee"))
    return answer({"ok": True, "symbol": symbol})


@blueprint.get("/futures/risk/<symbol>")
def get_risk(symbol: str) -> Response:
    """The state and risk terms of a futures market."""
    market, mark_price, open_interest, liquidation_fee = futures_markets.read_risk(_context(), symbol)
    return answer(
        {
            "symbol": symbol,
            "mark_price": mark_price,
            "open_interest": open_interest,
            "liquidation_fee": liquidation_fee,
            "brackets": show_rows(rows_of(market)),
        }
    )


@blueprint.post("/futures/mark-price")
def set_mark_price() -> Response:
    """Set a futures market's mark price, or let it follow the last trade again."""
    form = Form("symbol", "price")
    symbol = form.text("symbol")
    if "price" not in form.fields:
        raise invalid("price")  # null must be explicit
    price = futures_markets.set_mark_price(_context(), symbol, form.optional_decimal("price"))
    return answer({"ok": True, "symbol": symbol, "price": price})


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
    return answer({"ok": True, "spot": state})


@blueprint.get("/accounts/<account>")
def get_account(account: str) -> Response:
    """An account's balances, positions and open orders."""
    if not is_account(account):
        raise invalid("id")
    at = services()
    balances = at.gateway.ask(BalancesReply, at.gateway.account_shard(account), GetBalances(account))
    margin = ask_margin(at.gateway, account)
    counts = at.gateway.ask_each(OpenCountReply, [(shard, CountOpen(account)) for shard in at.gateway.shards])
    open_orders = OpenView(
        spot=sum(count.spot for count in counts),
        futures=sum(count.futures for count in counts),
        triggers=sum(count.triggers for count in counts),
    )
    catalog = at.catalog()
    funds = sum_up(margin, catalog)
    held = [holding for holding in list_holdings(margin, catalog.futures.values()) if holding.own.position.amount]
    return answer(
        AccountView(
            account=account,
            spot=render_balances(balances, catalog),
            futures=_render_funds(funds, catalog),
            positions=[render_held(holding, liquidation_price(holding, funds)) for holding in held],
            open_orders=open_orders,
        )
    )


@blueprint.get("/shards")
def get_shards() -> Response:
    """The status of every shard and the archive."""
    return answer(read_status(services().gateway))


def _render_funds(funds: Funds, catalog: Catalog) -> FundsView:
    """The futures wallet and its positions."""
    return FundsView(
        wallet_balance=format_usdt(funds.wallet, catalog),
        available_balance=format_usdt(funds.available, catalog),
        position_margin=format_usdt(funds.position_margin, catalog),
        order_hold=format_usdt(funds.order_margin, catalog),
        unrealized_profit=format_usdt(funds.unrealized, catalog),
        margin_balance=format_usdt(funds.equity, catalog),
        maintenance_margin=format_usdt(funds.maintenance, catalog),
        margin_ratio=format_margin_ratio(funds),
    )


class Form:
    """The body's fields, all known; each reader raises ``invalid <name>``, also for a missing field."""

    def __init__(self, *names: str) -> None:
        self.fields = json_body()
        for name in self.fields:
            if name not in names:
                raise Problem(400, f"unknown field {name[:64]}")

    def text(self, name: str, default: str | None = None) -> str:
        """A JSON string."""
        value = read_text(self.fields.get(name)) if self.fields.get(name) is not None else default
        if value is None:
            raise invalid(name)
        return value

    def long(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = read_long(self.fields.get(name)) if self.fields.get(name) is not None else default
        if value is None:
            raise invalid(name)
        return value

    def optional_long(self, name: str) -> int | None:
        """A whole number; None for null, or if it was not sent."""
        return None if self.fields.get(name) is None else self.long(name)

    def optional_brackets(self) -> list[Row] | None:
        """The rows of the field ``brackets``; None for null, or if it was not sent."""
        rows = self.fields.get("brackets")
        return None if rows is None else read_rows(rows)

    def decimal(self, name: str, default: str | None = None) -> str:
        """A decimal's text, as written; parsed where its bounds are known."""
        value = self.fields.get(name)
        if isinstance(value, Number):
            return str(value)
        return self.text(name, default)

    def optional_decimal(self, name: str) -> str | None:
        """A decimal's text; None for null, or if it was not sent."""
        return None if self.fields.get(name) is None else self.decimal(name)


def _context() -> OperatorContext:
    at = services()
    return OperatorContext(at.gateway, at.reference)


def _pay(action: Callable[[OperatorContext, Payment], Paid]) -> Response:
    form = Form(*Payment.__dataclass_fields__)
    payment = Payment(
        account=form.text("account"),
        wallet=form.text("wallet"),
        asset=form.text("asset"),
        amount=form.decimal("amount"),
        reference=form.text("reference"),
    )
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
