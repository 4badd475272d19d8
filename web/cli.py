"""``shardex``: an operator's commands. They work on the data folder and its running engine, without HTTP."""

import csv
import json
import secrets
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import click
import duckdb

from shards.client import Client
from shards.history import History
from shards.limits import SQL_MS_MAX
from shards.markets import Market, MarketStatus
from shards.messages import Question, Reason, Reply, RunSql, TableReply
from shards.settings import SettingsError, load_settings
from shards.units import format_fixed, format_plain
from shards.verify import verify_folder
from storage.folder import Folder, FolderError
from storage.reference import Asset, Reference, ReferenceUnusable, StorageFull
from web import operator
from web.auth import READ, TRADE
from web.catalog import Catalog
from web.engine import Engine, expect
from web.errors import SPOT_REFUSALS, EngineRefusal, Problem
from web.operator import Desk, MarketTerms, Payment
from web.settings import check_secret, load_web_settings
from web.tokens import LIFETIME_S_MAX, Tokens

CONNECT_S: Final = 3.0  # a running engine is reached in milliseconds; one that is starting, in a second
DAY_S: Final = 24 * 3_600

Cell = str | int | float | bool | None


class Commands(click.Group):
    """A group whose commands tell what went wrong in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except (FolderError, SettingsError, ReferenceUnusable) as error:
            raise click.ClickException(str(error)) from error
        except Problem as problem:
            raise click.ClickException(problem.error) from problem
        except StorageFull as full:
            raise click.ClickException("no room on disk: nothing was changed") from full
        except EngineRefusal as refusal:
            raise click.ClickException(describe_refusal(refusal)) from refusal
        except duckdb.Error as error:
            raise click.ClickException(f"the history cannot be opened: {error}") from error


def describe_refusal(refusal: EngineRefusal) -> str:
    """The refusal in words for a terminal."""
    match refusal.reason:
        case Reason.TIMEOUT:
            return "no answer in time, so it is unknown whether it was done: look, or repeat it"
        case Reason.RESTARTING:
            return "the engine is restarting: try again in a moment"
        case Reason.BUSY:
            return "the engine is busy and did nothing: try again"
        case Reason.BAD_SQL:
            return refusal.refused.text
        case Reason.HISTORY_UNREADABLE:
            return "the history cannot be read now: try again in a moment"
        case _:
            return SPOT_REFUSALS[refusal.reason][1]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.option("--data", type=click.Path(path_type=Path), help="The data folder; else SHARDEX_DATA, else ./data.")
@click.pass_context
def main(context: click.Context, data: Path | None) -> None:
    """Operate a Shardex exchange."""
    context.obj = data


# Credentials


@main.command()
@click.argument("account")
@click.option(
    "--days", type=click.IntRange(1, LIFETIME_S_MAX // DAY_S), default=1, show_default=True, help="How long it is good."
)
@click.pass_obj
def token(data: Path | None, account: str, days: int) -> None:
    """Print a bearer token with all rights of ACCOUNT."""
    settings = load_web_settings()
    secret = open_folder(data).secrets().jwt
    check_secret("SHARDEX_JWT_SECRET", secret, settings.jwt_algorithm)
    tokens = Tokens(secret, settings.jwt_keys, settings.jwt_algorithm)
    click.echo(operator.mint_token(tokens, account, days * DAY_S))


@main.command()
@click.argument("account")
@click.option("--read-only", is_flag=True, help="A key that cannot trade.")
@click.option("--label", default="", help="To tell keys apart.")
@click.pass_obj
def key(data: Path | None, account: str, read_only: bool, label: str) -> None:
    """Make an API key of ACCOUNT. Its secret is shown now and never again."""
    with open_reference(open_folder(data)) as reference:
        made = operator.create_key(reference, account, label, (READ,) if read_only else (READ, TRADE))
    click.echo(f"api_key     {made.key}\napi_secret  {made.secret.decode()}\npermissions {','.join(made.permissions)}")


# Money


@main.command()
@click.argument("account")
@click.argument("asset")
@click.argument("amount")
@click.option("--reference", help="Makes it happen once: a repeat with the same one changes nothing.")
@click.pass_obj
def deposit(data: Path | None, account: str, asset: str, amount: str, reference: str | None) -> None:
    """Credit AMOUNT of ASSET to ACCOUNT's spot wallet."""
    reference = reference or f"cli-{secrets.token_hex(8)}"
    with open_desk(data) as desk:
        try:
            paid = operator.deposit(desk, Payment(account, "spot", asset, amount, reference))
        except EngineRefusal as refusal:
            if refusal.reason is Reason.TIMEOUT:
                text = f"no answer in time: repeat it with --reference {reference}, so that it happens once"
                raise click.ClickException(text) from refusal
            raise
    click.echo(f"{paid.amount} {asset} to {account}, available {paid.balance_after}, reference {reference}")


# Assets and markets


@main.group(name="asset")
def asset_group() -> None:
    """What balances can be of."""


@asset_group.command(name="add")
@click.argument("symbol")
@click.argument("decimals", type=int)
@click.option("--image", default="", help="Address of a picture.")
@click.option("--chain-id", type=int, default=0, help="The chain it comes from.")
@click.option("--contract", default="", help="Its contract on that chain.")
@click.pass_obj
def add_asset(data: Path | None, symbol: str, decimals: int, image: str, chain_id: int, contract: str) -> None:
    """Add an asset whose smallest unit has so many DECIMALS."""
    with open_desk(data) as desk:
        operator.add_asset(desk, Asset(symbol, decimals, image, chain_id, contract))
    click.echo(f"{symbol} added")


@main.group(name="market")
def market_group() -> None:
    """What can be traded."""


@market_group.command(name="add")
@click.argument("symbol")
@click.argument("base")
@click.argument("quote")
@click.option("--tick", required=True, help="Smallest step of a price.")
@click.option("--lot", required=True, help="Smallest step of a quantity.")
@click.option("--min-notional", required=True, help="Least price × quantity of an order.")
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
    with open_desk(data) as desk:
        market = operator.add_spot_market(desk, terms)
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
@click.pass_obj
def set_status(data: Path | None, symbol: str, status: str) -> None:
    """Set the status of SYMBOL. Delisting cancels every open order of it and is final."""
    with open_desk(data) as desk:
        market = operator.set_spot_status(desk, symbol, status)
    click.echo(f"{market.symbol} {market.status}")


def _market_row(market: Market) -> list[Cell]:
    return [
        market.symbol,
        market.base,
        market.quote,
        format_fixed(market.tick_digits, market.price_places),
        format_fixed(market.lot_digits, market.lot_places),
        format_plain(market.min_notional, market.quote_places),
        market.maker_fee_bps,
        market.taker_fee_bps,
        market.status.value,
    ]


# Looking at the data


@main.command()
@click.argument("statement")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--json", "form", flag_value="json", help="Print a JSON array of objects.")
@click.pass_obj
def sql(data: Path | None, statement: str, form: str | None) -> None:
    """Run one SELECT on the history, beside the running exchange or at rest."""
    folder = open_folder(data)
    with open_client(folder) as client:
        if is_running(client):
            reply = client.ask_archive(RunSql(statement), SQL_MS_MAX)
        else:
            with closing(History(folder.history, bytes.fromhex(folder.secrets().id_key))) as history:
                reply = history.answer(RunSql(statement))
    table = expect(TableReply, reply)
    printer = {"csv": print_csv, "json": print_json}.get(form or "", print_table)
    printer(table.columns, table.rows)


@main.command()
@click.pass_obj
def verify(data: Path | None) -> None:
    """Replay every journal and check all invariants, at rest or beside the running exchange."""
    folder = open_folder(data)
    with open_client(folder) as client:

        def ask(question: Question) -> Reply:
            return client.ask_archive(question, SQL_MS_MAX)

        findings = verify_folder(folder, ask if is_running(client) else None)
    for finding in findings:
        click.echo(finding)
    if findings:
        raise click.exceptions.Exit(1)
    click.echo(f"ok: {folder.shard_count} shards and the archive of {folder.path}")


# What commands work with


def open_folder(data: Path | None) -> Folder:
    """The data folder, which must be there already; raises FolderError."""
    path = data or load_settings().data
    if not path.is_dir():
        raise FolderError(f"there is no data folder at {path}: name it with --data or SHARDEX_DATA")
    return Folder.open(path)


@contextmanager
def open_reference(folder: Folder) -> Iterator[Reference]:
    """The folder's reference file."""
    with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
        yield reference


@contextmanager
def open_client(folder: Folder) -> Iterator[Client]:
    """A connection to the folder's engine, as far as it runs."""
    with closing(Client(folder)) as client:
        client.wait_connected(CONNECT_S)
        yield client


@contextmanager
def open_desk(data: Path | None) -> Iterator[Desk]:
    """All that an operator needs; the engine must run."""
    folder = open_folder(data)
    with open_reference(folder) as reference, open_client(folder) as client:
        if not is_running(client):
            raise click.ClickException(f"no engine runs on {folder.path}: start it first")
        yield Desk(Engine(client), reference)


def is_running(client: Client) -> bool:
    """Whether any part of the engine was reached."""
    return client.archive_serving() or any(client.depth_max(shard) for shard in range(client.shard_count))


# Printing


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Columns side by side, numbers to the right."""
    texts = [list(columns), *([show(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [bool(rows) and all(_is_number(row[index]) for row in rows) for index in range(len(columns))]
    for line in texts:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _is_number(cell: Cell) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Comma-separated values under a line of names."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([show(cell) for cell in row] for row in rows)


def print_json(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """An array with an object for each row."""
    objects = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows)
    click.echo("[" + ",\n ".join(objects) + "]")


def show(cell: Cell) -> str:
    """A value as text, NULL as nothing."""
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


if __name__ == "__main__":
    main()
