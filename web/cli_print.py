"""Rows on a terminal: side by side, as CSV, as JSON."""

import csv
import json
import sys
from collections.abc import Sequence

import click

Cell = str | int | float | bool | None


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
