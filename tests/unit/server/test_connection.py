"""A worker and its clients: good ones, slow ones, greedy ones, and those that disconnect."""

import resource
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Final

import pytest
from gunicorn.http.parser import Parser  # type: ignore[import-untyped]

from tests.unit.server.bench import LIMITS, Bench, Caller
from tests.unit.server.conftest import Call
from web.server.connection_state import MAY_BECOME, State
from web.server.descriptors import make_room, plan_room
from web.server.limits import DESCRIPTORS_KEPT, HEAD_BYTES_MAX, PIPELINE_BYTES_MAX, RECEIVE_BYTES
from web.server.request_parser import FastRequestParser

GET: Final = b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n"
POST: Final = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
WAIT: Final = b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED: Final = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
LONG_BODY: Final = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 255\r\n\r\n"
OLD: Final = b"GET /echo HTTP/1.0\r\n\r\n"
BIG: Final = 8 * 1024 * 1024  # more than all buffers on the way take
TIME_S: Final = 0.3  # what limits of time are cut down to
SMALL: Final = 16_384  # bytes of a socket's own buffer
SMALL_BUFFERS: Final = 4 * SMALL  # what is on the way between two sockets of that kind: the system doubles each


@pytest.fixture
def short(bench: Bench) -> None:
    """Short limits of time."""
    bench.limits = replace(LIMITS, request_s=TIME_S, send_s=TIME_S)


@pytest.fixture
def small(bench: Bench, listener: socket.socket, call: Call) -> Caller:
    """A caller of small buffers: what is taken from it is what the server holds, but for a little."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    return call(send_bytes=SMALL)


def big(size: int = BIG, version: str = "1.1") -> bytes:
    return f"GET /big/{size} HTTP/{version}\r\nHost: x\r\n\r\n".encode()


def test_every_state_is_reached_and_may_end() -> None:
    assert set(MAY_BECOME) == set(State)
    assert {state for following in MAY_BECOME.values() for state in following} == set(State) - {State.FRESH}
    assert [state for state, following in MAY_BECOME.items() if State.CLOSED not in following] == [State.CLOSED]


# One after the other


def test_pipelined_in_one_packet(call: Call) -> None:
    answers = call().send(GET + POST + CHUNKED + GET + POST).answers(5)
    echo = [b"GET /echo ", b"POST /echo hello"]
    assert [each.body for each in answers] == [*echo, echo[1], *echo]


@pytest.mark.parametrize("data", [POST + GET, POST + CHUNKED], ids=["plain", "chunked"])
def test_split_anywhere(bench: Bench, call: Call, data: bytes) -> None:
    for cut in range(1, len(data)):
        with call() as caller:
            caller.send(data[:cut])
            bench.turn_for(0.001)
            first, second = caller.send(data[cut:]).answers(2)
            assert first.body == b"POST /echo hello"
            assert second.status == 200


def test_byte_by_byte(call: Call) -> None:
    caller = call()
    for byte in POST + CHUNKED:
        caller.send(bytes([byte]))
    assert [each.body for each in caller.answers(2)] == [b"POST /echo hello"] * 2


def test_the_next_waits_for_the_answer_before(bench: Bench, call: Call) -> None:
    """Whether it came with it or later."""
    for at_once, afterwards in ((WAIT + GET, b""), (WAIT, GET)):
        caller = call().send(at_once)
        bench.until(lambda: bench.site.waiting() == 1, "under way")
        caller.send(afterwards)
        assert caller.is_open()
        assert caller.received == b""
        bench.site.release()
        assert [each.body for each in caller.answers(2)] == [b"GET /wait ", b"GET /echo "]


def test_the_next_follows_an_answer_sent_in_parts(call: Call) -> None:
    large, next_one = call().send(big() + GET).answers(2)
    assert (len(large.body), next_one.body) == (BIG, b"GET /echo ")


def test_many_pipelined_leave_others_their_turn(bench: Bench, call: Call) -> None:
    many, one = call(), call()
    many.send(GET * 1_000)
    one.ask(GET)
    many.pull()
    assert many.received.count(b"200 OK") < 1_000
    assert len(many.answers(1_000)) == 1_000


# Ends


def test_half_closed_after_a_request(bench: Bench, call: Call) -> None:
    for data in (GET, POST, CHUNKED, OLD):
        caller = call().send(data).half_close()
        assert caller.answer().status == 200
        assert caller.wait_closed() == b""


def test_half_closed_while_it_is_under_way(bench: Bench, call: Call) -> None:
    caller = call().send(WAIT + GET)
    bench.until(lambda: bench.site.waiting() == 1, "under way")
    caller.half_close()
    bench.turn_for(0.02)
    bench.site.release()
    assert [each.status for each in caller.answers(2)] == [200, 200]
    assert caller.wait_closed() == b""


@pytest.mark.parametrize("data", [b"G", GET[:-1], POST[:-1], CHUNKED[:-1], b""])
def test_half_closed_within_a_request(call: Call, data: bytes) -> None:
    caller = call().send(data).half_close()
    caller.wait_closed()
    assert b"200 OK" not in caller.received or data == POST[:-1]  # gunicorn gives the application what has come


@pytest.mark.parametrize("data", [GET[:-1], POST[:-1], CHUNKED[:-1], b"", GET, WAIT, big(), big(version="1.0")])
def test_disconnected_at_any_moment(bench: Bench, call: Call, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    other = call()
    for wait_s in (0.0, 0.005):
        caller = call().send(data)
        bench.turn_for(wait_s)
        caller.reset()
    assert other.ask(GET).status == 200
    bench.site.release()
    bench.until(lambda: bench.connection_count == 1, "ended")
    assert not [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")]


# Time


def test_idle_is_ended(bench: Bench, call: Call, short: None) -> None:
    """After its time, and not before; with and without a request, whoever reads them."""
    bench.keepalive_s = TIME_S
    start = time.monotonic()
    callers = [call(), call(), call()]
    callers[1].ask(GET)
    callers[2].ask(CHUNKED)
    for caller in callers:
        caller.wait_closed()
    assert time.monotonic() - start >= TIME_S


def trickle(bench: Bench, caller: Caller) -> float:
    """Send a byte now and then until it is closed; how long that took, in seconds."""
    begin = time.monotonic()
    while not caller.ended:
        bench.turn_for(0.02)
        caller.push(b"a")
        caller.pull()
        assert time.monotonic() < begin + 20 * TIME_S
    return time.monotonic() - begin


@pytest.mark.parametrize("start", [GET[:4], LONG_BODY, CHUNKED[:-15] + b"ff\r\n", OLD[:-4] + b"\r\nA: "], ids=range(4))
def test_slow_request_is_cut_off(bench: Bench, call: Call, short: None, start: bytes) -> None:
    """A byte now and then does not win it more time."""
    caller = call().send(start)
    assert trickle(bench, caller) >= TIME_S
    assert not caller.received or start.startswith(b"POST")  # gunicorn gives the application what has come


def test_slow_second_request_is_cut_off(bench: Bench, call: Call, short: None) -> None:
    """Also where gunicorn reads on: it has no more time than the first."""
    caller = call()
    caller.ask(CHUNKED)
    caller.send(OLD[:-4] + b"\r\nA: ")
    assert trickle(bench, caller) >= TIME_S
    assert caller.received == b""


def test_a_request_in_time_is_not_cut_off(bench: Bench, call: Call) -> None:
    """Each has its own time; together they take longer."""
    bench.limits = replace(LIMITS, request_s=3 * TIME_S)
    caller = call()
    for data in (GET, CHUNKED, GET, CHUNKED):
        caller.send(data[:10])
        bench.turn_for(TIME_S)
        assert caller.ask(data[10:]).status == 200


def test_waiting_for_the_engine_is_not_cut_off(bench: Bench, call: Call, short: None) -> None:
    callers = [call().send(WAIT), call().send(WAIT.replace(b"1.1", b"1.0"))]
    bench.turn_for(2 * TIME_S)
    bench.site.release()
    assert [caller.answer().status for caller in callers] == [200, 200]


# Answers that are not taken


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_an_answer_in_many_pieces(call: Call, version: str) -> None:
    size = BIG // 8
    answer = call(receive_bytes=4_096).ask(big(size, version))
    assert answer.body == b"b" * size


@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("taken", [0, 65_536])
def test_an_answer_that_is_not_taken(bench: Bench, call: Call, short: None, version: str, taken: int) -> None:
    """Not at all, or a little now and then: the memory is given back in time."""
    caller, other = call(receive_bytes=262_144), call()
    caller.send(big(BIG, version))
    bench.until(lambda: bench.connection_count == 2 and caller.pull(1) == 1, "its first byte")
    begin = time.monotonic()
    while bench.connection_count == 2:
        bench.turn_for(0.02)
        if taken:
            caller.pull(taken)
        assert time.monotonic() < begin + 20 * TIME_S
    assert time.monotonic() - begin >= TIME_S / 2
    assert other.ask(GET).status == 200
    assert len(caller.received) < BIG


@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_answers_that_nobody_takes_are_bounded_together(bench: Bench, call: Call, version: str) -> None:
    """Whoever keeps most is ended; what others are about to read stays."""
    bench.limits = replace(LIMITS, unread_bytes_max=3 * BIG)
    reader = call(receive_bytes=65_536).send(big(BIG // 2, version))
    idlers = [call(receive_bytes=65_536).send(big(BIG + 1, version)) for _ in range(5)]
    bench.until(lambda: bench.connection_count == 3, "those that are too many are ended")
    assert bench.unread_bytes <= 3 * BIG
    assert len(reader.answer().body) == BIG // 2
    for idler in idlers:
        idler.close()
    bench.until(lambda: bench.connection_count <= 1 and bench.unread_bytes == 0, "all is given back")


def test_a_flood_while_a_request_is_under_way(bench: Bench, small: Caller) -> None:
    """It is not read, however much it is; and answered in the end."""
    large = GET.replace(b"x", b"x\r\nA: " + b"a" * 8_000)
    count = 6 * PIPELINE_BYTES_MAX // len(large)
    small.send(WAIT)
    bench.until(lambda: bench.site.waiting() == 1, "under way")
    left = memoryview(large * count)
    for _ in range(100):
        left = left[small.push(left) :]
        bench.turn_for(0.001)
    assert count * len(large) - len(left) <= PIPELINE_BYTES_MAX + RECEIVE_BYTES + SMALL_BUFFERS
    bench.site.release()
    small.send(bytes(left))
    assert len(small.answers(1 + count)) == 1 + count


@pytest.mark.parametrize("bench", [{"limit_request_fields": 4}], indirect=True)  # gunicorn reads 32 kB of head, too
@pytest.mark.parametrize("start", [b"", b"GET /", GET[:-2] + b"A", GET[:-2] + b"A: ", GET[:-2] + b"A: b\r\nB: "])
def test_an_endless_head(bench: Bench, small: Caller, start: bytes) -> None:
    """It is rejected before much of it has been read."""
    taken = small.push(start)
    while not small.pull():
        taken += small.push(b"a" * SMALL)
        bench.turn_for(0.0005)
        assert taken <= HEAD_BYTES_MAX + 2 * RECEIVE_BYTES + SMALL_BUFFERS
    assert small.wait_closed()[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 414", b"HTTP/1.1 431")


def test_an_endless_body(bench: Bench, call: Call) -> None:
    bench.limits = replace(LIMITS, request_bytes_max=100_000)
    caller = call().send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
    for _ in range(1_000):
        caller.push(b"a" * 65_536)
        bench.turn_for(0.0005)
        caller.pull()
        if caller.ended:
            break
    assert caller.ended


# Kinds of requests


def test_old_requests(call: Call) -> None:
    caller = call()
    answer = caller.ask(OLD)
    assert answer.headers["connection"] == "close"
    assert caller.wait_closed() == b""
    kept = call()
    for _ in range(2):
        answer = kept.ask(b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert answer.headers["connection"] == "keep-alive"
    assert kept.ask(POST).body == b"POST /echo hello"


@pytest.mark.parametrize("more", [b"", b"Transfer-Encoding: chunked\r\n\r\n0\r\n"], ids=["plain", "chunked"])
def test_head_has_no_body(call: Call, more: bytes) -> None:
    caller = call()
    answer = caller.ask(b"HEAD /big/1000 HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n", "HEAD")
    assert answer.headers["content-length"] == "1000"
    assert caller.ask(GET).body == b"GET /echo "


def test_close_is_close(call: Call) -> None:
    caller = call()
    answer = caller.ask(GET.replace(b"x", b"x\r\nConnection: close") + GET)
    assert answer.headers["connection"] == "close"
    assert caller.wait_closed() == b""


def test_expect(bench: Bench, call: Call) -> None:
    caller = call().send(POST.replace(b"x", b"x\r\nExpect: 100-continue").removesuffix(b"hello"))
    bench.until(lambda: caller.pull() > 0, "continue")
    assert caller.received == b"HTTP/1.1 100 Continue\r\n\r\n"
    caller.received = b""
    assert caller.ask(b"hello").body == b"POST /echo hello"
    assert caller.ask(GET).status == 200


def test_a_failing_application(call: Call) -> None:
    caller = call()
    fail = GET.replace(b"echo", b"fail")
    assert caller.ask(fail).status == 500
    assert caller.ask(fail + GET).status == 500
    assert caller.answer().status == 200
    for _ in range(2):
        assert caller.ask(CHUNKED.replace(b"echo", b"fail")).status == 500
    assert caller.ask(GET).status == 200


FAULTY_CONFIG: Final[Any] = SimpleNamespace(  # makes the parser raise
    limit_request_line="a text", limit_request_fields="a text", limit_request_field_size="a text"
)


def test_a_fault_of_the_server_ends_one_connection(bench: Bench, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it is: in reading, in answering, in gunicorn's handling."""

    def fail(*_: object) -> None:
        raise ValueError("ours")

    other, late = call(), call()
    other.ask(GET)
    for faulty, data in (("answered", GET), ("answered", CHUNKED), ("handle", OLD)):
        bench.faulty = faulty
        call().send(data).wait_closed()
    bench.faulty = ""
    reader, faulty_reader = bench.reader, FastRequestParser({}, FAULTY_CONFIG)
    late.send(WAIT + GET)
    bench.until(lambda: bench.site.waiting() == 1, "under way")
    with monkeypatch.context() as patch:
        patch.setattr(Parser, "__next__", fail)  # gunicorn reads, where the fast parser is not installed
        bench.reader = faulty_reader
        call().send(GET).wait_closed()
        bench.site.release()
        late.answer()
        late.wait_closed()
    bench.reader = reader
    assert other.ask(GET).status == 200
    bench.until(lambda: bench.connection_count == 1, "they have ended")


def test_an_error_reaches_a_client_that_still_sends(bench: Bench, call: Call) -> None:
    """It comes before the end, and the end is no reset."""
    bench.limits = replace(LIMITS, linger_s=10.0)
    caller = call().send(b"GET / HTTP/9.9\r\n\r\n")
    for _ in range(50):
        caller.send(b"a" * 20_000)
    assert caller.wait_closed().startswith(b"HTTP/1.1 400")
    caller.push(b"a")
    assert not caller.broken


def test_both_ends_of_a_connection(bench: Bench, call: Call) -> None:
    """Both ways to read a request give the same for the two ends."""
    caller = call()
    caller.ask(GET)
    caller.ask(CHUNKED)
    plain, chunked = ({name: each.get(name) for name in ENDS} for each in bench.site.environs)
    assert plain == chunked
    assert plain["REMOTE_ADDR"] == "127.0.0.1"
    assert plain["SERVER_PORT"] == str(bench.sockets[0].getsockname()[1])


ENDS: Final = ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme")


def test_over_a_unix_socket(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        bench = Bench(listener)
        with Caller(bench, path) as caller:
            assert caller.ask(GET).status == 200
            assert caller.ask(CHUNKED).status == 200
        bench.until(lambda: bench.connection_count == 0, "ended")
        bench.close()


# How many


@pytest.mark.parametrize("bench", [{"worker_connections": 5}], indirect=True)
@pytest.mark.parametrize("under_way", [WAIT, CHUNKED.replace(b"echo", b"wait")], ids=["plain", "chunked"])
@pytest.mark.parametrize("data", [GET, CHUNKED], ids=["plain", "chunked"])
def test_no_more_connections_than_may_be(bench: Bench, call: Call, under_way: bytes, data: bytes) -> None:
    """While all are being served, the next ones wait."""
    first = [call().send(under_way) for _ in range(5)]
    bench.until(lambda: bench.site.waiting() == 5, "under way")
    late = [call().send(data) for _ in range(3)]
    bench.turn_for(0.05)
    assert bench.connection_count == 5
    assert [caller.pull() for caller in late] == [0, 0, 0]
    bench.site.release()
    assert [caller.answer().status for caller in (*first, *late)] == [200] * 8
    assert bench.connection_count == 5


@pytest.mark.parametrize("bench", [{"worker_connections": 5}], indirect=True)
def test_silent_connections_make_room(bench: Bench, call: Call) -> None:
    """The earliest timeout first: silent clients, and those that never finish a request, keep nobody out."""
    silent, slow, *idle = [call() for _ in range(5)]
    bench.turn_for(0.02)
    slow.send(GET[:-2])
    assert [caller.ask(GET).status for caller in idle] == [200] * 3
    newcomers = [call() for _ in range(2)]
    assert [caller.ask(GET).status for caller in newcomers] == [200] * 2
    assert bench.connection_count == 5
    assert not silent.is_open() and not slow.is_open()
    assert [caller.ask(GET).status for caller in idle] == [200] * 3


@pytest.mark.parametrize("bench", [{"worker_connections": 5}], indirect=True)
@pytest.mark.parametrize("begun", [CHUNKED[:-4], CHUNKED], ids=["half a request", "idle after one"])
def test_connections_of_gunicorn_make_room(bench: Bench, call: Call, begun: bytes) -> None:
    """Connections handed over to gunicorn keep nobody out either, unless a request is under way."""
    odd = [call().send(begun) for _ in range(4)]
    busy = call().send(CHUNKED.replace(b"/echo", b"/wait"))
    bench.until(lambda: bench.site.waiting() == 1, "under way")
    bench.turn_for(0.02)
    newcomers = [call() for _ in range(4)]
    assert [caller.ask(GET).status for caller in newcomers] == [200] * 4
    bench.until(lambda: bench.connection_count == 5, "they have gone")
    for caller in odd:
        caller.wait_closed()
    bench.site.release()
    assert busy.answer().status == 200


def test_no_descriptor_left(bench: Bench, call: Call) -> None:
    """Those who call wait; as soon as there is one again they are served."""
    callers = [call().send(GET) for _ in range(3)]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        highest = probe.fileno()
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
    try:
        bench.turn_for(0.3)
        assert bench.connection_count < 3
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [caller.answer().status for caller in callers] == [200] * 3


ROOM: Final = {  # for 2,000 clients
    "enough": ((4_000, 8_000), (4_000, 2_000)),
    "without a limit": ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), (resource.RLIM_INFINITY, 2_000)),
    "raised": ((256, 8_000), (2_000 + DESCRIPTORS_KEPT, 2_000)),
    "raised without a limit": ((256, resource.RLIM_INFINITY), (2_000 + DESCRIPTORS_KEPT, 2_000)),
    "raised as far as allowed": ((256, 1_000), (1_000, 1_000 - DESCRIPTORS_KEPT)),
    "hardly any": ((DESCRIPTORS_KEPT, DESCRIPTORS_KEPT), (DESCRIPTORS_KEPT, 1)),
}


@pytest.mark.parametrize(("system", "room"), ROOM.values(), ids=ROOM)
def test_descriptors_are_kept_for_the_engine(system: tuple[int, int], room: tuple[int, int]) -> None:
    """However few the system gives, clients do not take them all."""
    assert plan_room(2_000, *system) == room


def test_the_limit_of_descriptors_is_raised(listener: socket.socket) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        bench = Bench(listener, worker_connections=200)
        assert bench.worker_connections == make_room(200) == 200
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (200 + DESCRIPTORS_KEPT, before[1])
        bench.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


# The stop


def stop(bench: Bench) -> float:
    """Stop it; how long that took, in seconds."""
    start = time.monotonic()
    bench.stop()
    return time.monotonic() - start


def test_stop_does_not_wait_for_the_idle(bench: Bench, call: Call, short: None) -> None:
    callers = [call(), call(), call()]
    callers[0].ask(GET)
    callers[1].ask(CHUNKED)
    bench.turn_for(0.02)
    assert stop(bench) < 5.0
    for caller in callers:
        assert caller.wait_closed() == b""


def later(bench: Bench, act: Callable[[], object]) -> None:
    bench.hub.later(0.05, lambda: act())


def test_stop_answers_what_is_under_way(bench: Bench, call: Call) -> None:
    chunked = CHUNKED.replace(b"echo", b"wait")
    expecting = WAIT.replace(b"x", b"x\r\nExpect: 100-continue")
    callers = [call().send(data) for data in (expecting, WAIT, WAIT + GET, chunked, chunked + GET)]
    bench.until(lambda: bench.site.waiting() == len(callers), "under way")
    callers[0].pull()
    callers[0].received = b""
    later(bench, bench.site.release)
    stop(bench)
    for caller in callers:
        answer = caller.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


@pytest.mark.parametrize("data", [GET, POST, CHUNKED, OLD], ids=["get", "post", "chunked", "old"])
@pytest.mark.parametrize("cut", [5, -6])
def test_stop_waits_for_the_rest_of_a_request(bench: Bench, call: Call, data: bytes, cut: int) -> None:
    """A head or a body that is half here; not the first of its connection."""
    caller = call()
    caller.ask(GET)
    caller.send(data[:cut])
    bench.turn_for(0.01)
    later(bench, lambda: caller.push(data[cut:]))
    stop(bench)
    answer = caller.answer()
    assert answer.status == 200
    assert answer.body == (b"GET /echo " if data in (GET, OLD) else b"POST /echo hello")
    assert caller.wait_closed() == b""


def test_stop_answers_what_has_been_received(bench: Bench, call: Call) -> None:
    """Those whose request has just come, and those who are about to send their first."""
    kept = call()
    kept.ask(GET)
    fresh = call()
    bench.until(lambda: bench.connection_count == 2, "accepted")
    kept.push(GET)
    later(bench, lambda: fresh.push(GET))
    stop(bench)
    assert kept.answer().status == 200
    assert fresh.answer().status == 200


def test_stop_answers_connections_waiting_to_be_accepted(bench: Bench, call: Call) -> None:
    callers = [call() for _ in range(100)]
    for caller in callers:
        caller.push(GET)
    stop(bench)
    assert [caller.answer().status for caller in callers] == [200] * 100
