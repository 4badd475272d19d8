"""Signatures: over the bytes received, then over the decoded ones; nothing can be hidden in a value."""

import hmac
import random

import pytest

from loadtest.signing import signature
from tests.model.seeds import read_seed
from web.http.signing import payloads, split_signature, verify

SECRET = b"k" * 64
WORDS = (b"signature=", b"Signature=", b"&", b"&", b"a=1", b"signature", b"x", b"=", b"\n", b"%26")


def sign(payload: bytes, secret: bytes = SECRET) -> bytes:
    return signature(secret, payload).encode()


@pytest.mark.parametrize(
    ("text", "kept", "signatures"),
    [
        (b"timestamp=1&signature=ab", b"timestamp=1", [b"ab"]),
        (b"signature=ab&timestamp=1", b"timestamp=1", [b"ab"]),
        (b"b=2&signature=ab&a=1", b"b=2&a=1", [b"ab"]),
        (b"a=1&&signature=ab&", b"a=1&&", [b"ab"]),
        (b"signature=ab", b"", [b"ab"]),
        (b"signature=ab&signature=cd", b"", [b"ab", b"cd"]),
        (b"%73ignature=ab", b"%73ignature=ab", []),
        (b"signature", b"signature", []),
        (b"xsignature=ab", b"xsignature=ab", []),
        (b"", b"", []),
    ],
)
def test_split(text: bytes, kept: bytes, signatures: list[bytes]) -> None:
    assert split_signature(text) == (kept, signatures)


@pytest.mark.parametrize("any_case", [False, True])
def test_split_as_pair_by_pair(any_case: bool) -> None:
    chance = random.Random(read_seed())
    for _ in range(20_000):
        text = b"".join(chance.choices(WORDS, k=chance.randrange(10)))
        assert split_signature(text, any_case) == pair_by_pair(text, any_case), text


def pair_by_pair(text: bytes, any_case: bool) -> tuple[bytes, list[bytes]]:
    kept, signatures = [], []
    for pair in text.split(b"&"):
        name, found, value = pair.partition(b"=")
        if found and (name.lower() if any_case else name) == b"signature":
            signatures.append(value)
        else:
            kept.append(pair)
    return b"&".join(kept), signatures


SIGNED_AND_SENT = {
    "no other parameter": (b"timestamp=1", b"timestamp=1", b""),
    "any order": (b"timestamp=1&b=2&a=1", b"timestamp=1&b=2&a=1", b""),
    "escaped, signed as sent": (b"ids=%5B1%2C2%5D", b"ids=%5B1%2C2%5D", b""),
    "escaped after signing": (b"ids=[1,2]", b"ids=%5B1%2C2%5D", b""),
    "escaped in lower case": (b"ids=[1,2]", b"ids=%5b1%2c2%5d", b""),
    "escaped in part": (b"ids=[1,2]", b"ids=[1%2C2]", b""),
    "space as plus": (b"ids=[1, 2]", b"ids=%5B1,+2%5D", b""),
    "space escaped": (b"ids=[1, 2]", b"ids=[1,%202]", b""),
    "plus kept": (b"x=a+b", b"x=a%2Bb", b""),
    "client id": (b"id=a:b/c&timestamp=1", b"id=a%3Ab%2Fc&timestamp=1", b""),
    "equals sign in a value": (b"x=a=b", b"x=a%3Db", b""),
    "body directly after the query": (b'timestamp=1{"a":"%41"}', b"timestamp=1", b'{"a":"%41"}'),
    "query decoded, JSON as it is": (b'x=a:b{"a":"%41+"}', b"x=a%3Ab", b'{"a":"%41+"}'),
    "form": (b"timestamp=1a=1&b=2", b"timestamp=1", b"a=1&b=2"),
    "form escaped after signing": (b"timestamp=1ids=[1, 2]", b"timestamp=1", b"ids=%5B1%2C+2%5D"),
    "only a form": (b"a=[1]", b"", b"a=%5B1%5D"),
    "body that is neither": (b"timestamp=1\xff\x00", b"timestamp=1", b"\xff\x00"),
}


@pytest.mark.parametrize(("signed", "query", "body"), SIGNED_AND_SENT.values(), ids=SIGNED_AND_SENT.keys())
def test_verifies(signed: bytes, query: bytes, body: bytes) -> None:
    assert verify(SECRET, query, body, sign(signed))
    assert verify(SECRET, query, body, sign(signed).upper())


SIGNED_AND_CHANGED = {
    "parameter added": (b"timestamp=1", b"timestamp=1&symbol=A", b""),
    "value changed": (b"symbol=A&timestamp=1", b"symbol=B&timestamp=1", b""),
    "parameter removed": (b"symbol=A&timestamp=1", b"timestamp=1", b""),
    "order changed": (b"a=1&b=2", b"b=2&a=1", b""),
    "body added": (b"timestamp=1", b"timestamp=1", b"{}"),
    "body changed": (b'timestamp=1{"a":1}', b"timestamp=1", b'{"a":2}'),
    "pair hidden in a value": (b"x=a&symbol=A", b"x=a%26symbol=A", b""),
    "pair hidden in a name": (b"x=a&symbol=A", b"x=a%26symbol%3DA", b""),
    "name and value joined": (b"a=b=c", b"a%3Db=c", b""),
    "pair hidden in a form": (b"timestamp=1x=a&b=1", b"timestamp=1", b"x=a%26b=1"),
    "JSON decoded": (b'timestamp=1{"a":"A"}', b"timestamp=1", b'{"a":"%41"}'),
    "decoded twice": (b"x=[", b"x=%255B", b""),
}


@pytest.mark.parametrize(("signed", "query", "body"), SIGNED_AND_CHANGED.values(), ids=SIGNED_AND_CHANGED.keys())
def test_refuses(signed: bytes, query: bytes, body: bytes) -> None:
    assert not verify(SECRET, query, body, sign(signed))


@pytest.mark.parametrize("signature", [b"", b"0" * 63, b"0" * 65, b"g" * 64, b"\xff" * 64, b" " + b"0" * 63])
def test_malformed_signature(signature: bytes) -> None:
    assert not verify(SECRET, b"timestamp=1", b"", signature)


def test_other_secret() -> None:
    assert not verify(SECRET, b"timestamp=1", b"", sign(b"timestamp=1", b"other"))


def test_unknown_key_never_verifies() -> None:
    for guess in (b"", b"0" * 64, SECRET):
        assert not verify(None, b"timestamp=1", b"", sign(b"timestamp=1", guess))


def test_an_unknown_key_costs_the_same_work() -> None:
    """As many digests over as many bytes as a wrong signature under a known key, so that no clock tells them apart."""
    made: list[bytes] = []

    def note(secret: bytes, payload: bytes, digest: str) -> bytes:
        made.append(payload)
        return hmac.digest(secret, payload, digest)

    for secret in (SECRET, None):
        assert not verify(secret, b"a=%20&timestamp=1", b"x=a+b", b"0" * 64, note)
    assert len(made) == 6 and made[:3] == made[3:]


def test_plain_requests_are_tried_once() -> None:
    assert list(payloads(b"timestamp=1", b'{"a":"%41"}')) == [b'timestamp=1{"a":"%41"}']
