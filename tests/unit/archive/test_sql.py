"""The operator's door: SELECT, and no way out."""

from pathlib import Path

import duckdb
import pytest

from shards.archive.service import History
from shards.model.events import MarketChanged, OrderEnded
from shards.model.queries import GetArchiveStatus, GetOrder, RunSql
from shards.model.replies import ArchiveStatus, OrderReply, Rejected, TableReply
from tests.unit.archive.samples import DFUSDT, KEY, make_order, number_rows, refusal, table

ESCAPES = [
    "COPY stored.orders TO '{out}'",
    "COPY (SELECT 42) TO '{out}'",
    "COPY stored.orders FROM '/etc/passwd'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{out}'",
    "ATTACH '{out}' AS other",
    "ATTACH ':memory:' AS other",
    "DETACH history",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_csv_auto('/etc/passwd', sep=':')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM read_blob('{secret}')",
    "SELECT * FROM read_json('{secret}')",
    "SELECT * FROM read_parquet('{secret}')",
    "SELECT * FROM parquet_metadata('{secret}')",
    "SELECT * FROM read_duckdb('{secret}')",
    "SELECT * FROM sniff_csv('{secret}')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM 'https://example.com/x.csv'",
    "SELECT * FROM read_csv('https://example.com/x.csv')",
    "SELECT * FROM read_text('s3://bucket/key')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '{out}'",
    "FORCE INSTALL httpfs FROM 'https://example.com'",
    "SET enable_external_access = true",
    "SET GLOBAL lock_configuration = false",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "SET VARIABLE x = 1",
    "USE stored",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL enable_logging()",
    "CALL force_checkpoint()",
    "SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = '{out}')",
    "SELECT * FROM enable_profiling(save_location = '{out}')",
    "SELECT * FROM force_checkpoint()",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; DROP TABLE stored.orders",
    "SELECT 1;; DROP TABLE stored.orders --",
    "SELECT 1 /* ; */; DELETE FROM stored.orders",
    "SELECT 1; SELECT 2",
    "-- only a comment",
    "",
    ";",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "DROP TABLE stored.orders",
    "DROP SCHEMA stored CASCADE",
    "DROP VIEW orders",
    "TRUNCATE stored.orders",
    "DELETE FROM stored.orders",
    "UPDATE stored.links SET position = 0",
    "INSERT INTO stored.links VALUES (9, 9)",
    "MERGE INTO stored.links USING (SELECT 0 AS shard) s USING (shard) WHEN MATCHED THEN DELETE",
    "ALTER TABLE stored.orders ADD COLUMN x INTEGER",
    "COMMENT ON TABLE stored.orders IS 'x'",
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW orders AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "CREATE PERSISTENT SECRET (TYPE s3, KEY_ID 'x', SECRET 'y')",
    "WITH gone AS (DELETE FROM stored.orders RETURNING *) SELECT * FROM gone",
    "WITH more AS (INSERT INTO stored.links VALUES (9, 9) RETURNING *) SELECT * FROM more",
    "WITH less AS (UPDATE stored.links SET position = 0 RETURNING *) SELECT * FROM less",
    "EXPLAIN ANALYZE DELETE FROM stored.orders",
    "PREPARE p AS DELETE FROM stored.orders",
    "EXECUTE p",
    "SELECT * FROM query('DROP TABLE stored.orders')",
    "SELECT * FROM query('SELECT * FROM read_text(''{secret}'')')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{secret}'')'))",
    "SELECT getenv('HOME')",
    "SELECT * FROM python_secret",
    "SELECT * FROM pandas_scan(1)",
    "SELECT * FROM arrow_scan(1, 2, 3)",
    "SELECT $1",
    "SELECT ?",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_no_way_out_of_the_door(tmp_path: Path, escape: str) -> None:
    python_secret = duckdb.connect().sql("SELECT 'planted secret' AS x")
    assert python_secret is not None
    secret, out = tmp_path / "secret.csv", tmp_path / "out"
    secret.write_text("planted secret\n1\n")
    (tmp_path / "data").mkdir()
    history = History(tmp_path / "data" / "history.duckdb", KEY)
    order = make_order()
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), OrderEnded(order)])})
    text = refusal(history, escape.format(secret=secret, out=out))
    assert "planted secret" not in text
    assert "root:" not in text
    assert python_secret.fetchall() == [("planted secret",)]
    assert history.answer(GetArchiveStatus()) == ArchiveStatus(2, {0: 2})
    assert history.answer(GetOrder(order.id)) == OrderReply(order)
    assert [row["status"] for row in table(history, "SELECT status FROM orders")] == ["canceled"]
    history.store({0: [(3, OrderEnded(make_order(2)))]})
    history.close()
    names = ["data", "history.duckdb", "history.mark", "secret.csv"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == names
    assert secret.read_text() == "planted secret\n1\n"


def test_there_are_no_secrets_to_list(history: History) -> None:
    assert table(history, "FROM duckdb_secrets()") == []


def test_the_configuration_is_locked(history: History) -> None:
    (row,) = table(
        history,
        "SELECT current_setting('lock_configuration') AS locked, current_setting('enable_external_access') AS out,"
        " current_setting('autoload_known_extensions') AS loads,"
        " current_setting('autoinstall_known_extensions') AS gets,"
        " current_setting('python_enable_replacements') AS python",  # a second lock: the first keeps them out, too
    )
    assert row == {"locked": True, "out": False, "loads": False, "gets": False, "python": False}


def test_an_error_in_the_statement_is_reported(history: History) -> None:
    assert "nosuch" in refusal(history, "SELECT nosuch FROM orders")
    assert "exactly one SELECT" in refusal(history, "SELECT 1; SELECT 2")
    assert table(history, "SELECT 1 AS one") == [{"one": 1}]


def test_select_in_all_its_forms(history: History) -> None:
    history.store({0: [(1, OrderEnded(make_order()))]})
    for sql in (
        "FROM orders",
        "WITH x AS (SELECT account FROM orders) SELECT * FROM x;",
        "SHOW TABLES",
        "DESCRIBE orders",
        "SUMMARIZE orders",
        "VALUES (1)",
        "(SELECT 1 UNION SELECT 2) ORDER BY 1 -- with a comment",
        "-- a comment first\n/* and another */ SELECT now(); -- and a last one",
        "EXPLAIN SELECT count(*) FROM orders",
        "explain analyze SELECT count(*) FROM orders",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT count(*) FROM orders",
        "PIVOT orders ON side IN ('buy', 'sell') USING count(*)",
    ):
        assert table(history, sql), sql


# type → (an expression, its cell); "" stands for NULL and for whatever of the type is told in the same way
TYPES = {
    "BIGINT": ("9223372036854775807", 2**63 - 1),
    "BIGNUM": ("(10::BIGNUM)", "10"),
    "BIT": ("'101'::BIT", "101"),
    "BLOB": ("'\\x00'::BLOB", "00"),
    "BOOLEAN": ("true", True),
    "DATE": ("'infinity'::DATE", "infinity"),
    "DECIMAL(38,18)": ("1.10::DECIMAL(38,18)", "1.1"),
    "DOUBLE": ("'-infinity'::DOUBLE", "-infinity"),
    "ENUM('a', 'DATE')": ("'DATE'::ENUM('a', 'DATE')", "DATE"),
    "FLOAT": ("0.5::FLOAT", 0.5),
    "GEOMETRY": ("'POINT(1 2)'::GEOMETRY", "POINT (1 2)"),
    "HUGEINT": ("170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    "INTEGER": ("1", 1),
    "INTERVAL": ("INTERVAL '1 year 2 months 3 days 00:00:04.5'", "1 year 2 months 3 days 00:00:04.5"),
    "INTEGER[]": ("[1, NULL]", "[1,null]"),
    "INTEGER[2]": ("array_value(1, 2)", "[1,2]"),
    "DECIMAL(12,2)[]": ("[1.50::DECIMAL(12,2)]", '["1.5"]'),
    "TIMESTAMP[]": ("[TIMESTAMP '2026-01-02 03:04:05', 'infinity']", '["2026-01-02 03:04:05","infinity"]'),
    "MAP(INTEGER, INTEGER)": ("MAP {1: 2}", '{"1":2}'),
    "SMALLINT": ("1::SMALLINT", 1),
    "STRUCT(a INTEGER[])": ("{'a': [1, 2]}", '{"a":[1,2]}'),
    "TIME": ("TIME '24:00:00'", "24:00:00"),
    "TIME WITH TIME ZONE": ("'12:00:00+02'::TIMETZ", "12:00:00+02"),
    "TIME_NS": ("'12:00:00.123456789'::TIME_NS", "12:00:00.123456789"),
    "TIMESTAMP": ("TIMESTAMP '2026-01-02 03:04:05.5'", "2026-01-02T03:04:05.500000"),
    "TIMESTAMP WITH TIME ZONE": ("'2026-01-02 03:04:05+02'::TIMESTAMPTZ", "2026-01-02T01:04:05+00:00"),
    "TIMESTAMPTZ_NS": ("'2026-01-02 03:04:05.123456789+00'::TIMESTAMPTZ_NS", "2026-01-02T03:04:05.123456789+00:00"),
    "TIMESTAMP_MS": ("'-infinity'::TIMESTAMP_MS", "-infinity"),
    "TIMESTAMP_NS": ("'2026-01-02 03:04:05.123456789'::TIMESTAMP_NS", "2026-01-02T03:04:05.123456789"),
    "TIMESTAMP_S": ("'2026-01-02 03:04:05'::TIMESTAMP_S", "2026-01-02T03:04:05"),
    "TINYINT": ("1::TINYINT", 1),
    "TUPLE(INTEGER, VARCHAR)": ("row(1, 'a')", '[1,"a"]'),
    "TYPE": ("get_type(1)", "INTEGER"),
    "UBIGINT": ("18446744073709551615::UBIGINT", 2**64 - 1),
    "UHUGEINT": ("1::UHUGEINT", "1"),
    "UINTEGER": ("1::UINTEGER", 1),
    "UNION(k INTEGER, s VARCHAR)": ("'x'::UNION(k INTEGER, s VARCHAR)", '{"s":"x"}'),
    "USMALLINT": ("1::USMALLINT", 1),
    "UTINYINT": ("1::UTINYINT", 1),
    "UUID": ("'00000000-0000-0000-0000-000000000001'::UUID", "00000000-0000-0000-0000-000000000001"),
    "VARCHAR": ("'é😀'", "é😀"),
    "VARIANT": ("1::VARIANT", "1"),
}


@pytest.mark.parametrize("type_", TYPES)
def test_values_of_every_type_come_through_sql(history: History, type_: str) -> None:
    """Exact, and NULL beside them; the type is told."""
    expression, cell = TYPES[type_]
    reply = history.answer(RunSql(f"SELECT {expression} AS x UNION ALL SELECT NULL"))
    assert isinstance(reply, TableReply), reply
    assert reply.types == [type_]
    assert reply.rows == [[cell], [None]]


def test_no_type_is_left_out(history: History) -> None:
    known = {"ARRAY", "LIST", "NULL", *(type_.partition("(")[0] for type_ in TYPES)}
    assert {row["type"] for row in table(history, "SELECT DISTINCT logical_type AS type FROM duckdb_types()")} <= known


def test_now_is_in_utc(history: History) -> None:
    (row,) = table(history, "SELECT now() AS now, current_setting('TimeZone') AS zone, 'nan'::DOUBLE AS nan")
    assert str(row["now"]).endswith("+00:00")
    assert row["zone"] == "UTC"
    assert row["nan"] == "nan"


def test_parameters_stand_for_values(history: History) -> None:
    history.store({0: number_rows([OrderEnded(make_order(1)), OrderEnded(make_order(2, account="'; DROP"))])})
    sql = "SELECT order_id, now() IS NULL AS no FROM orders WHERE account = $who AND order_id > $least"
    reply = history.answer(RunSql(sql, {"who": "'; DROP", "least": "1"}))
    assert reply == TableReply(["order_id", "no"], [[1 << 40 | 2, False]], ["BIGINT", "BOOLEAN"])
    for wrong in ({}, {"who": "x"}, {"who": "x", "least": "1", "more": "1"}):
        assert isinstance(history.answer(RunSql(sql, wrong)), Rejected)
