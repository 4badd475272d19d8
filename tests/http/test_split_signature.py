"""Signature pairs are found the quick way as pair by pair."""

import random

import pytest

from tests.model.seeds import read_seed
from web.http.signing import split_signature

WORDS = (b"signature=", b"Signature=", b"&", b"&", b"a=1", b"signature", b"x", b"=", b"\n", b"%26")
TEXTS = 20_000


def pair_by_pair(text: bytes, any_case: bool) -> tuple[bytes, list[bytes]]:
    kept, signatures = [], []
    for pair in text.split(b"&"):
        name, found, value = pair.partition(b"=")
        if found and (name.lower() if any_case else name) == b"signature":
            signatures.append(value)
        else:
            kept.append(pair)
    return b"&".join(kept), signatures


@pytest.mark.parametrize("any_case", [False, True])
def test_split(any_case: bool) -> None:
    rnd = random.Random(read_seed())
    for _ in range(TEXTS):
        text = b"".join(rnd.choices(WORDS, k=rnd.randrange(10)))
        assert split_signature(text, any_case) == pair_by_pair(text, any_case), text
