"""One end of a stream that never waits."""

import selectors
import socket
from collections.abc import Iterator

import pytest

from shards.ipc.frames import FrameKind
from tests.unit.ends import End, Frame, pack

BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


@pytest.fixture
def ends() -> Iterator[tuple[End, socket.socket]]:
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    end = End(own)
    yield end, other
    end.release()
    other.close()


def test_frames_travel_both_ways(ends: tuple[End, socket.socket]) -> None:
    own, other = ends
    peer = End(other)
    own.send(FrameKind.REQUEST, 1, 2, b"question")
    own.flush()
    assert peer.receive() == [Frame(FrameKind.REQUEST, 1, 2, b"question")]
    peer.send(FrameKind.REPLY, 1, 0, b"answer")
    peer.flush()
    assert own.receive() == [Frame(FrameKind.REPLY, 1, 0, b"answer")]
    assert own.receive() == [] and not own.closed


def test_what_the_socket_does_not_take_waits_and_arrives_whole(ends: tuple[End, socket.socket]) -> None:
    own, other = ends
    peer = End(other)
    bodies = [bytes([number]) * 300_000 for number in range(20)]
    for number, body in enumerate(bodies):
        own.send(FrameKind.REPLY, number, body=body)
    received: list[Frame] = []
    turns = 0
    while len(received) < len(bodies):
        before = own.events
        assert own.flush() == (own.events != before)
        assert own.events == (BOTH if own.unsent_bytes else selectors.EVENT_READ)
        received += peer.receive()
        turns += 1
    assert turns > 1, "everything fitted at once: the test says nothing"
    assert [frame.body for frame in received] == bodies
    own.flush()
    assert own.unsent_bytes == 0 and own.events == selectors.EVENT_READ


class Recorder(socket.socket):
    """Notes what it is given."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(fileno=sock.detach())
        self.given: list[bytes | memoryview] = []

    def send(self, chunk: bytes | memoryview) -> int:  # type: ignore[override]
        self.given.append(chunk)
        return super().send(chunk)


def test_however_much_waits_each_byte_is_copied_once() -> None:
    sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    recorder = Recorder(sock)
    own, peer = End(recorder), End(other)
    for number in range(40):
        own.send(FrameKind.REPLY, number, body=bytes(150_000))
    waiting = own.unsent_bytes
    received = 0
    while received < 40:
        own.flush()
        received += len(peer.receive())
    chunks = [chunk for chunk in recorder.given if isinstance(chunk, bytes)]  # a view of a rest copies nothing
    assert len(recorder.given) > len(chunks) > 1, "everything fitted at once: the test says nothing"
    assert sum(map(len, chunks)) == waiting
    own.release()
    peer.release()


def test_what_came_whole_before_the_end_is_still_taken(ends: tuple[End, socket.socket]) -> None:
    own, other = ends
    whole = pack(FrameKind.REQUEST, 1, 2, b"body")
    other.sendall(whole + whole[:5])
    other.close()
    frames = own.receive()
    frames += own.receive()
    assert frames == [Frame(FrameKind.REQUEST, 1, 2, b"body")]
    assert own.closed


def test_what_came_before_the_other_end_went_outlives_sending_to_it(
    ends: tuple[End, socket.socket],
) -> None:
    own, other = ends
    other.sendall(pack(FrameKind.LINK, 7, 1, b"body"))
    other.close()
    own.send(FrameKind.CONFIRM, 6)
    own.flush()
    assert own.closed
    assert [(frame.number, frame.body) for frame in own.receive()] == [(7, b"body")]


def test_sending_to_an_end_that_is_gone_closes_and_never_raises(ends: tuple[End, socket.socket]) -> None:
    own, other = ends
    other.close()
    own.send(FrameKind.REPLY, 1)
    own.flush()
    assert own.closed
    own.send(FrameKind.REPLY, 2)
    assert own.unsent_bytes == 0


def test_a_reader_that_does_not_read_is_cut_off() -> None:
    sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    own, sent = End(sock, buffer_bytes=2_000_000), 0
    while not own.closed:
        own.send(FrameKind.REPLY, sent, body=bytes(100_000))
        own.flush()
        sent += 1
        assert own.unsent_bytes <= 2_000_000
    assert sent > 20
    assert own.unsent_bytes == 0, "memory is given back"
    own.release()
    other.close()


def test_closing_twice_is_as_good_as_once(ends: tuple[End, socket.socket]) -> None:
    own, other = ends
    own.release()
    own.release()
    assert other.recv(10) == b""
