"""What every operation must answer, asked of each one with the requests of its document's own examples."""

import json
from typing import Any, Final

from tests.http.futures.caller import now_ms
from tests.http.openapi_document import Operation
from tests.http.openapi_requests import Sample, bodies, body_schema, example_of, samples
from tests.http.openapi_venue import Trader, WitnessVenue, encode
from tests.http.venue import Answer
from web.cli.service import ENGINE, STOP_S

TOO_LARGE: Final = b"x" * 65_537
UNREAD: Final = ("ping", "getTime")  # what was sent along with these is not read
WINDOW_MS: Final = 5_000


def ask_without_credentials(venue: WitnessVenue) -> None:
    """401 where there are security schemes, and only there."""
    for operation in venue.operations():
        for sample in samples(venue.document_of(operation), operation):
            status = venue.ask(operation, sample, None).status
            assert (status == 401) == bool(operation.schemes), f"{operation}: {status}"


def send_large_bodies(venue: WitnessVenue) -> None:
    """413 before anything else is looked at."""
    for operation in venue.operations():
        path = next(samples(venue.document_of(operation), operation)).path
        assert venue.send(operation.method, path, body=TOO_LARGE).status == 413, operation


def send_nonsense(venue: WitnessVenue) -> None:
    """A body that is not one JSON object, with good credentials."""
    who = venue.trader()
    for operation in venue.operations("spot"):
        if "requestBody" in operation.said:
            sample = next(samples(venue.document_of(operation), operation))
            answer = venue.ask(operation, sample._replace(body=[]), who)
            assert answer.brief() == "400 invalid body", operation


def leave_out_parameters(venue: WitnessVenue) -> None:
    """A required parameter of the query is refused when it is missing."""
    who = venue.trader()
    for operation in venue.operations():
        for parameter in operation.said["parameters"]:
            if parameter.get("required") and parameter["in"] == "query":
                assert example_of(parameter) is not None, f"{operation}: {parameter['name']} has no example"
                sample = next(samples(venue.document_of(operation), operation))
                _check_need(venue, who, operation, sample, parameter["name"], needed=True)


def leave_out_fields(venue: WitnessVenue) -> None:
    """A field of a body is needed just where an example without it does not fit its schema."""
    document, who = venue.documents["spot"], venue.trader()
    for operation in document.operations:
        for sample in samples(document, operation) if bodies(operation) != [None] else ():
            for name in sample.body or {}:
                needed = bool(document.faults_of_value(body_schema(operation), sample.without(name).body))
                _check_need(venue, who, operation, sample, name, needed)


def _check_need(
    venue: WitnessVenue, who: Trader, operation: Operation, sample: Sample, name: str, needed: bool
) -> None:
    """Whether a request without ``name`` is refused for that, and the complete one is not."""
    assert not _complains(venue.ask(operation, sample, who), name), f"{operation}: {sample}"
    assert _complains(venue.ask(operation, sample.without(name), who), name) == needed, f"{operation}: no {name}"


def _complains(answer: Answer, name: str) -> bool:
    """Whether the answer says that ``name`` is missing."""
    if answer.status != 400:
        return False
    told = answer.json
    if "code" in told:
        return told["code"] == -1102 and f"'{name}'" in told["msg"]
    return name in told["error"].lower()


def break_futures_requests(venue: WitnessVenue) -> None:
    """The checks that all calls share, each on every one of them."""
    who, reader = venue.trader(), venue.trader("read")
    for operation in venue.operations("futures"):
        sample = next(samples(venue.document_of(operation), operation))
        query = encode(sample.query)
        path = operation.path.removeprefix("/fapi")
        if operation.said["operationId"] not in UNREAD:
            twice = f"{query}&again=1&again=2&"
            assert _sent(who, operation, path, _sign(who, twice)) == "400 -1101", operation
            assert _sent(who, operation, path, _sign(who, query, body=b"{"), b"{") == "400 -1102", operation
        if not operation.schemes:
            continue
        unknown = {"X-MBX-APIKEY": "unknown"}
        assert _sent(who, operation, path, _sign(who, query), headers=unknown) == "401 -2015", operation
        if operation.method != "GET":
            assert _sent(reader, operation, path, _sign(reader, query)) == "401 -2015", operation
        if operation.schemes == {"apiKey"}:
            continue
        late = _sign(who, query, now_ms() - WINDOW_MS - 1)
        assert _sent(who, operation, path, late) == "400 -1021", operation
        assert _sent(who, operation, path, _sign(who, f"recvWindow=0&{query}")) == "400 -1130", operation
        assert _sent(who, operation, path, f"timestamp={now_ms()}&signature={'0' * 64}") == "400 -1022", operation


def _sign(who: Trader, query: str, timestamp: int | None = None, body: bytes = b"") -> str:
    payload = f"{query}&timestamp={now_ms() if timestamp is None else timestamp}"
    return f"{payload}&signature={who.sign(payload.encode() + body)}"


def _sent(who: Trader, operation: Operation, path: str, query: str, body: bytes = b"", **more: Any) -> str:
    answer = who.send(operation.method, path, query, body, **more)
    return f"{answer.status} {json.loads(answer.body).get('code')}"


def use_up(venue: WitnessVenue) -> None:
    """Weight, until the IP is refused and then banned; orders, until the account has placed too many."""
    who = venue.trader()
    headers = {"X-Forwarded-For": "192.0.2.1", "X-MBX-APIKEY": who.key}
    while venue.send("GET", "/fapi/v1/ticker/24hr", headers).status != 429:
        pass
    operations = venue.operations("futures")
    for status in (429, 418):
        while status == 418 and venue.send("GET", "/fapi/v1/ping", headers).status != status:
            pass
        for operation in operations:
            told = venue.send(operation.method, operation.path, headers).status
            assert (told == status) == (status == 418 or 0 not in operation.said["x-weight"]), f"{operation}: {told}"
    while who.ask("POST", "/v1/batchOrders", batchOrders=[{}] * 5).status != 429:
        pass
    for operation in operations:
        if "X-MBX-ORDER-COUNT-1M" in operation.said["responses"]["200"]["headers"]:
            sample = next(samples(venue.document_of(operation), operation))
            assert json.loads(venue.ask(operation, sample, who).body)["code"] == -1015, operation


def stop_the_engine(venue: WitnessVenue) -> None:
    """What can be told without it, and that it is not there. The last of all: nobody starts it again."""
    who, pair = venue.trader(usdt="10000"), venue.pair()
    who.user.deposit("DF", "100")
    spot = who.user.place(pair, "sell", "0.5", "10")["id"]
    venue.operate("PATCH", "/futures/markets/BTCUSDT/status", {"status": "listed"}).ok()  # an example has halted it
    stop = {"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_MARKET", "quantity": "0.01", "stopPrice": "900000"}
    futures = who.ok("POST", "/v1/order", **stop)["orderId"]
    known = {
        "getSpotOrder": {"id": spot},
        "cancelSpotOrder": {"id": spot},
        "addAsset": {"symbol": "ANOTHER"},
        "addSpotMarket": {"id": "ANOTHER"},
        "addFuturesMarket": {"symbol": "ANOTHER"},
    }
    named = {"orderId": futures, "algoId": futures, "orderIdList": [futures], "origClientOrderIdList": None}
    assert venue.exchange.engine.stop(STOP_S[ENGINE])
    for operation in venue.operations():
        values = {**named, **known.get(operation.said["operationId"], {})}
        status = venue.ask(operation, next(samples(venue.document_of(operation), operation, values)), who).status
        assert status in (200, 400, 404, 409, 500, 503), f"{operation}: {status}"


PROBES: Final = (
    ask_without_credentials,
    send_large_bodies,
    send_nonsense,
    leave_out_parameters,
    leave_out_fields,
    break_futures_requests,
    use_up,
    stop_the_engine,
)
