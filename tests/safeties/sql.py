"""The operator's SQL door, and the archive behind it."""

from typing import Final

from tests.safeties.safety import Safety

_DOOR: Final = "tests/unit/archive/test_sql.py::"
_BOUNDS: Final = "tests/unit/archive/test_bounds.py::"

SQL: Final = (
    Safety(
        "one_statement",
        "storage/statements.py",
        "    if len(statements) != 1:\n",
        "    if not statements:\n",
        _DOOR + "test_no_way_out_of_the_door[SELECT 1; SELECT 2]",
    ),
    Safety(
        "only_select",
        "storage/statements.py",
        "    if statement.type != duckdb.StatementType.SELECT:\n",
        "    if False:\n",
        _DOOR + "test_no_way_out_of_the_door[PRAGMA database_list]",
    ),
    Safety(
        "read_only",
        "storage/statements.py",
        'cursor.execute("BEGIN TRANSACTION READ ONLY")',
        'cursor.execute("BEGIN TRANSACTION")',
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
        "storage/statements.py",
        "_Place(self._open(limit_ms), self._open(0))",
        "_Place(self._open(30 * limit_ms), self._open(0))",
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
        "shards/archive/service.py",
        "                if len(answer.rows) > row_count_max:\n",
        "                if False:\n",
        _BOUNDS + "test_an_answer_has_a_bounded_number_of_rows",
    ),
    Safety(
        "values_are_bound",
        "storage/queries.py",
        'Query("account = ?", (account,)),\n        *within(span, "created_ms", "order_id"),',
        'Query(f"account = \'{account}\'"),\n        *within(span, "created_ms", "order_id"),',
        "tests/unit/archive/test_questions.py::test_values_are_bound_never_spliced",
    ),
    Safety(
        "who_goes_takes_his_statement_along",
        "shards/archive/process.py",
        "                gone.set()\n",
        "                pass\n",
        "tests/http/test_sql_command.py::test_who_asks_at_the_same_time",
    ),
    Safety(
        "found_together_told_to_each",
        "shards/archive/process.py",
        "zip(in_time, replies, strict=True)",
        "zip(in_time, reversed(replies), strict=True)",
        "tests/http/test_late_lookups.py::test_each_caller_gets_his_own",
    ),
    Safety(
        "verifier_on_a_connection_of_its_own",
        "storage/statements.py",
        "self._verifiers() if verifying else self._analysts(unbounded)",
        "self._analysts(unbounded)",
        "tests/http/test_sql_command.py::test_who_asks_at_the_same_time",
    ),
    Safety(
        "unheard_is_not_unknown",
        "web/futures/orders/cancel.py",
        "        return [refusal.reason] * len(asked)\n",
        "        return [Reason.UNKNOWN_ORDER] * len(asked)\n",
        "tests/http/futures/test_orders_unavailable.py::test_without_the_archive",
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
        "web/exchange/history.py",
        "    first_ms = ceil_div(start_ms or 0, interval_ms) * interval_ms\n",
        "    first_ms = start_ms or 0\n",
        "tests/http/test_market_data.py::test_futures_candles[1-shard-True]",
    ),
)
