"""What mailbox and callers say to each other, without any socket."""

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from shards.ipc.frames import HEAD, FrameKind, Stream
from shards.ipc.protocol import Callee, Caller, Confirmed, Hello, LinkFrame, Promise, Receiver, Request, Welcome
from shards.limits import FRAME_BYTES_MAX
from tests.model.seeds import read_count, read_seed
from tests.unit.ends import pack

SHARD = 3


class Call(NamedTuple):
    """One request under way."""

    number: int
    bodies: list[bytes]


def asking() -> Receiver[Call]:
    """Two requests are under way, and whose numbers are 7 and 8."""
    callee = Receiver[Call](SHARD)
    for number in (7, 8):
        callee.request(number, Call(number, []), 99, b"?")
    return callee


def take(stream: Stream[Any]) -> bytes:
    """All that it has to say."""
    said = b""
    while chunk := bytes(stream.chunk()):
        said += chunk
        stream.sent(len(chunk))
    assert stream.unsent_bytes == 0
    return said


def plain(event: Any) -> Any:
    """To be compared with what another end has heard."""
    return ("request", *event[1:]) if isinstance(event, Request) else event


def hear(stream: Stream[Any], *chunks: bytes) -> tuple[list[Any], str]:
    """What it has heard, and its fault."""
    return [plain(event) for chunk in chunks for event in stream.receive(chunk)], stream.fault


HELLO = pack(FrameKind.HELLO, SHARD + 1)
WELCOME = pack(FrameKind.WELCOME, 5, 40, b"shard-1-abc.mailbox")
TO_THE_MAILBOX = b"".join(
    (
        HELLO,
        pack(FrameKind.REQUEST, 1, 99, b"first"),
        pack(FrameKind.PROMISE, 12, 10),
        pack(FrameKind.LINK, 11, 1_000, b""),
        pack(FrameKind.LINK, 12, 1_001, b"link" * 50),
        pack(FrameKind.REQUEST, 2**64 - 1, 2**64 - 1, b"last"),
    )
)
HEARD_BY_THE_MAILBOX = [
    Hello(SHARD),
    ("request", 1, 99, b"first"),
    Promise(12, 10),
    LinkFrame(SHARD, 11, 1_000, b""),
    LinkFrame(SHARD, 12, 1_001, b"link" * 50),
    ("request", 2**64 - 1, 2**64 - 1, b"last"),
]
TO_THE_CALLER = b"".join(
    (
        WELCOME,
        pack(FrameKind.REPLY_PIECE, 8, 0, b"in "),
        pack(FrameKind.REPLY, 7, 0, b""),
        pack(FrameKind.REPLY_PIECE, 9, 0, b"nobody waits for this"),
        pack(FrameKind.REPLY_PIECE, 8, 0, b"three "),
        pack(FrameKind.CONFIRM, 41),
        pack(FrameKind.REPLY, 8, 0, b"pieces"),
        pack(FrameKind.REPLY, 9, 0, b"nor for this"),
    )
)
HEARD_BY_THE_CALLER = [
    Welcome(5, 40, "shard-1-abc.mailbox"),
    Call(7, [b""]),
    Confirmed(41),
    Call(8, [b"in ", b"three ", b"pieces"]),
]
both_ends = pytest.mark.parametrize(
    ("make", "stream", "heard"),
    [(Caller, TO_THE_MAILBOX, HEARD_BY_THE_MAILBOX), (asking, TO_THE_CALLER, HEARD_BY_THE_CALLER)],
    ids=["mailbox", "caller"],
)
Make = Callable[[], Stream[Any]]


# What is heard


@both_ends
def test_events_are_the_same_wherever_the_stream_is_cut(make: Make, stream: bytes, heard: list[Any]) -> None:
    for cut in range(len(stream) + 1):
        assert hear(make(), stream[:cut], stream[cut:]) == (heard, ""), f"cut at {cut}"
    assert hear(make(), *(stream[place : place + 1] for place in range(len(stream)))) == (heard, "")


def cuts(chance: random.Random, stream: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(stream):
        size = chance.choice((1, 3, HEAD.size, 40, 400))
        yield stream[place : place + size]
        place += size


@both_ends
def test_events_are_the_same_however_often_the_stream_is_cut(make: Make, stream: bytes, heard: list[Any]) -> None:
    chance = random.Random(read_seed())
    for _ in range(read_count("SHARDEX_TEST_EXAMPLES", 300)):
        assert hear(make(), *cuts(chance, stream)) == (heard, "")


NOT_EXPECTED = "a frame of kind {} is not expected here"
TOO_LONG = HEAD.pack(FRAME_BYTES_MAX + 1, FrameKind.REQUEST, 1, 1)
STRANGER = pack(FrameKind.HELLO, 0)
CAME = pack(FrameKind.REQUEST, 1, 99, b"?")


@pytest.mark.parametrize(
    ("make", "before", "wrong", "fault"),
    [
        pytest.param(
            Caller, HELLO, TOO_LONG, f"a frame of {FRAME_BYTES_MAX + 1} bytes is over the limit of", id="too long"
        ),
        pytest.param(Caller, HELLO, HEAD.pack(0, 9, 1, 1), NOT_EXPECTED.format(9), id="no kind"),
        pytest.param(Caller, b"", CAME, NOT_EXPECTED.format(3), id="before hello"),
        pytest.param(Caller, b"", pack(FrameKind.LINK, 1), NOT_EXPECTED.format(6), id="link before hello"),
        pytest.param(Caller, HELLO, HELLO, NOT_EXPECTED.format(1), id="hello again"),
        pytest.param(Caller, HELLO, pack(FrameKind.REPLY, 1), NOT_EXPECTED.format(4), id="a reply to a mailbox"),
        pytest.param(Caller, STRANGER, pack(FrameKind.LINK, 1), NOT_EXPECTED.format(6), id="a link of nobody"),
        pytest.param(Caller, STRANGER, pack(FrameKind.PROMISE, 1), NOT_EXPECTED.format(8), id="a promise of nobody"),
        pytest.param(asking, WELCOME, HEAD.pack(0, 0, 1, 1), NOT_EXPECTED.format(0), id="no kind, to a caller"),
        pytest.param(asking, WELCOME, TOO_LONG, "over the limit", id="too long, to a caller"),
        pytest.param(asking, b"", pack(FrameKind.REPLY, 7), NOT_EXPECTED.format(4), id="a reply before the welcome"),
        pytest.param(
            asking, b"", pack(FrameKind.CONFIRM, 7), NOT_EXPECTED.format(7), id="confirmed before the welcome"
        ),
        pytest.param(asking, WELCOME, WELCOME, NOT_EXPECTED.format(2), id="welcome again"),
        pytest.param(asking, WELCOME, CAME, NOT_EXPECTED.format(3), id="a request to a caller"),
        pytest.param(
            Callee[Call], WELCOME, pack(FrameKind.CONFIRM, 7), NOT_EXPECTED.format(7), id="confirmed to nobody"
        ),
    ],
)
def test_what_may_not_be_said_ends_the_stream_after_what_came_before(
    make: Make, before: bytes, wrong: bytes, fault: str
) -> None:
    heard, none = hear(make(), before)
    assert none == ""
    said = before + wrong + (CAME if make is Caller else pack(FrameKind.REPLY, 7))
    for cut in range(len(said) + 1):
        end = make()
        told = hear(end, said[:cut], said[cut:])
        assert told[0] == heard and fault in told[1], f"cut at {cut}"
        assert end.closed and end.unsent_bytes == 0


def test_a_frame_is_too_long_by_its_head_alone() -> None:
    assert hear(Caller(), HEAD.pack(FRAME_BYTES_MAX, FrameKind.HELLO, 1, 1)) == ([], "")
    assert hear(Caller(), TOO_LONG)[1]


# What is said


def test_an_end_hears_what_the_other_says() -> None:
    """From the hello to what is on disk."""
    callee, caller = Receiver[Call](SHARD), Caller()
    assert hear(caller, take(callee)) == ([Hello(SHARD)], ""), "it is not welcome yet"
    assert caller.source == SHARD
    caller.welcome(0, 1, "counters")
    assert hear(callee, take(caller)) == ([Welcome(0, 1, "counters")], "")
    callee.promise(2, 0)
    assert callee.linked == 1 and callee.link(2, 1_002, b"second")
    callee.request(7, Call(7, []), 99, b"question")
    promise, link, request = caller.receive(take(callee))
    assert (promise, link) == (Promise(2, 0), LinkFrame(SHARD, 2, 1_002, b"second"))
    assert isinstance(request, Request) and request[1:] == (7, 99, b"question")
    request.reply([b"in two", b"pieces"])
    for _ in range(2):
        caller.confirm(2)
    assert hear(callee, take(caller)) == ([Call(7, [b"in two", b"pieces"]), Confirmed(2)], "")
    assert not callee.calls


def test_a_caller_that_is_no_shard_says_so() -> None:
    caller = Caller()
    assert hear(caller, take(Callee[Call]())) == ([Hello(-1)], "") and caller.source == -1


def test_what_goes_in_parts_arrives_in_order_with_what_is_said_meanwhile() -> None:
    chance = random.Random(read_seed())
    callee, caller = Callee[Call](), Caller()
    heard: list[Any] = []
    for number in range(200):
        callee.request(number, Call(number, []), 0, chance.randbytes(chance.choice((0, 10, 3_000))))
        while callee.unsent_bytes and chance.random() < 0.6:
            chunk = callee.chunk()
            assert bytes(chunk) == bytes(callee.chunk())
            count = chance.randrange(len(chunk) + 1)
            heard += caller.receive(bytes(chunk[:count]))
            callee.sent(count)
    heard += caller.receive(take(callee))
    assert [event.number for event in heard[1:]] == list(range(200))


def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    caller = Caller(buffer_bytes=1_000)
    while not caller.closed:
        caller.confirm(caller.unsent_bytes + 1)
        assert caller.unsent_bytes <= 1_000
    caller.welcome(1, 2, "never said")
    assert take(caller) == b"" and caller.fault == ""


def test_a_partial_reply_is_dropped_when_the_connection_ends() -> None:
    callee = asking()
    assert callee.receive(WELCOME + pack(FrameKind.REPLY_PIECE, 7, 0, b"a part"))
    assert callee.calls[7].bodies
    assert callee.end() == [Call(7, []), Call(8, [])]
    assert callee.closed and not callee.calls and callee.end() == []


def test_a_link_goes_no_further_than_its_window_and_is_sent_when_its_bytes_are() -> None:
    callee, caller = Receiver[Call](SHARD, window_bytes=1_000), Caller()
    caller.receive(take(callee))
    callee.receive(WELCOME)
    callee.promise(50, 40)
    caller.receive(take(callee))
    assert callee.linked == 40 and callee.has_sent(40)
    arrived = 40
    while arrived < 50:
        while callee.linked < 50 and callee.link(callee.linked + 1, 0, bytes(400)):
            assert callee.unsent_bytes < 1_000 + 500
        part = bytes(callee.chunk())[:100]
        callee.sent(len(part))
        arrived += len(caller.receive(part))
        assert [callee.has_sent(number) for number in (arrived, arrived + 1)] == [True, False]
    assert callee.unsent_bytes == 0 and callee.has_sent(50)
    callee.close()
    assert not callee.link(51, 0, b"nobody hears it") and callee.linked == 50
