"""Tables of requests and their answers, kept as text in ``tables/``.

Columns are parted by " | ", the first line names them, "#" opens a comment, "[…]" a section. In a cell, ``{name}`` is
replaced by what the test knows under that name, ``{now-6000}`` by the clock in milliseconds, ``<<9*ab>>`` repeats a
text, and ``<<hex ff00>>`` gives bytes.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from _pytest.mark import ParameterSet

FOLDER: Final = Path(__file__).with_name("tables")
SEEDS: Final = Path(__file__).with_name("seeds")

_NAME: Final = re.compile(r"\{([A-Za-z_]+)\}")
_NOW: Final = re.compile(r"\{now([+-]\d+)?\}")
_MACRO: Final = re.compile(r"<<(?:(\d+)\*(.*?)|hex ([0-9a-f]+))>>", re.DOTALL)


@dataclass(frozen=True)
class TableRow:
    """One line of a table."""

    table: str
    line: int
    section: str
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]


def read_table(name: str, folder: Path = FOLDER) -> list[TableRow]:
    """The rows of a table."""
    rows: list[TableRow] = []
    columns: list[str] = []
    section = ""
    for number, line in enumerate((folder / f"{name}.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if re.fullmatch(r"\[[a-z ]+\]", line):
            section = line[1:-1]
            continue
        cells = [cell.strip() for cell in line.split(" | ")]
        if not columns:
            columns = cells
            continue
        assert len(cells) == len(columns), f"{name}.txt:{number}: {len(cells)} cells for {len(columns)} columns"
        rows.append(TableRow(name, number, section, dict(zip(columns, cells, strict=True))))
    return rows


def parameters(*names: str) -> list[ParameterSet]:
    """The rows of these tables for parametrize; a row is known by its table and line."""
    rows = [row for name in names for row in read_table(name)]
    return [pytest.param(row, id=f"{row.table}:{row.line}") for row in rows]


def fill(text: str, values: Mapping[str, str], now_ms: int | None = None) -> str:
    """``text`` with its names and times replaced."""
    now = now_ms or int(time.time() * 1_000)
    named = _NAME.sub(lambda match: values.get(match[1], match[0]), text)
    return _NOW.sub(lambda match: str(now + int(match[1] or 0)), named)


def expand(text: str) -> bytes:
    """``text`` as bytes, its macros carried out."""
    content = b""
    end = 0
    for match in _MACRO.finditer(text):
        content += text[end : match.start()].encode()
        content += match[2].encode() * int(match[1]) if match[1] else bytes.fromhex(match[3])
        end = match.end()
    return content + text[end:].encode()
