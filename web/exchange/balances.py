"""Spot balances as both APIs show them."""

import msgspec

from shards.model.decimals import format_plain
from shards.model.replies import BalancesReply
from web.exchange.catalog import Catalog
from web.exchange.fields import Amount, Name


class BalanceView(msgspec.Struct, gc=False):
    """An account's balance of a token."""

    token: Name
    available: Amount
    frozen: Amount


def render_balances(reply: BalancesReply, catalog: Catalog) -> list[BalanceView]:
    """One row per token ever held, sorted by token."""
    return [
        BalanceView(
            token=balance.asset,
            available=format_plain(balance.available, catalog.decimals(balance.asset)),
            frozen=format_plain(balance.held, catalog.decimals(balance.asset)),
        )
        for balance in reply.balances
    ]
