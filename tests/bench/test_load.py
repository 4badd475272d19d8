"""The load generator against a server that answers in whatever way it is told."""

import socket
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from loadtest.bench.load import LoadError, run_closed, run_open

REQUEST = b"GET / HTTP/1.1\r\n\r\n"

Answer = Callable[[socket.socket, bytes], None]


class Server:
    """Hands each request, with its connection, to ``answer``."""

    def __init__(self) -> None:
        self.answer: Answer = lambda sock, _: sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.requests: list[tuple[int, bytes]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            waiting = b""
            while chunk := sock.recv(4_096):
                waiting += chunk
                while (end := waiting.find(b"\r\n\r\n")) >= 0:
                    request, waiting = waiting[: end + 4], waiting[end + 4 :]
                    self.requests.append((id(sock), request))
                    self.answer(sock, request)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def test_each_request_is_answered_once(server: Server) -> None:
    items = [(b"GET /%d HTTP/1.1\r\n\r\n" % number,) for number in range(500)]
    sample = run_closed(server.port, items, connections=7)
    assert sorted(request for _, request in server.requests) == sorted(request for (request,) in items)
    assert len(sample.latencies) == 500
    assert sample.statuses == {b"200": 500}


def test_fewer_requests_than_connections(server: Server) -> None:
    assert run_closed(server.port, [(REQUEST,)] * 3, connections=8).statuses == {b"200": 3}


def test_requests_of_an_item_follow_each_other_on_one_connection(server: Server) -> None:
    items = [tuple(b"GET /%d/%d HTTP/1.1\r\n\r\n" % (item, step) for step in range(3)) for item in range(40)]
    run_closed(server.port, items, connections=5)
    by_connection: dict[int, list[bytes]] = {}
    for connection, request in server.requests:
        by_connection.setdefault(connection, []).append(request)
    for requests in by_connection.values():
        assert all(tuple(requests[first : first + 3]) in items for first in range(0, len(requests), 3))


def test_an_answer_in_pieces_is_one_answer(server: Server) -> None:
    pause = threading.Event()

    def answer(sock: socket.socket, _: bytes) -> None:
        for piece in (b"HTTP/1.1 20", b"0 OK\r\ncontent-length: 4\r\n\r", b"\n{}", b"{}"):
            sock.sendall(piece)
            pause.wait(0.005)  # so that the pieces come one by one

    server.answer = answer
    assert run_closed(server.port, [(REQUEST,)] * 6, connections=2).statuses == {b"200": 6}


def test_other_statuses_are_reported(server: Server) -> None:
    server.answer = lambda sock, _: sock.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    assert run_closed(server.port, [(REQUEST,)] * 4).statuses == {b"503": 4}
    assert run_open(server.port, [(REQUEST,)] * 4, rate=1_000).statuses == {b"503": 4}


@pytest.mark.parametrize("fault", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
def test_what_cannot_be_measured_is_a_fault(server: Server, fault: bytes) -> None:
    def answer(sock: socket.socket, _: bytes) -> None:
        sock.sendall(fault)
        sock.shutdown(socket.SHUT_WR)

    server.answer = answer
    with pytest.raises(LoadError):
        run_closed(server.port, [(REQUEST,)] * 4, connections=1)


def test_latency_counts_from_the_moment_of_being_due(server: Server) -> None:
    """One connection, answers that take longer than the gap between requests: each request waits longer."""
    pause = threading.Event()

    def answer(sock: socket.socket, _: bytes) -> None:
        pause.wait(0.02)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server.answer = answer
    latencies = run_open(server.port, [(REQUEST,)] * 20, rate=1_000, connections=1).latencies
    # each takes at least 20 ms and is due 1 ms after the one before
    assert all(later - earlier > 0.0185 for earlier, later in pairwise(latencies))


def test_an_open_loop_keeps_its_rate(server: Server) -> None:
    """Never faster than asked for, however fast the answers come."""
    assert run_open(server.port, [(REQUEST,)] * 50, rate=500, connections=4).seconds >= 49 / 500
