"""The operator's SQL door, and the archive behind it."""

from typing import Final

from tests.safeties.safety import Safety

_DOOR: Final = "tests/unit/archive/test_sql.py::"
_BOUNDS: Final = "tests/unit/archive/test_bounds.py::"

SQL: Final = (
    Safety(
        "one_statement",
        "storage/archive.py",
        "        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:\n",
        "        if statements[0].type != duckdb.StatementType.SELECT:\n",
        _DOOR + "test_no_way_out_of_the_door[SELECT 1; SELECT 2]",
    ),
    Safety(
        "only_select",
        "storage/archive.py",
        "        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:\n",
        "        if len(statements) != 1:\n",
        _DOOR + "test_no_way_out_of_the_door[PRAGMA database_list]",
    ),
    Safety(
        "read_only",
        "storage/archive.py",
        'self._operator.execute("BEGIN TRANSACTION READ ONLY")',
        'self._operator.execute("BEGIN TRANSACTION")',
        _DOOR + "test_no_way_out_of_the_door[WITH gone AS (DELETE FROM stored.orders RETURNING *) SELECT * FROM gone]",
    ),
    Safety(
        "no_external_access",
        "storage/archive.py",
        '    "enable_external_access": False,',
        '    "enable_external_access": True,',
        _DOOR + "test_no_way_out_of_the_door[SELECT * FROM read_csv('{secret}')]",
    ),
    Safety(
        "no_python_variables",
        "storage/archive.py",
        '    "python_enable_replacements": False,',
        '    "python_enable_replacements": True,',
        _DOOR + "test_the_configuration_is_locked",
    ),
    Safety(
        "configuration_locked",
        "storage/archive.py",
        '        self._database.execute("SET GLOBAL lock_configuration = true")\n',
        "",
        _DOOR + "test_the_configuration_is_locked",
    ),
    Safety(
        "statement_time",
        "storage/archive.py",
        "        self._operator = self._cursor_with_limit(sql_ms)\n",
        "        self._operator = self._cursor_with_limit(30 * sql_ms)\n",
        _BOUNDS + "test_a_statement_ends_at_its_time",
    ),
    Safety(
        "question_time",
        "storage/archive.py",
        'f"SET GLOBAL max_execution_time = {query_ms}"',
        'f"SET GLOBAL max_execution_time = {100 * query_ms}"',
        _BOUNDS + "test_a_named_question_ends_at_its_time_and_storing_does_not",
    ),
    Safety(
        "answer_rows_bound",
        "shards/history.py",
        "                if len(answer.rows) > SQL_ROW_COUNT_MAX:\n",
        "                if False:\n",
        _BOUNDS + "test_an_answer_has_a_bounded_number_of_rows",
    ),
    Safety(
        "values_are_bound",
        "storage/queries.py",
        'Query("account = ? AND client_id = ?", (account, client_id))',
        "Query(f\"account = '{account}' AND client_id = ?\", (client_id,))",
        "tests/unit/archive/test_questions.py::test_values_are_bound_never_spliced",
    ),
    Safety(
        "sums_in_two_halves",
        "storage/queries.py",
        """    parts = f"({value}) >> {SUM_BITS}", f"({value}) & {2**SUM_BITS - 1}::HUGEINT"\n""",
        """    parts = "0", value\n""",
        "tests/http/test_market_data.py::test_a_turnover_beyond_128_bits[1-shard-True]",
    ),
    Safety(
        "whole_candles",
        "web/history.py",
        "    first_ms = ceil_div(start_ms or 0, interval_ms) * interval_ms\n",
        "    first_ms = start_ms or 0\n",
        "tests/http/test_market_data.py::test_futures_candles[1-shard-True]",
    ),
)
