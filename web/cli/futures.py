"""The operator's commands for futures markets."""

from pathlib import Path

import click

from shards.model.decimals import format_plain
from shards.model.markets import Market
from shards.model.replies import JsonScalar
from web.cli.access import open_context
from web.cli.market_commands import TERMS, add_list, add_status, with_fees
from web.cli.printing import print_table
from web.http.formats import format_ratio
from web.operator import futures_markets
from web.operator.bracket_rows import parse_row
from web.operator.futures_markets import FuturesMarketTerms
from web.operator.limits import LEVERAGE_MAX

_LAST = "last"  # instead of a price
_BRACKET = "CAP:LEVERAGE:RATIO"
_BRACKET_HELP = "Up to CAP USDT: maximum LEVERAGE, maintenance margin RATIO. Repeat per bracket, lowest cap first."
_FEE_HELP = "Ratio of the value that a liquidation trades; below 0.1."


@click.group(name="futures")
def futures_group() -> None:
    """Manage futures markets."""


@futures_group.command(name="add")
@click.argument("symbol")
@click.argument("base_asset", metavar="BASE")
@click.option("--tick", "tick_size", required=True, help="Smallest step of a price.")
@click.option("--lot", "lot_size", required=True, help="Smallest step of a quantity.")
@click.option("--min-notional", required=True, help="Minimum price × quantity of an order, USDT.")
@with_fees
@click.option(
    "--max-notional", default=FuturesMarketTerms.max_notional, show_default=True, help="Maximum of an order, USDT."
)
@click.option(
    "--max-position-notional",
    type=int,
    help=f"Maximum of a position with its open orders, USDT; {futures_markets.MAX_POSITION_NOTIONAL} by default.",
)
@click.option("--min-leverage", type=int, default=FuturesMarketTerms.min_leverage, show_default=True)
@click.option("--max-leverage", type=int, help=f"{LEVERAGE_MAX} by default.")
@click.option("--default-leverage", type=int, default=FuturesMarketTerms.default_leverage, show_default=True)
@click.option("--maint-margin-ratio", help=f"{futures_markets.MAINT_MARGIN_RATIO} by default.")
@click.option(
    "--bracket", "brackets", multiple=True, metavar=_BRACKET, help=f"{_BRACKET_HELP} Replaces the three above."
)
@click.option("--liquidation-fee", default=FuturesMarketTerms.liquidation_fee, show_default=True, help=_FEE_HELP)
@click.option(
    "--trigger-protect",
    default=FuturesMarketTerms.trigger_protect,
    show_default=True,
    help="Maximum distance of last and mark price for a protected trigger.",
)
@click.option(
    "--market-take-bound",
    default=FuturesMarketTerms.market_take_bound,
    show_default=True,
    help="Maximum distance from the mark price at which a market order trades.",
)
@click.option("--mark-price", help="Without it, the mark price follows the last trade.")
@click.pass_obj
def add_market(data: Path | None, /, brackets: tuple[str, ...], **terms: str) -> None:
    """Open the futures market SYMBOL of BASE against USDT."""
    rows = [parse_row(text) for text in brackets] or None
    with open_context(data) as context:
        market = futures_markets.add_futures_market(context, FuturesMarketTerms(**terms, brackets=rows))  # type: ignore[arg-type]
    click.echo(f"{market.symbol} {market.status}")


def _leverage(market: Market) -> str:
    assert market.futures is not None, "a futures market has its terms"
    terms = market.futures
    return f"{terms.min_leverage}-{market.brackets[0].max_leverage} ({terms.default_leverage})"


add_list(
    futures_group,
    lambda catalog: catalog.futures.values(),
    {"symbol": lambda market: market.symbol, "base": lambda market: market.base, **TERMS, "leverage": _leverage},
    "Print the futures markets.",
)
add_status(
    futures_group,
    futures_markets.set_futures_status,
    "Set the status of SYMBOL. Delisting cancels every open order of it and is final; no position may be open.",
)


@futures_group.command(name="risk")
@click.argument("symbol")
@click.option("--bracket", "brackets", multiple=True, metavar=_BRACKET, help=_BRACKET_HELP)
@click.option("--liquidation-fee", help=_FEE_HELP)
@click.pass_obj
def set_risk(data: Path | None, symbol: str, brackets: tuple[str, ...], liquidation_fee: str | None) -> None:
    """Print the state of SYMBOL with its risk terms; with options, change these first.

    --bracket replaces all existing brackets.
    """
    rows = [parse_row(text) for text in brackets] or None
    with open_context(data) as context:
        if rows or liquidation_fee is not None:
            futures_markets.set_risk(context, symbol, rows, liquidation_fee)
        market, *stands = futures_markets.read_risk(context, symbol)
    print_table(["symbol", "mark_price", "open_interest", "liquidation_fee"], [[market.symbol, *stands]])
    click.echo()
    print_table(["notional_cap", "max_leverage", "maint_margin_ratio", "cum"], _bracket_rows(market))


@futures_group.command(name="mark")
@click.argument("symbol")
@click.argument("price")
@click.pass_obj
def set_mark(data: Path | None, symbol: str, price: str) -> None:
    """Set the mark price of SYMBOL to PRICE; with "last" it follows the last trade again."""
    with open_context(data) as context:
        in_force = futures_markets.set_mark_price(context, symbol, None if price == _LAST else price)
    click.echo(f"{symbol} mark price {in_force or 'of the last trade'}")


def _bracket_rows(market: Market) -> list[list[JsonScalar]]:
    decimals = market.quote_decimals
    return [
        [
            format_plain(each.cap, decimals),
            each.max_leverage,
            format_ratio(each.ratio),
            format_plain(each.cum, decimals),
        ]
        for each in market.brackets
    ]
