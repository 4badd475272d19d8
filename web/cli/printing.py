"""Rows in a terminal: as a table, as CSV, as JSON."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence

import click

from shards.model.replies import JsonScalar


def print_table(columns: Sequence[str], rows: Sequence[Sequence[JsonScalar]]) -> None:
    """Aligned columns, numbers to the right."""
    texts = [list(columns), *([show(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    right = [bool(rows) and all(_is_number(row[index]) for row in rows) for index in range(len(columns))]
    for line in texts:
        cells = (
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _is_number(cell: JsonScalar) -> bool:
    return cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool))


def print_csv(columns: Sequence[str], rows: Sequence[Sequence[JsonScalar]]) -> None:
    """As :func:`csv_lines`."""
    for line in csv_lines(columns, rows):
        click.echo(line, nl=False)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[JsonScalar]]) -> Iterator[str]:
    """CSV with a header line. NULL is empty, an empty text is two quotes."""
    for line in itertools.chain([columns], rows):
        yield ",".join(map(_quote, line)) + "\n"


def _quote(cell: JsonScalar) -> str:
    text = show(cell)
    if cell == "" or any(character in text for character in ',"\r\n'):
        escaped = text.replace('"', '""')
        return f'"{escaped}"'
    return text


def print_json(columns: Sequence[str], rows: Sequence[Sequence[JsonScalar]], types: Sequence[str]) -> None:
    """As :func:`json_lines`."""
    for line in json_lines(columns, rows, types):
        click.echo(line, nl=False)


def json_lines(columns: Sequence[str], rows: Iterable[Sequence[JsonScalar]], types: Sequence[str]) -> Iterator[str]:
    """An array of an object per row. Duplicate column names get the suffixes _1, _2, … from the second on."""
    names = [json.dumps(name, ensure_ascii=False) for name in make_unique(columns)]
    shown = [_float_as_json if type_ in ("FLOAT", "DOUBLE") else _as_json for type_ in types]
    before = "["
    for row in rows:
        line = ", ".join(f"{name}: {show(cell)}" for name, show, cell in zip(names, shown, row, strict=True))
        yield f"{before}{{{line}}}"
        before = ",\n "
    yield "]\n" if before != "[" else "[]\n"


def make_unique(names: Sequence[str]) -> list[str]:
    """The names, made unique."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{number}" for number in itertools.count(1))
        found.append(name if name not in found else next(each for each in others if each not in (*found, *names)))
    return found


def _as_json(cell: JsonScalar) -> str:
    return json.dumps(cell, ensure_ascii=False)


def _float_as_json(cell: JsonScalar) -> str:
    """JSON has no NaN, which becomes null. Infinity becomes an out-of-range number, which parsers read as infinite."""
    match cell:
        case "nan":
            return "null"
        case "infinity" | "-infinity":
            return cell.replace("infinity", "1e999")
        case _:
            return _as_json(cell)


def show(cell: JsonScalar) -> str:
    """A value as text; NULL as ""."""
    if cell is None:
        return ""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)
