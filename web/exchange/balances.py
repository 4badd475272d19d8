"""Spot wallets as both APIs show them."""

from shards.model.decimals import format_plain
from shards.model.replies import BalancesReply
from web.exchange.catalog import Catalog


def render_balances(reply: BalancesReply, catalog: Catalog) -> list[dict[str, str]]:
    """One row per token ever held, sorted by token."""
    return [
        {
            "token": balance.asset,
            "available": format_plain(balance.available, catalog.places(balance.asset)),
            "frozen": format_plain(balance.held, catalog.places(balance.asset)),
        }
        for balance in reply.balances
    ]
