"""``shardex sql`` on a running exchange: what it takes, what it prints, how many statements run at a time."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result

from tests.exchange import Exchange, until
from tests.http.shell import shardex, succeed
from tests.http.venue import Venue

ENDLESS = "SELECT count(*) FROM range(1000000000000)"
ENDLESS_ROWS = "SELECT * FROM range(1000000000000) AS numbers(a)"


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Exchange(2) as exchange:
        yield Venue(exchange)


def run(venue: Venue, *arguments: str, stdin: str = "") -> Result:
    return shardex(venue.exchange.data, "sql", *arguments, stdin=stdin)


def printed(venue: Venue, *arguments: str, stdin: str = "") -> str:
    return succeed(venue.exchange.data, "sql", *arguments, stdin=stdin)


def test_where_a_statement_comes_from(venue: Venue, tmp_path: Path) -> None:
    statement = "-- why orders end\n/* all */ SELECT 'é' AS one, $x || '!' AS two"
    (tmp_path / "s.sql").write_text(statement, encoding="utf-8")
    rows = [{"one": "é", "two": "a=b!"}]
    common = ("--json", "--param", "x=a=b")
    assert json.loads(printed(venue, *common, statement)) == rows
    assert json.loads(printed(venue, statement, *common)) == rows
    assert json.loads(printed(venue, *common, "-f", str(tmp_path / "s.sql"))) == rows
    assert json.loads(printed(venue, *common, "-", stdin=statement)) == rows
    for wrong in ((), ("SELECT 1", "-f", str(tmp_path / "s.sql")), ("--param", "x", "SELECT 1"), ("-f", "none.sql")):
        assert run(venue, *wrong).exit_code == 2, wrong
    assert "Error" in run(venue, "--param", "x=1", "SELECT 1").output


@pytest.mark.parametrize("limit", [1, 999, 1_000, 1_001, 5_000])
def test_limit(venue: Venue, limit: int) -> None:
    """Of an answer that would be refused, and of one that would never end; a shorter answer is whole."""
    limited = ("--json", "--limit", str(limit))
    assert [row["a"] for row in json.loads(printed(venue, *limited, ENDLESS_ROWS))] == [*range(limit)]
    assert json.loads(printed(venue, *limited, "SELECT 7 AS a")) == [{"a": 7}]


@pytest.mark.parametrize("limit", [0, 100_001])
def test_limits_out_of_range(venue: Venue, limit: int) -> None:
    assert run(venue, "--limit", str(limit), "SELECT 1").exit_code == 2


def test_tables_and_columns(venue: Venue) -> None:
    views = json.loads(printed(venue, "--tables", "--json"))
    assert {"orders", "trades", "fills", "movements", "cancel_rate"} <= {view["name"] for view in views}
    columns = json.loads(printed(venue, "--json", "--tables", "orders"))
    (price,) = (column for column in columns if column["name"] == "price")
    assert (price["type"], "in quote" in price["comment"]) == ("DOUBLE", True)
    for view in views:  # its own, not those of the table below it
        described = json.loads(printed(venue, "--json", f"DESCRIBE {view['name']}"))
        columns = json.loads(printed(venue, "--json", "--tables", view["name"]))
        assert [column["name"] for column in columns] == [column["column_name"] for column in described], view
    assert json.loads(printed(venue, "--json", "--tables", "stored.client_ids"))
    assert "no view or table nosuch" in run(venue, "--tables", "nosuch").output
    assert run(venue, "--tables", "orders", "SELECT 1").exit_code == 2
    for form in ("DESCRIBE orders", "SHOW TABLES", "SUMMARIZE markets"):
        assert len(json.loads(printed(venue, "--json", form))) > 1
    assert "SEQ" in printed(venue, "EXPLAIN ANALYZE SELECT count(*) FROM orders").upper()


def test_json_keeps_every_column_and_one_kind_in_each(venue: Venue) -> None:
    statement = """
        SELECT 1 AS a, 2 AS a, 3 AS a_1, x::HUGEINT AS h, x::DECIMAL(38,2) AS d, 1 / x AS f, x = 0 AS b
        FROM (VALUES (0), (1), (NULL)) AS numbers(x) ORDER BY x
    """
    text = printed(venue, "--json", statement)
    first, second, third = json.loads(text)
    assert list(first) == ["a", "a_2", "a_1", "h", "d", "f", "b"]
    assert (first["a"], first["a_2"], first["a_1"]) == (1, 2, 3)
    assert [(row["h"], row["d"], row["b"]) for row in (first, second)] == [("0", "0", True), ("1", "1", False)]
    assert (first["f"], second["f"]) == (float("inf"), 1.0)
    assert {third[name] for name in "hdfb"} == {None}
    huge = json.loads(printed(venue, "--json", "SELECT x::HUGEINT AS x FROM (VALUES (1), (9007199254740993)) AS t(x)"))
    assert huge == [{"x": "1"}, {"x": "9007199254740993"}]
    assert printed(venue, "--json", "SELECT 'nan'::DOUBLE AS x, '-infinity'::FLOAT AS y") == (
        '[{"x": null, "y": -1e999}]\n'
    )


def test_csv_distinguishes_null_from_an_empty_text(venue: Venue) -> None:
    statement = (
        "SELECT NULL AS a, '' AS a, 'x' AS b, 'a,\"b' AS c, 'infinity'::TIMESTAMP AS d, '-infinity'::DOUBLE AS e"
    )
    text = printed(venue, "--csv", statement)
    assert text == 'a,a,b,c,d,e\n,"",x,"a,""b",infinity,-infinity\n'
    assert list(csv.reader(io.StringIO(text)))[1] == ["", "", "x", 'a,"b', "infinity", "-infinity"]


def test_times_are_complete_and_in_utc(venue: Venue) -> None:
    statement = """
        SELECT now() AS now, TIMESTAMPTZ '2026-03-29 03:00:00+02' AS at, INTERVAL '1 year 2 months' AS long,
            DATE '0044-03-15 (BC)' AS ides, [now()] IS NULL AS nested
    """
    (row,) = json.loads(printed(venue, "--json", statement))
    assert row["now"].endswith("+00:00")
    assert (row["at"], row["long"]) == ("2026-03-29T01:00:00+00:00", "1 year 2 months")
    assert (row["ides"], row["nested"]) == ("0044-03-15 (BC)", False)


def begin(venue: Venue, statement: str, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "web.cli", "--data", str(venue.exchange.data), "sql", *options, statement]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def are_running(venue: Venue, analysts: "list[subprocess.Popen[bytes]]") -> bool:
    """Whether nobody else is let in; an analyst who found no room because of this very look comes again."""
    for index, analyst in enumerate(analysts):
        if analyst.poll() is not None:
            analysts[index] = begin(venue, ENDLESS)
    return "2 other statements are running" in run(venue, "SELECT 1").output


@pytest.mark.timeout(120)
def test_simultaneous_statements(venue: Venue) -> None:
    """Of two analysts and the verifier; a third analyst is refused. Who goes away leaves nothing running."""
    analysts = [begin(venue, ENDLESS) for _ in range(2)]
    try:
        until(lambda: are_running(venue, analysts), 40, "both run")
        succeed(venue.exchange.data, "verify")
        assert all(analyst.poll() is None for analyst in analysts), "they still run"
    finally:
        for analyst in analysts:
            analyst.kill()
            analyst.communicate()
    until(lambda: run(venue, "SELECT 1").exit_code == 0, 10, "their statements ended with them")


MANY = """
    SELECT a, a % 7 = 0 AS week, CASE WHEN a % 2 = 0 THEN 'é,"' || a ELSE NULL END AS text, '' AS nothing,
        a::HUGEINT * 10000000000 AS huge, (a / 8)::DECIMAL(18,3) AS exact, TIMESTAMP '2026-01-01' + to_seconds(a) AS at
    FROM range(2500) AS numbers(a)
"""


def rows_of(path: Path) -> list[tuple[Any, ...]]:
    return duckdb.read_parquet(str(path)).fetchall()


def types_of(path: Path) -> list[str]:
    return [str(type_) for type_ in duckdb.read_parquet(str(path)).types]


def test_more_rows_than_are_printed(venue: Venue, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    statement = "SELECT a FROM range(100001) AS numbers(a)"
    assert "more than 100000 rows" in run(venue, statement).output
    assert printed(venue, "--out", str(out), statement) == f"100001 rows in {out}\n"
    assert out.read_text() == "a\n" + "".join(f"{number}\n" for number in range(100_001))


def test_each_form_of_file(venue: Venue, tmp_path: Path) -> None:
    """The same rows in each, in several pieces, and nothing beside them."""
    for form in ("csv", "json", "parquet"):
        out = tmp_path / f"many.{form}"
        assert printed(venue, "--out", str(out), MANY) == f"2500 rows in {out}\n"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["many.csv", "many.json", "many.parquet"]
    for form in ("csv", "json"):
        assert (tmp_path / f"many.{form}").read_text(encoding="utf-8") == printed(venue, f"--{form}", MANY)
    expected = duckdb.sql(MANY.replace("HUGEINT", "DECIMAL(38,0)"))
    assert rows_of(tmp_path / "many.parquet") == expected.fetchall()
    assert types_of(tmp_path / "many.parquet") == [str(type_) for type_ in expected.types]


def test_rows_of_any_size(venue: Venue, tmp_path: Path) -> None:
    """As many at a time as go into one message; one that is larger is refused."""
    out = tmp_path / "out.csv"
    printed(venue, "--out", str(out), "SELECT repeat('x', 20000) AS a FROM range(1500)")
    assert out.read_text() == "a\n" + ("x" * 20_000 + "\n") * 1_500
    result = run(venue, "--out", str(out), "--replace", "SELECT repeat('x', 20000000) AS a")
    assert result.exit_code == 1 and "a row is larger than" in result.output
    assert out.stat().st_size == 2 + 20_001 * 1_500


def test_a_file_is_whole_or_not_there(venue: Venue, tmp_path: Path) -> None:
    """Whatever fails, and when; a file that was there stays, unless it is said that it shall not."""
    out = tmp_path / "out.csv"
    fails_late = "SELECT CASE WHEN a < 400000 THEN a ELSE error('too far: ' || a) END AS a FROM range(500000) AS t(a)"
    result = run(venue, "--out", str(out), fails_late)
    assert result.exit_code == 1 and "too far" in result.output
    assert list(tmp_path.iterdir()) == []
    printed(venue, "--out", str(out), "SELECT 1 AS a")
    for statement in ("SELECT 2 AS a", fails_late):
        result = run(venue, "--out", str(out), statement)
        assert result.exit_code == 1 and "--replace" in result.output
    assert run(venue, "--out", str(out), "--replace", fails_late).exit_code == 1
    assert out.read_text() == "a\n1\n"
    printed(venue, "--out", str(out), "--replace", "--limit", "3", ENDLESS_ROWS)
    assert out.read_text() == "a\n0\n1\n2\n"
    assert run(venue, "--out", str(tmp_path / "out.txt"), "SELECT 1").exit_code == 2
    assert printed(venue, "--json", "--out", str(tmp_path / "out.txt"), "SELECT 1 AS a WHERE false").startswith(
        "0 rows"
    )
    assert (tmp_path / "out.txt").read_text() == "[]\n"
    assert "cannot be written" in run(venue, "--out", str(tmp_path / "none" / "out.csv"), "SELECT 1").output
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "out.txt"]


@pytest.mark.timeout(120)
def test_a_file_without_end(venue: Venue, tmp_path: Path) -> None:
    """Neither side's memory grows with it; who is killed leaves no file and no statement."""
    out = tmp_path / "out.csv"
    others: list[subprocess.Popen[bytes]] = []
    writer = begin(venue, ENDLESS_ROWS, "--out", str(out))
    try:
        until(lambda: size_of(tmp_path) > 2 * 2**20, 60, "much is written")
        before = resident(writer.pid), resident(venue.exchange.archive_pid())
        until(lambda: size_of(tmp_path) > 6 * 2**20, 60, "and more")
        grown = resident(writer.pid) - before[0], resident(venue.exchange.archive_pid()) - before[1]
        assert max(grown) < 12 * 2**20, grown
        assert not out.exists()
        others.append(begin(venue, ENDLESS))
        until(lambda: are_running(venue, others), 40, "it has one of the two places")
        writer.kill()
        until(lambda: run(venue, "SELECT 1").exit_code == 0, 10, "its statement ended with it")
    finally:
        for each in (writer, *others):
            each.kill()
            each.communicate()
    assert not out.exists()


def size_of(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.iterdir())


def resident(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def hasty() -> Iterator[Exchange]:
    """An exchange on which a statement may take a second."""
    with Exchange(1, {"SHARDEX_SQL_S": "1"}) as exchange:
        yield exchange


def test_the_limit_of_time_says_so(hasty: Exchange) -> None:
    result = shardex(hasty.data, "sql", ENDLESS)
    assert (result.exit_code, result.output) == (1, "Error: the statement took longer than 1 s\n")


def test_at_rest(hasty: Exchange, tmp_path: Path) -> None:
    hasty.stop()
    out = tmp_path / "out.parquet"
    succeed(hasty.data, "sql", "--out", str(out), "SELECT symbol, product FROM markets")
    assert len(rows_of(out)) == 5
    too_wide = "SELECT 170141183460469231731687303715884105727 AS number"
    refused = shardex(hasty.data, "sql", "--out", str(out), "--replace", too_wide)
    assert "cannot be written as Parquet" in refused.output
    assert len(rows_of(out)) == 5
