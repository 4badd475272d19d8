"""``shardex sql`` on a running exchange: what it takes, what it prints, who else may ask meanwhile."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.exchange import Exchange, until
from tests.http.venue import Venue
from web import cli

ENDLESS = "SELECT count(*) FROM range(1000000000000)"


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    exchange = Exchange(2)
    try:
        exchange.start()
        yield Venue(exchange)
    finally:
        exchange.close()


def run(venue: Venue, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(cli.main, ["--data", str(venue.exchange.data), "sql", *arguments], input=stdin)


def printed(venue: Venue, *arguments: str, stdin: str = "") -> str:
    result = run(venue, *arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_where_a_statement_comes_from(venue: Venue, tmp_path: Path) -> None:
    statement = "-- why orders end\n/* all */ SELECT 'é' AS one, $x || '!' AS two"
    (tmp_path / "s.sql").write_text(statement, encoding="utf-8")
    told = [{"one": "é", "two": "a=b!"}]
    common = ("--json", "--param", "x=a=b")
    assert json.loads(printed(venue, *common, statement)) == told
    assert json.loads(printed(venue, statement, *common)) == told
    assert json.loads(printed(venue, *common, "-f", str(tmp_path / "s.sql"))) == told
    assert json.loads(printed(venue, *common, "-", stdin=statement)) == told
    for wrong in ((), ("SELECT 1", "-f", str(tmp_path / "s.sql")), ("--param", "x", "SELECT 1"), ("-f", "none.sql")):
        assert run(venue, *wrong).exit_code == 2, wrong
    assert "Error" in run(venue, "--param", "x=1", "SELECT 1").output


@pytest.mark.parametrize("limit", [1, 999, 1_000, 1_001, 5_000])
def test_no_more_rows_than_wanted(venue: Venue, limit: int) -> None:
    """Of an answer that would be refused, and of one that would never end; a shorter answer is whole."""
    endless = "SELECT * FROM range(1000000000000) AS numbers(a)"
    assert [row["a"] for row in json.loads(printed(venue, "--json", "--limit", str(limit), endless))] == [*range(limit)]
    assert json.loads(printed(venue, "--json", "--limit", str(limit), "SELECT 7 AS a")) == [{"a": 7}]
    assert (
        run(venue, "--limit", "0", "SELECT 1").exit_code == run(venue, "--limit", "100001", "SELECT 1").exit_code == 2
    )


def test_what_there_is_to_ask_for(venue: Venue) -> None:
    views = json.loads(printed(venue, "--tables", "--json"))
    assert {"orders", "trades", "fills", "movements", "cancel_rate"} <= {view["name"] for view in views}
    columns = json.loads(printed(venue, "--json", "--tables", "orders"))
    (price,) = (column for column in columns if column["name"] == "price")
    assert (price["type"], "in quote" in price["comment"]) == ("DOUBLE", True)
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


def test_csv_tells_null_from_nothing(venue: Venue) -> None:
    statement = (
        "SELECT NULL AS a, '' AS a, 'x' AS b, 'a,\"b' AS c, 'infinity'::TIMESTAMP AS d, '-infinity'::DOUBLE AS e"
    )
    text = printed(venue, "--csv", statement)
    assert text == 'a,a,b,c,d,e\n,"",x,"a,""b",infinity,-infinity\n'
    assert list(csv.reader(io.StringIO(text)))[1] == ["", "", "x", 'a,"b', "infinity", "-infinity"]


def test_times_are_told_whole_and_in_utc(venue: Venue) -> None:
    statement = """
        SELECT now() AS now, TIMESTAMPTZ '2026-03-29 03:00:00+02' AS at, INTERVAL '1 year 2 months' AS long,
            DATE '0044-03-15 (BC)' AS ides, [now()] IS NULL AS nested
    """
    (row,) = json.loads(printed(venue, "--json", statement))
    assert row["now"].endswith("+00:00")
    assert (row["at"], row["long"]) == ("2026-03-29T01:00:00+00:00", "1 year 2 months")
    assert (row["ides"], row["nested"]) == ("0044-03-15 (BC)", False)


def begin(venue: Venue, statement: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "web.cli", "--data", str(venue.exchange.data), "sql", statement]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def are_running(venue: Venue, analysts: "list[subprocess.Popen[bytes]]") -> bool:
    """Whether nobody else is let in; an analyst who found no room because of this very look comes again."""
    for index, analyst in enumerate(analysts):
        if analyst.poll() is not None:
            analysts[index] = begin(venue, ENDLESS)
    return "2 other statements are running" in run(venue, "SELECT 1").output


@pytest.mark.timeout(120)
def test_who_asks_at_the_same_time(venue: Venue) -> None:
    """Two analysts and the verifier; a third analyst is told so. Who goes away leaves nothing running."""
    analysts = [begin(venue, ENDLESS) for _ in range(2)]
    try:
        until(lambda: are_running(venue, analysts), 40, "both run")
        verified = CliRunner().invoke(cli.main, ["--data", str(venue.exchange.data), "verify"])
        assert verified.exit_code == 0, verified.output
        assert all(analyst.poll() is None for analyst in analysts), "they still run"
    finally:
        for analyst in analysts:
            analyst.kill()
            analyst.communicate()
    until(lambda: run(venue, "SELECT 1").exit_code == 0, 10, "their statements ended with them")


def test_the_limit_of_time_says_so() -> None:
    with closing(Exchange(1, {"SHARDEX_SQL_S": "1"})) as exchange:
        exchange.start()
        result = CliRunner().invoke(cli.main, ["--data", str(exchange.data), "sql", ENDLESS])
    assert (result.exit_code, result.output) == (1, "Error: the statement took longer than 1 s\n")
