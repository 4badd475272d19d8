"""Order numbers and the UUIDs that carry them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.limits import MARKET_NUMBER_MAX, SEQUENCE_BITS
from shards.model.ids import ORDER, TRADE, from_uuid, is_uuid, make_number, market_of, sequence_of, to_uuid
from tests.model.seeds import repeatable

KEY = b"k" * 32
markets = st.integers(1, MARKET_NUMBER_MAX)
sequences = st.integers(1, 2**SEQUENCE_BITS - 1)


@repeatable
@given(markets, sequences)
def test_a_number_gives_back_its_market_and_sequence(market: int, sequence: int) -> None:
    number = make_number(market, sequence)
    assert (market_of(number), sequence_of(number)) == (market, sequence)
    assert number < 2**53


@repeatable
@given(markets, sequences, st.sampled_from([ORDER, TRADE]), st.binary(min_size=1, max_size=64))
def test_a_uuid_gives_back_its_number(market: int, sequence: int, kind: bytes, key: bytes) -> None:
    number = make_number(market, sequence)
    text = to_uuid(number, key, kind)
    assert from_uuid(text, key, kind) == number
    assert from_uuid(text.upper(), key, kind) == number
    assert UUID(text).version == 8 and UUID(text).variant == "specified in RFC 4122"
    assert text == text.lower() and is_uuid(text)


@repeatable
@given(markets, sequences)
def test_another_key_or_kind_does_not_know_it(market: int, sequence: int) -> None:
    text = to_uuid(make_number(market, sequence), KEY, ORDER)
    assert from_uuid(text, b"another key", ORDER) is None
    assert from_uuid(text, KEY, TRADE) is None


@repeatable
@given(markets, sequences, st.integers(0, 127))
def test_one_flipped_bit_makes_it_unknown(market: int, sequence: int, bit: int) -> None:
    text = to_uuid(make_number(market, sequence), KEY)
    assert from_uuid(str(UUID(int=UUID(text).int ^ 1 << bit)), KEY) is None


@repeatable
@given(st.uuids())
def test_a_made_up_uuid_is_unknown(made_up: UUID) -> None:
    assert from_uuid(str(made_up), KEY) is None


def test_numbers_next_to_each_other_look_unrelated() -> None:
    texts = [to_uuid(make_number(1, sequence), KEY) for sequence in range(1, 200)]
    assert len({text[-12:] for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "5c1d90e204a78f3ba6d27e9b13c04d58", "{5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58}",
        "5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d5", "5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58 ",
        "5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d5g", "urn:uuid:5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58",
        "5c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58\n", "5c1d90e-204a7-8f3b-a6d2-7e9b13c04d58",
        "\uff15c1d90e2-04a7-8f3b-a6d2-7e9b13c04d58",
    ],
)  # fmt: skip
def test_what_is_not_a_hyphenated_uuid_is_refused(text: str) -> None:
    assert not is_uuid(text)
    assert from_uuid(text, KEY) is None


def test_a_uuid_of_any_version_and_case_is_a_uuid() -> None:
    assert is_uuid("5C1D90E2-04a7-1f3b-06d2-7e9b13c04d58")
