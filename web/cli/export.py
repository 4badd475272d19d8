"""Query results of any size as files: written in pieces to a temporary file, and moved into place once complete."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import click
import duckdb

from shards.model.replies import JsonScalar, TableReply
from storage.files import aside
from storage.parquet import write_parquet
from web.cli.printing import csv_lines, json_lines, make_unique

FORMS: Final = ("csv", "json", "parquet")


def form_of(path: Path, form: str | None) -> str:
    """The output format: ``form``, or the file name's suffix; raises click.UsageError."""
    found = form or path.suffix.lower().removeprefix(".")
    if found not in FORMS:
        raise click.UsageError(f"{path}: end its name in .csv, .json or .parquet")
    return found


def write_out(path: Path, form: str, pieces: Iterable[TableReply], *, replace: bool) -> int:
    """Write the rows of all pieces; returns their number. Raises click.ClickException; the file is then not created."""
    try:
        with aside(path, replace=replace) as made:
            return _write(made, form, iter(pieces))
    except FileExistsError as error:
        raise click.ClickException(f"{path} already exists: use --replace to overwrite it") from error
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error


def _write(path: Path, form: str, pieces: Iterator[TableReply]) -> int:
    first = next(pieces)
    rows = _Rows(first, pieces)
    if form == "json":
        _write_lines(path, json_lines(first.columns, rows, first.types))
    elif form == "csv":
        _write_lines(path, csv_lines(first.columns, rows))
    else:
        names = make_unique(first.columns)
        table = path.with_name(f"{path.name}.csv")
        try:
            _write_lines(table, csv_lines(names, rows))
            write_parquet(table, path, names, first.types)
        except duckdb.Error as error:
            raise click.ClickException(f"this cannot be written as Parquet: {error}") from error
        finally:
            table.unlink(missing_ok=True)
    return rows.count


class _Rows:
    """The rows of all pieces, counted."""

    def __init__(self, first: TableReply, others: Iterator[TableReply]) -> None:
        self.count = 0
        self._first = first
        self._others = others

    def __iter__(self) -> Iterator[Sequence[JsonScalar]]:
        piece = self._first
        while piece.rows:
            self.count += len(piece.rows)
            yield from piece.rows
            piece = next(self._others)


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
