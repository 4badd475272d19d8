"""The receiving end, driven turn by turn in this process, with real sockets at the other end."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shards.folder import Folder
from shards.ipc.counters import Counters, Slot
from shards.ipc.errors import LinkBroken
from shards.ipc.frames import FrameKind
from shards.ipc.mailbox import Mailbox
from shards.limits import CONNECTIONS_MAX
from tests.unit.ends import End, Frame

Connect = Callable[[], End]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.open(tmp_path / "d", 2)


@pytest.fixture
def mailbox(folder: Folder) -> Iterator[Mailbox]:
    mailbox = Mailbox(folder, "shard-0", 4, {1: 10})
    yield mailbox
    mailbox.close()


@pytest.fixture
def connect(folder: Folder, mailbox: Mailbox) -> Iterator[Connect]:
    opened: list[End] = []

    def connect() -> End:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(folder.socket("shard-0"))
        opened.append(End(sock))
        return opened[-1]

    yield connect
    for connection in opened:
        connection.release()


def turn(mailbox: Mailbox, callers: int = 2) -> None:
    """Handle all that is ready: each poll accepts one caller."""
    for _ in range(callers + 1):
        assert not list(mailbox.poll(0))
    mailbox.flush()


def say(mailbox: Mailbox, caller: End, kind: FrameKind, number: int, time: int = 0, body: bytes = b"") -> None:
    caller.send(kind, number, time, body)
    caller.flush()
    turn(mailbox)


def greet(mailbox: Mailbox, caller: End, source: int = -1) -> Frame:
    say(mailbox, caller, FrameKind.HELLO, source + 1)
    (welcome,) = caller.receive()
    assert welcome.kind == FrameKind.WELCOME
    return welcome


def slot_of(folder: Folder, mailbox: Mailbox, caller: End) -> Slot:
    """Of a caller of a mailbox that serves."""
    mailbox.serving = True
    welcome = greet(mailbox, caller)
    return Slot(folder.run / welcome.body.decode(), welcome.number)


def test_a_caller_is_welcomed_with_a_slot_and_the_counters(mailbox: Mailbox, connect: Connect, folder: Folder) -> None:
    welcome = greet(mailbox, connect())
    counters = Counters(folder.run / welcome.body.decode())
    assert (counters.maxsize, welcome.number) == (4, 0)
    assert greet(mailbox, connect()).number == 1
    counters.close()


def test_requests_are_taken_in_the_order_they_came(mailbox: Mailbox, connect: Connect) -> None:
    first, second = connect(), connect()
    greet(mailbox, first)
    greet(mailbox, second)
    for number in (1, 2):
        say(mailbox, first, FrameKind.REQUEST, number, 99, b"a")
        say(mailbox, second, FrameKind.REQUEST, number, 99, b"b")
    taken = [*mailbox.get(3), *mailbox.get(3)]
    assert [(request.number, request.body) for request in taken] == [(1, b"a"), (1, b"b"), (2, b"a"), (2, b"b")]
    assert {request.deadline_ms for request in taken} == {99}
    assert mailbox.get(3) == [] and not mailbox.waiting()


def test_a_reply_goes_to_its_caller(mailbox: Mailbox, connect: Connect) -> None:
    first, second = connect(), connect()
    greet(mailbox, first)
    greet(mailbox, second)
    say(mailbox, second, FrameKind.REQUEST, 7)
    (request,) = mailbox.get(1)
    request.reply([b"answer"])
    mailbox.flush()
    assert second.receive() == [Frame(FrameKind.REPLY, 7, 0, b"answer")]
    assert first.receive() == []


@pytest.mark.parametrize("kind", [kind for kind in FrameKind if kind is not FrameKind.HELLO])
def test_a_caller_without_hello_is_cut_off(mailbox: Mailbox, connect: Connect, kind: FrameKind) -> None:
    stranger = connect()
    say(mailbox, stranger, kind, 1)
    stranger.receive()
    assert stranger.closed and not mailbox.callers and not mailbox.waiting()


def test_a_second_hello_is_cut_off_and_loses_no_slot(mailbox: Mailbox, connect: Connect) -> None:
    for _ in range(3):
        caller = connect()
        greet(mailbox, caller)
        say(mailbox, caller, FrameKind.HELLO, 0)
        caller.receive()
        assert caller.closed
    assert mailbox.free_slots == CONNECTIONS_MAX


def test_a_caller_that_is_no_shard_may_not_send_link_messages(mailbox: Mailbox, connect: Connect) -> None:
    caller = connect()
    greet(mailbox, caller)
    say(mailbox, caller, FrameKind.LINK, 11)
    caller.receive()
    assert caller.closed and not mailbox.arrived()


def test_messages_of_a_caller_that_is_gone_are_still_taken_and_its_slot_freed_after(
    mailbox: Mailbox, connect: Connect, folder: Folder
) -> None:
    caller = connect()
    slot = slot_of(folder, mailbox, caller)
    for number in (1, 2):
        slot.claim()
        say(mailbox, caller, FrameKind.REQUEST, number)
    caller.release()
    turn(mailbox)
    assert mailbox.qsize() == 2 and mailbox.free_slots == CONNECTIONS_MAX - 1
    assert len(mailbox.get(1)) == 1 and mailbox.free_slots == CONNECTIONS_MAX - 1
    (request,) = mailbox.get(1)
    request.reply([b""])
    mailbox.flush()
    assert mailbox.qsize() == 0 and mailbox.free_slots == CONNECTIONS_MAX
    slot.close()


def test_a_count_left_behind_by_a_killed_caller_is_cleared(mailbox: Mailbox, connect: Connect, folder: Folder) -> None:
    caller = connect()
    slot = slot_of(folder, mailbox, caller)
    slot.claim()
    slot.claim()  # killed before it sent them
    caller.release()
    turn(mailbox)
    assert mailbox.qsize() == 0
    slot.claim()  # counted once more, after its end was noticed
    greet(mailbox, connect())
    assert mailbox.qsize() == 0
    slot.close()


def test_a_slot_is_used_again_as_late_as_possible(mailbox: Mailbox, connect: Connect) -> None:
    slots = []
    for _ in range(5):
        caller = connect()
        slots.append(greet(mailbox, caller).number)
        caller.release()
        turn(mailbox)
    assert slots == [0, 1, 2, 3, 4]


def test_callers_beyond_the_last_slot_are_turned_away_and_nothing_leaks(mailbox: Mailbox, connect: Connect) -> None:
    callers = [connect() for _ in range(CONNECTIONS_MAX)]
    turn(mailbox, CONNECTIONS_MAX)
    for caller in callers:
        greet(mailbox, caller)
    late = connect()
    turn(mailbox)
    late.receive()
    assert late.closed
    callers[0].release()
    turn(mailbox)
    assert greet(mailbox, connect()).number == 0


def test_link_messages_are_taken_once_and_in_order(mailbox: Mailbox, connect: Connect) -> None:
    peer = connect()
    assert greet(mailbox, peer, source=1).time == 10
    assert mailbox.lagging({1: 12}) == [1], "nothing is promised yet"
    say(mailbox, peer, FrameKind.PROMISE, 12)
    assert [mailbox.lagging({1: applied}) for applied in (11, 12)] == [[1], []]
    for number in (9, 10, 11, 11, 10, 12):
        say(mailbox, peer, FrameKind.LINK, number, 5, b"%d" % number)
    assert [frame.number for frame in mailbox.arrived()] == [11, 12]
    assert not peer.closed


def test_a_gap_in_a_link_is_reported_and_nothing_after_it_is_taken(mailbox: Mailbox, connect: Connect) -> None:
    """A sender keeps what it was not told is on disk: this mailbox's owner has lost it."""
    peer = connect()
    greet(mailbox, peer, source=1)
    say(mailbox, peer, FrameKind.LINK, 11)
    with pytest.raises(LinkBroken, match="messages 12 to 13 of shard 1 are missing"):
        say(mailbox, peer, FrameKind.LINK, 14)
    assert [frame.number for frame in mailbox.arrived()] == [11]


def test_missing_confirmed_messages_are_reported_before_anything_is_sent(mailbox: Mailbox, connect: Connect) -> None:
    peer = connect()
    greet(mailbox, peer, source=1)
    say(mailbox, peer, FrameKind.PROMISE, 15, 10)
    with pytest.raises(LinkBroken, match="messages 11 to 12 of shard 1 are missing"):
        say(mailbox, peer, FrameKind.PROMISE, 15, 12)


def test_a_shard_that_comes_again_replaces_its_earlier_connection_after_what_that_sent(
    mailbox: Mailbox, connect: Connect
) -> None:
    earlier, later = connect(), connect()
    greet(mailbox, earlier, source=1)
    later.send(FrameKind.HELLO, 2)
    later.flush()
    earlier.send(FrameKind.LINK, 11)
    earlier.flush()
    turn(mailbox)
    (welcome,) = later.receive()
    assert [frame.number for frame in mailbox.arrived()] == [11]
    earlier.receive()
    assert earlier.closed
    mailbox.confirm({1: 10})
    mailbox.flush()
    assert [(frame.kind, frame.number) for frame in later.receive()] == [(FrameKind.CONFIRM, 10)]
    later.send(FrameKind.LINK, welcome.time + 1)
    later.flush()
    turn(mailbox)
    assert [frame.number for frame in mailbox.arrived()][-1] == welcome.time + 1


def test_what_is_on_disk_is_confirmed_to_senders_once(mailbox: Mailbox, connect: Connect) -> None:
    peer = connect()
    greet(mailbox, peer, source=1)
    for _ in range(2):
        mailbox.confirm({1: 12})
        mailbox.flush()
    mailbox.confirm({1: 13})
    mailbox.flush()
    assert [(frame.kind, frame.number) for frame in peer.receive()] == [
        (FrameKind.CONFIRM, 12),
        (FrameKind.CONFIRM, 13),
    ]


def test_closing_tells_everybody_and_leaves_nothing_behind(folder: Folder) -> None:
    mailbox = Mailbox(folder, "shard-1", 4, {})
    mailbox.serving = True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(folder.socket("shard-1"))
        caller = End(sock)
        counters = Counters(folder.run / greet(mailbox, caller).body.decode())
        mailbox.close()
        caller.receive()
        assert caller.closed and not counters.serving
        counters.close()
    assert list(folder.run.glob("*.mailbox")) == []


def test_a_new_life_removes_what_a_killed_one_left(folder: Folder) -> None:
    killed = [Mailbox(folder, name, 4, {}) for name in ("shard-1", "shard-10", "shard-1")]
    left = sorted(path.name.rsplit("-", 1)[0] for path in folder.run.glob("*.mailbox"))
    assert left == ["shard-1", "shard-10"]
    for each in killed:
        each.close()
