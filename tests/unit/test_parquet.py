"""A table of text becomes a Parquet file of the same values."""

from pathlib import Path

import duckdb
import pytest

from storage.parquet import write_parquet

TYPES = {
    "BIGINT": ("BIGINT", -(2**63)),
    "DECIMAL(18,2)": ("DECIMAL(18,2)", "12345678.90"),
    "HUGEINT": ("DECIMAL(38,0)", 10**37),
    "UHUGEINT": ("DECIMAL(38,0)", 10**38 - 1),
    "BIGNUM": ("DECIMAL(38,0)", 2**64),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMP WITH TIME ZONE", "2026-12-01 12:00:00+00"),
    "TIMESTAMP_S": ("VARCHAR", "2026-12-01 12:00:00"),
    "UUID": ("VARCHAR", "6f1c0f2e-0000-4000-8000-000000000000"),
    "INTEGER[]": ("VARCHAR", "[1, 2]"),
    "BOOLEAN": ("BOOLEAN", "true"),
}


@pytest.mark.parametrize("type_", TYPES)
def test_each_type_has_its_own(tmp_path: Path, type_: str) -> None:
    """An empty text is not nothing."""
    kept, value = TYPES[type_]
    source, target = tmp_path / "it's.csv", tmp_path / "it's.parquet"
    source.write_text(f'"a ""name""",text\n"{value}",""\n,\n')
    write_parquet(source, target, ['a "name"', "text"], [type_, "VARCHAR"])
    name = '"a ""name"""'
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        query = f"SELECT {name}::VARCHAR, text, typeof({name}) FROM read_parquet($${target}$$)"
        assert database.execute(query).fetchall() == [(str(value), "", kept), (None, None, kept)]
