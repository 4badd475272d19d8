"""What the commands for spot and futures markets have in common."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from shards.model.decimals import format_fixed, format_plain
from shards.model.markets import Market, MarketStatus
from shards.model.replies import JsonScalar
from web.cli.access import confirm_status, open_context, open_folder, open_reference
from web.cli.printing import print_table
from web.exchange.catalog import Catalog
from web.operator.actions import OperatorContext

Command = TypeVar("Command", bound=Callable[..., Any])
Columns = Mapping[str, Callable[[Market], JsonScalar]]

TERMS: Final[Columns] = {
    "tick": lambda market: format_fixed(market.tick_digits, market.price_decimals),
    "lot": lambda market: format_fixed(market.lot_digits, market.lot_decimals),
    "min_notional": lambda market: format_plain(market.min_notional, market.quote_decimals),
    "maker_bps": lambda market: market.maker_fee_bps,
    "taker_bps": lambda market: market.taker_fee_bps,
}


def with_fees(command: Command) -> Command:
    """Add the options of a market's fees."""
    for name, side in (("--taker-fee-bps", "arriving"), ("--maker-fee-bps", "resting")):
        help_text = f"Fee of the {side} side, 1/100 %."
        command = click.option(name, type=int, default=0, show_default=True, help=help_text)(command)
    return command


def add_list(
    group: click.Group, markets_of: Callable[[Catalog], Iterable[Market]], columns: Columns, what: str
) -> None:
    """Add the command ``list``, which prints these columns and the status; ``what``: its description."""

    @group.command(name="list", help=what)
    @click.pass_obj
    def list_markets(data: Path | None) -> None:
        with open_reference(open_folder(data)) as reference:
            markets = markets_of(Catalog(reference.facts()))
        rows = [[*(cell(market) for cell in columns.values()), market.status.value] for market in markets]
        print_table([*columns, "status"], rows)


def add_status(group: click.Group, act: Callable[[OperatorContext, str, str], Market], what: str) -> None:
    """Add the command ``status``, which lists, halts or delists a market; ``what``: its description."""

    @group.command(name="status", help=what)
    @click.argument("symbol")
    @click.argument("status", type=click.Choice([status.value for status in MarketStatus]))
    @click.option("--yes", is_flag=True, help="Delist without asking.")
    @click.pass_obj
    def set_status(data: Path | None, symbol: str, status: str, yes: bool) -> None:
        confirm_status(symbol, status, yes)
        with open_context(data) as context:
            market = act(context, symbol, status)
        click.echo(f"{market.symbol} {market.status}")
