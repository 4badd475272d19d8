"""What a user sends is sent once: without an answer nobody knows what came of it."""

import socket
import subprocess
import sys
import threading
from typing import Final

from web.cli.run import ROOT

# in a process of its own: locust makes all sockets of a process gevent's
_CANCEL: Final = """
import sys, loadtest.trader
from geventhttpclient import HTTPClient
HTTPClient("127.0.0.1", int(sys.argv[1])).delete("/order")
"""


def test_a_cancel_without_an_answer_is_not_sent_again() -> None:
    requests: list[bytes] = []

    def hang_up(server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                requests.append(connection.recv(10_000))

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        command = [sys.executable, "-c", _CANCEL, str(server.getsockname()[1])]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert "HTTPConnectionClosed" in ended.stderr
    assert [request.split(b" ")[0] for request in requests] == [b"DELETE"]
