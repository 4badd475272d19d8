"""What a request may be, and what of it is written down."""

from typing import Final

from tests.safeties.safety import Safety

_PARSE: Final = "tests/http/test_parse.py::"
_REQUEST: Final = "tests/http/futures/test_request.py::"

REQUESTS: Final = (
    Safety(
        "body_bound",
        "web/http/request.py",
        "    if length is not None and length > BODY_BYTES_MAX:\n",
        "    if False:\n",
        "tests/http/test_wire.py::test_wire[1-shard-refused for its length before it is sent]",
    ),
    Safety(
        "body_bound_of_chunks",
        "web/http/request.py",
        "    if len(body) > BODY_BYTES_MAX:\n",
        "    if False:\n",
        "tests/http/test_wire.py::test_wire[1-shard-too much in chunks, and the next request on the same connection]",
    ),
    Safety(
        "body_cut_short",
        "web/http/request.py",
        "    if length is not None and len(body) < length:\n",
        "    if False:\n",
        "tests/http/test_wire.py::test_wire[1-shard-the caller stops before the body is complete]",
    ),
    Safety(
        "depth_bound",
        "web/http/parse.py",
        "        if _depth(text) > DEPTH_MAX:\n",
        "        if False:\n",
        _PARSE + "test_refused_body[nine deep]",
    ),
    Safety(
        "nan_refused",
        "web/http/parse.py",
        "parse_constant=_refuse_constant, ",
        "",
        _PARSE + "test_refused_body[NaN]",
    ),
    Safety(
        "name_twice_refused",
        "web/http/parse.py",
        "    if len(members) != len(pairs):\n",
        "    if False:\n",
        _PARSE + "test_refused_body[duplicate name]",
    ),
    Safety(
        "lone_surrogates_refused",
        "web/http/parse.py",
        '        if "\\\\u" in text:\n',
        "        if False:\n",
        _PARSE + "test_refused_body[escaped lone surrogate]",
    ),
    Safety(
        "numbers_keep_their_text",
        "web/http/parse.py",
        "parse_float=Number, parse_int",
        "parse_int",
        _PARSE + "test_numbers_keep_their_text",
    ),
    Safety(
        "long_bound",
        "web/http/parse.py",
        "    return number if number <= LONG_MAX else None\n",
        "    return number\n",
        _PARSE + "test_long",
    ),
    Safety(
        "parameter_twice_refused",
        "web/http/request.py",
        "        if len(values) > 1 or values[0] is None:\n",
        "        if values[0] is None:\n",
        "tests/http/test_parse.py::test_a_parameter_twice_is_refused_when_it_is_asked_for",
    ),
    Safety(
        "parameter_twice_refused_on_futures",
        "web/futures/call/parameters.py",
        "                if len(values) > 1 and name not in LISTS:\n",
        "                if False:\n",
        _REQUEST + "test_a_name_twice_in_one_place",
    ),
    Safety(
        "unknown_fields_refused_of_the_operator",
        "web/operator/http.py",
        "            if name not in names:\n",
        "            if False:\n",
        "tests/http/test_refusals.py::test_refusal[1-shard-operator:24]",
    ),
    Safety(
        "no_request_in_the_log_of_a_fault",
        "web/app.py",
        '    _log.error("fault in %s %s", request.method, route, exc_info=fault)\n',
        '    _log.error("fault in %s %s", request.method, request.full_path, exc_info=fault)\n',
        "tests/http/futures/test_errors.py::test_a_fault_of_ours",
    ),
    Safety(
        "no_headers_in_the_log_of_a_fault",
        "web/app.py",
        'error("fault in %s %s", request.method, route, exc_info=fault)',
        'error("fault in %s %s %s", request.method, route, [*request.headers], exc_info=fault)',
        "tests/security/test_at_rest.py::test_no_secret_in_anything_written",
    ),
    Safety(
        "no_request_in_the_log_of_gunicorn",
        "web/gunicorn_conf.py",
        "    filter_errors(worker, _omit_request)\n",
        "",
        "tests/http/test_wire.py::test_a_line_that_cannot_be_read_is_not_logged[1-shard]",
    ),
    Safety(
        "mask_of_the_http_side",
        "web/gunicorn_conf.py",
        "os.umask(0o077)  # the folders",
        "os.umask(0)  # the folders",
        "tests/http/test_server.py::test_access_log[hub]",
    ),
    Safety(
        "mask_of_the_archive",
        "shards/archive/process.py",
        "    os.umask(0o077)\n",
        "",
        "tests/security/test_at_rest.py::test_nobody_else_may_read",
    ),
    Safety(
        "no_500_for_a_command_under_way",
        "web/app.py",
        "    if COMMANDED.get():\n",
        "    if False:\n",
        "tests/http/futures/test_errors.py::test_a_fault_after_a_command",
    ),
    Safety(
        "cancel_all_knows_its_parameters",
        "web/spot/orders.py",
        '    asked.refuse_others("symbol", "timestamp", "signature", "recvWindow")\n',
        "",
        "tests/http/test_cancel_scope.py::test_a_slip_cancels_nothing[1-shard-token]",
    ),
    Safety(
        "cancel_all_reads_its_body",
        "web/spot/orders.py",
        "    asked.add_body(incoming().body)\n",
        "",
        "tests/http/test_cancel_scope.py::test_the_market_may_be_named_in_the_query_or_in_a_body[1-shard-token-form]",
    ),
    Safety(
        "not_another_kind_of_order",
        "web/futures/orders/place.py",
        "        if value is not None and value.digits:\n",
        "        if False:\n",
        "tests/http/futures/test_orders.py::test_what_a_kind_of_order_does_not_take[1-shard-at-home]",
    ),
    Safety(
        "origins_listed",
        "web/cors.py",
        "        if origin not in self._origins:\n",
        "        if not origin:\n",
        "tests/http/test_cors.py::test_strangers",
    ),
    Safety(
        "operator_key_not_from_pages",
        "web/cors.py",
        '"Authorization, Content-Type, X-MBX-APIKEY"',
        '"Authorization, Content-Type, X-API-Key, X-MBX-APIKEY"',
        "tests/http/test_cors.py::test_what_a_browser_may_send[/healthz]",
    ),
)
