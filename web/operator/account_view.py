"""An account as the operator API shows it: balances, positions, open orders."""

import msgspec

from shards.model.queries import CountOpen, GetBalances
from shards.model.replies import BalancesReply, OpenCountReply
from web.exchange.balances import BalanceView, render_balances
from web.exchange.catalog import Catalog
from web.exchange.fields import Account, Amount, Natural, SignedAmount
from web.exchange.gateway import ExchangeGateway
from web.exchange.margin import (
    Funds,
    ask_margin,
    format_margin_ratio,
    format_usdt,
    liquidation_price,
    list_holdings,
    sum_up,
)
from web.operator.holding_rows import HeldView, render_held
from web.services import Services


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


def ask_account(at: Services, account: str) -> AccountView:
    """Query the shards for an account; raises EngineRejected."""
    balances = at.gateway.ask(BalancesReply, at.gateway.account_shard(account), GetBalances(account))
    margin = ask_margin(at.gateway, account)
    open_orders = _count_open(at.gateway, account)
    catalog = at.catalog()
    funds = sum_up(margin, catalog)
    held = [holding for holding in list_holdings(margin, catalog.futures.values()) if holding.own.position.amount]
    return AccountView(
        account=account,
        spot=render_balances(balances, catalog),
        futures=_render_funds(funds, catalog),
        positions=[render_held(holding, liquidation_price(holding, funds)) for holding in held],
        open_orders=open_orders,
    )


def _count_open(gateway: ExchangeGateway, account: str) -> OpenView:
    counts = gateway.ask_each(OpenCountReply, [(shard, CountOpen(account)) for shard in gateway.shards])
    return OpenView(
        spot=sum(count.spot for count in counts),
        futures=sum(count.futures for count in counts),
        triggers=sum(count.triggers for count in counts),
    )


def _render_funds(funds: Funds, catalog: Catalog) -> FundsView:
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
