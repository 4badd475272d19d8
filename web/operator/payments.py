"""Deposits and withdrawals by the operator. Raises as :mod:`web.operator.actions` does."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from shards.model.accounting import Wallet
from shards.model.commands import Deposit
from shards.model.decimals import Decimal, format_plain
from shards.model.replies import AmountReply
from web.exchange.catalog import MARGIN_ASSET
from web.http.amounts import DecimalText, count_units, read_amount
from web.http.errors import Problem
from web.http.parse import is_account, is_client_id, is_name
from web.operator.actions import OperatorContext, require

DEPOSIT_MAX: Final = 10**15  # of any asset, at a time: more than the supply of any; a larger amount is a typo

WALLETS: Final = {"spot": Wallet.SPOT, "futures": Wallet.FUTURES}


@dataclass(frozen=True)
class Payment:
    """A deposit or a withdrawal; ``reference`` makes it idempotent per account."""

    account: str
    wallet: str
    asset: str
    amount: DecimalText
    reference: str


class Paid(NamedTuple):
    """A completed payment: decimal texts."""

    amount: str
    balance_after: str


def deposit(context: OperatorContext, payment: Payment) -> Paid:
    """Credit a wallet. A repeat returns the first result.

    Raises ``invalid <field>`` (also for an amount beyond DEPOSIT_MAX), UNKNOWN_ASSET, AMOUNT_NON_POSITIVE; the engine
    rejects with REFERENCE_CONFLICT.
    """
    amount = _read(payment)
    require(amount.digits <= DEPOSIT_MAX * 10**amount.decimals, "amount")
    return _pay(context, payment, 1)


def withdraw(context: OperatorContext, payment: Payment) -> Paid:
    """Debit a wallet; as deposit, and the engine rejects with INSUFFICIENT_BALANCE."""
    return _pay(context, payment, -1)


def _read(payment: Payment) -> Decimal:
    """The amount without its sign; no exponents, because a typo in one changes the amount a thousandfold."""
    require(is_account(payment.account), "account")
    require(payment.wallet in WALLETS, "wallet")
    require(is_name(payment.asset), "asset")
    require(not set(payment.amount) & set("eE"), "amount")
    amount = read_amount(payment.amount.removeprefix("-"), "amount")
    require(is_client_id(payment.reference), "reference")
    return amount


def _pay(context: OperatorContext, payment: Payment, sign: int) -> Paid:
    amount = _read(payment)
    wallet = WALLETS[payment.wallet]
    asset = context.catalog().assets.get(payment.asset)
    if asset is None or (wallet is Wallet.FUTURES and asset.symbol != MARGIN_ASSET):
        raise Problem(400, "UNKNOWN_ASSET")
    if not amount.digits or payment.amount.startswith("-"):
        raise Problem(400, "AMOUNT_NON_POSITIVE")
    units = count_units(amount, asset, "amount")
    command = Deposit(payment.account, asset.symbol, sign * units, payment.reference, wallet)
    reply = context.gateway.ask(AmountReply, context.gateway.account_shard(payment.account), command)
    return Paid(format_plain(units, asset.decimals), format_plain(reply.balance_after, asset.decimals))
