"""The operator's commands for assets and spot markets."""

from pathlib import Path

import click

from storage.reference import Asset
from web.cli.access import open_context
from web.cli.market_commands import TERMS, add_list, add_status, with_fees
from web.operator import actions
from web.operator.actions import MarketTerms


@click.group(name="asset")
def asset_group() -> None:
    """Manage assets."""


@asset_group.command(name="add")
@click.argument("symbol")
@click.argument("decimals", type=int)
@click.option("--image", default="", help="URL of an icon.")
@click.option("--chain-id", type=int, default=0, help="The id of its chain.")
@click.option("--contract", default="", help="The address of its contract on that chain.")
@click.pass_obj
def add_asset(data: Path | None, symbol: str, decimals: int, image: str, chain_id: int, contract: str) -> None:
    """Add an asset whose smallest unit has this many DECIMALS."""
    with open_context(data) as context:
        actions.add_asset(context, Asset(symbol, decimals, image, chain_id, contract))
    click.echo(f"{symbol} added")


@click.group(name="market")
def market_group() -> None:
    """Manage spot markets."""


@market_group.command(name="add")
@click.argument("symbol")
@click.argument("base")
@click.argument("quote")
@click.option("--tick", required=True, help="Smallest step of a price.")
@click.option("--lot", required=True, help="Smallest step of a quantity.")
@click.option("--min-notional", required=True, help="Minimum price × quantity of an order.")
@with_fees
@click.pass_obj
def add_market(
    data: Path | None,
    symbol: str,
    base: str,
    quote: str,
    tick: str,
    lot: str,
    min_notional: str,
    maker_fee_bps: int,
    taker_fee_bps: int,
) -> None:
    """Open the spot market SYMBOL of BASE against QUOTE."""
    terms = MarketTerms(symbol, base, quote, tick, lot, min_notional, maker_fee_bps, taker_fee_bps)
    with open_context(data) as context:
        market = actions.add_spot_market(context, terms)
    click.echo(f"{market.symbol} {market.status}")


add_list(
    market_group,
    lambda catalog: catalog.spot.values(),
    {
        "symbol": lambda market: market.symbol,
        "base": lambda market: market.base,
        "quote": lambda market: market.quote,
        **TERMS,
    },
    "Print the markets.",
)
add_status(
    market_group,
    actions.set_spot_status,
    "Set the status of SYMBOL. Delisting cancels every open order of it and is final.",
)
