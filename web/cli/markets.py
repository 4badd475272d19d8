"""The operator's commands for assets and spot markets."""

from pathlib import Path

import click

from shards.model.decimals import format_fixed, format_plain
from shards.model.markets import Market, MarketStatus
from storage.reference import Asset
from web.cli.access import confirm_status, open_context, open_folder, open_reference
from web.cli.printing import Cell, print_table
from web.exchange.catalog import Catalog
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
@click.option("--maker-fee-bps", type=int, default=0, show_default=True, help="Fee of the resting side, 1/100 %.")
@click.option("--taker-fee-bps", type=int, default=0, show_default=True, help="Fee of the arriving side, 1/100 %.")
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


@market_group.command(name="list")
@click.pass_obj
def list_markets(data: Path | None) -> None:
    """Print the markets."""
    with open_reference(open_folder(data)) as reference:
        markets = Catalog(reference.facts()).spot.values()
    columns = ["symbol", "base", "quote", "tick", "lot", "min_notional", "maker_bps", "taker_bps", "status"]
    print_table(columns, [_market_row(market) for market in markets])


@market_group.command(name="status")
@click.argument("symbol")
@click.argument("status", type=click.Choice([status.value for status in MarketStatus]))
@click.option("--yes", is_flag=True, help="Delist without asking.")
@click.pass_obj
def set_status(data: Path | None, symbol: str, status: str, yes: bool) -> None:
    """Set the status of SYMBOL. Delisting cancels every open order of it and is final."""
    confirm_status(symbol, status, yes)
    with open_context(data) as context:
        market = actions.set_spot_status(context, symbol, status)
    click.echo(f"{market.symbol} {market.status}")


def _market_row(market: Market) -> list[Cell]:
    return [
        market.symbol,
        market.base,
        market.quote,
        format_fixed(market.tick_digits, market.price_decimals),
        format_fixed(market.lot_digits, market.lot_decimals),
        format_plain(market.min_notional, market.quote_decimals),
        market.maker_fee_bps,
        market.taker_fee_bps,
        market.status.value,
    ]
