"""``shardex sql``: SQL from the command line, a file or standard input, and the list of tables."""

import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, TextIO

import click
from msgspec import structs

from shards.archive.service import History
from shards.folder import Folder
from shards.limits import SQL_PATIENCE_MS, SQL_PIECE_PATIENCE_MS, SQL_ROW_COUNT_MAX
from shards.model.queries import RunMore, RunSql
from shards.model.replies import TableReply
from web.cli.access import is_running, open_client, open_folder
from web.cli.export import form_of, write_out
from web.cli.printing import print_csv, print_json, print_table
from web.exchange.gateway import expect

_TABLES: Final = RunSql(
    "SELECT view_name AS name, comment FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY 1"
)
_COLUMNS: Final = """
    SELECT column_name AS name, data_type AS type, comment FROM duckdb_columns()
    WHERE NOT internal AND $name IN (schema_name || '.' || table_name, CASE schema_name WHEN 'main' THEN table_name END)
    ORDER BY column_index
"""


class SqlCommand(click.Command):
    """A command whose statement may begin with an SQL comment, which looks like an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move such statements behind all options."""
        statements = [each for each in args if each.startswith("--") and _is_comment(each)]
        options = [each for each in args if each not in statements]
        return super().parse_args(ctx, [*options, *(["--"] if statements else []), *statements])


def _is_comment(argument: str) -> bool:
    return argument[2:3].isspace() or "\n" in argument


@click.command(cls=SqlCommand)
@click.argument("statement", required=False)
@click.option("-f", "--file", type=click.File(encoding="utf-8"), help="Read the statement from a file.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="The value of $NAME; may be repeated.")
@click.option(
    "--tables", is_flag=False, flag_value="", metavar="[NAME]", help="Print the views, or the columns of one, and exit."
)
@click.option("--limit", type=click.IntRange(1, SQL_ROW_COUNT_MAX), help="Print at most this many rows.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all rows, however many, to a .csv, .json or .parquet file.",
)
@click.option("--replace", is_flag=True, help="Overwrite FILE if it exists.")
@click.option("--csv", "form", flag_value="csv", help="Print comma-separated values.")
@click.option("--json", "form", flag_value="json", help="Print a JSON array of objects.")
@click.pass_obj
def sql(
    data: Path | None,
    statement: str | None,
    file: TextIO | None,
    parameters: Sequence[str],
    tables: str | None,
    limit: int | None,
    out: Path | None,
    replace: bool,
    form: str | None,
) -> None:
    """Run one SELECT or EXPLAIN on the history, beside the running exchange or at rest; - reads standard input."""
    query = _read(statement, file, parameters, limit or 0) if tables is None else _describe(tables, statement or file)
    if out is not None:
        pieces = _ask_in_pieces(open_folder(data), query)
        with closing(pieces):
            count = write_out(out, form_of(out, form), pieces, replace=replace)
        click.echo(f"{count} rows in {out}")
        return
    table = _ask(open_folder(data), query)
    if tables and not table.rows:
        raise click.ClickException(f"there is no view or table {tables}: shardex sql --tables lists the views")
    if form == "csv":
        print_csv(table.columns, table.rows)
    elif form == "json":
        print_json(table.columns, table.rows, table.types)
    else:
        print_table(table.columns, table.rows)


def _read(statement: str | None, file: TextIO | None, parameters: Sequence[str], limit: int) -> RunSql:
    if (statement is None) == (file is None):
        raise click.UsageError("give a statement, or a file with one: -f FILE, or - for standard input")
    text = file.read() if file is not None else statement or ""
    if file is None and text == "-":
        text = sys.stdin.read()
    pairs = [pair.partition("=") for pair in parameters]
    for name, equals, _ in pairs:
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{name!r}: give NAME=VALUE", param_hint="--param")
    return RunSql(text, {name: value for name, _, value in pairs}, limit=limit)


def _describe(name: str, more: object) -> RunSql:
    if more:
        raise click.UsageError("--tables takes no statement")
    return RunSql(_COLUMNS, {"name": name}) if name else _TABLES


def _ask(folder: Folder, query: RunSql) -> TableReply:
    with open_client(folder) as client:
        if is_running(client):
            return expect(TableReply, client.ask_archive(query, SQL_PATIENCE_MS))
    with closing(History(folder.history, bytes.fromhex(folder.secrets().id_key))) as history:
        return expect(TableReply, history.answer(query))


def _ask_in_pieces(folder: Folder, query: RunSql) -> Generator[TableReply]:
    """The rows in pieces, then an empty piece."""
    wider = structs.replace(query, in_pieces=True)
    with open_client(folder) as client:
        if is_running(client):
            message: RunSql | RunMore = wider
            while True:
                yield expect(TableReply, client.ask_archive(message, SQL_PIECE_PATIENCE_MS))
                message = RunMore()
    with (
        closing(History(folder.history, bytes.fromhex(folder.secrets().id_key))) as history,
        closing(history.run_in_pieces(wider, threading.Event())) as replies,
    ):
        for reply in replies:
            yield expect(TableReply, reply)
