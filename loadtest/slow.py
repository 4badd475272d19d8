"""A client on a slow line: it reads a response in small pieces with pauses between them."""

import http.client
import json
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from loadtest.accounts import Account
from loadtest.record import Call
from loadtest.signing import bearer

PIECE_BYTES: Final = 2_048
PAUSE_S: Final = 0.05
BUFFER_BYTES: Final = 4_096  # of the socket: so that the server has to wait for its client
ANSWER_S: Final = 60.0
TARGET: Final = "/api/v1/spot/orders?limit=200"


def read_orders(url: str, account: Account) -> Call:
    """The account's newest spot orders, read slowly on a connection of its own."""
    address = urlsplit(url)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=ANSWER_S)
    call = Call(account.account, "spot slow_orders", {}, time.time(), 0.0, 0, None)
    began = time.perf_counter()
    try:
        connection.connect()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        connection.request("GET", TARGET, headers={**bearer(account), "Connection": "close"})
        response = connection.getresponse()
        body = b""
        while piece := response.read(PIECE_BYTES):
            body += piece
            time.sleep(PAUSE_S)
        call.status, call.body = response.status, json.loads(body)
    except (OSError, http.client.HTTPException):
        pass  # no response
    except ValueError:
        call.fault = "the body is no JSON"
    finally:
        connection.close()
        call.seconds = time.perf_counter() - began
    return call
