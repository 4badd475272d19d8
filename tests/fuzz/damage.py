"""Ways to mutate a request after it was signed: its parts as bytes, and then its framing."""

import random
from collections.abc import Callable
from typing import Any, Final

from tests.fuzz.draft import Signed
from tests.fuzz.values import HEADERS

Json = Any
Chance = random.Random


def forge_query(chance: Chance, signed: Signed) -> None:
    """A byte of the query is another one."""
    if signed.query:
        place = chance.randrange(len(signed.query))
        signed.query = signed.query[:place] + chance.choice(b"0a=%+.-_~/:,;").to_bytes() + signed.query[place + 1 :]


def forge_body(chance: Chance, signed: Signed) -> None:
    """A byte of the body is another one."""
    if signed.body:
        place = chance.randrange(len(signed.body))
        signed.body = signed.body[:place] + chance.randbytes(1) + signed.body[place + 1 :]


def cut_body(chance: Chance, signed: Signed) -> None:
    """The body ends early, and says so."""
    signed.body = signed.body[: chance.randrange(len(signed.body) + 1)]


def stretch_body(chance: Chance, signed: Signed) -> None:
    """The body has more."""
    signed.body += chance.choice([b" ", b"\n", b"\x00", b"}", b"&a=1", b"x" * 70_000])


def chunk(chance: Chance, signed: Signed) -> None:
    """The body comes in chunks."""
    signed.chunked = True


def drop_header(chance: Chance, signed: Signed) -> None:
    """A header less: of most requests, the only one they show who they are with."""
    if signed.headers:
        signed.headers.pop(chance.randrange(len(signed.headers)))


def double_header(chance: Chance, signed: Signed) -> None:
    """A header twice."""
    if signed.headers:
        signed.headers.append(chance.choice(signed.headers))


def forge_header(chance: Chance, signed: Signed) -> None:
    """A letter of a header is another one."""
    if signed.headers:
        place = chance.randrange(len(signed.headers))
        name, value = signed.headers[place]
        cut = chance.randrange(len(value) + 1)
        signed.headers[place] = (name, value[:cut] + chance.choice([b"a", b"\xff", b".", b" ", b""]) + value[cut + 1 :])


def add_header(chance: Chance, signed: Signed) -> None:
    """A header more."""
    signed.headers.insert(chance.randrange(len(signed.headers) + 1), chance.choice(HEADERS))


AFTER: Final[tuple[Callable[[Chance, Signed], None], ...]] = (
    *(forge_query, forge_body, cut_body, stretch_body, chunk, drop_header, double_header, forge_header, add_header),
    add_header,
)
"""What is done to a signed request: it stays one request, but its signature may have become a bad one."""


def flip(chance: Chance, data: bytes) -> bytes:
    """Some bytes are others."""
    found = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def cut(chance: Chance, data: bytes) -> bytes:
    """It ends early."""
    return data[: chance.randrange(len(data))]


def insert(chance: Chance, data: bytes) -> bytes:
    """Something in between."""
    place = chance.randrange(len(data) + 1)
    more = chance.choice(
        [b"\r\n", b"\n", b"\r", b"\x00", b" ", b":", b"\r\n\r\n", b"Content-Length: 5\r\n", chance.randbytes(8)]
    )
    return data[:place] + more + data[place:]


def relength(chance: Chance, data: bytes) -> bytes:
    """Another length than the body has."""
    head, _, rest = data.partition(b"Content-Length: ")
    number, _, rest = rest.partition(b"\r\n")
    if not number.isdigit():
        return flip(chance, data)
    length = int(number)
    wrong: Json = chance.choice(
        [
            length + 1,
            max(0, length - 1),
            0,
            10**12,
            2**64,
            -1,
            "",
            "+1",
            "0x1",
            "1 1",
            "1,1",
            " 2",
            "²",
            f"{length}\r\nContent-Length: 0",
        ]
    )
    return head + b"Content-Length: " + str(wrong).encode("latin-1") + b"\r\n" + rest


def pipeline(chance: Chance, data: bytes) -> bytes:
    """The same again, at once."""
    return data * chance.randint(2, 5)


def encode(chance: Chance, data: bytes) -> bytes:
    """Both a length and chunks, or an encoding nobody knows."""
    line = chance.choice(
        [b"chunked", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked", b"\x0bchunked", b""]
    )
    return data.replace(b"\r\n", b"\r\nTransfer-Encoding: " + line + b"\r\n", 1)


FRAMING: Final[tuple[Callable[[Chance, bytes], bytes], ...]] = (flip, flip, cut, insert, relength, pipeline, encode)
"""What is done to a request's bytes: nobody knows how many requests come of it."""
