"""Writes a table of text as a Parquet file."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

MEMORY: Final = "256MB"
LINE_BYTES_MAX: Final = 16 * 2**20  # of a row

_KEPT: Final = re.compile(
    r"BOOLEAN|TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|DATE"
    r"|TIMESTAMP(?:_NS| WITH TIME ZONE)?"
)
_WHOLE: Final = ("HUGEINT", "UHUGEINT", "BIGNUM")  # Parquet has no such type, and DuckDB would write DOUBLE


def write_parquet(source: Path, target: Path, names: Sequence[str], types: Sequence[str]) -> None:
    """Convert the comma-separated ``source``, whose columns have these types, to ``target``.

    ``names`` must be unique. Types that Parquet lacks become text; integers of more than 64 bits become DECIMAL(38,0).
    Raises duckdb.Error.
    """
    columns = ", ".join(f"{_quote(name)}: {_quote(_kept(type_))}" for name, type_ in zip(names, types, strict=True))
    with duckdb.connect(config={"memory_limit": MEMORY, "threads": 1, "temp_directory": ""}) as database:
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"""
            COPY (
                SELECT * FROM read_csv({_quote(str(source))}, columns = {{{columns}}}, header = true,
                    auto_detect = false, delim = ',', quote = '"', escape = '"', nullstr = '',
                    allow_quoted_nulls = false, max_line_size = {LINE_BYTES_MAX}, parallel = false)
            ) TO {_quote(str(target))} (FORMAT parquet, COMPRESSION zstd)
        """)


def _kept(type_: str) -> str:
    if _KEPT.fullmatch(type_):
        return type_
    return "DECIMAL(38,0)" if type_ in _WHOLE else "VARCHAR"


def _quote(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
