"""How a market counts and writes prices, quantities and averages, and which shard owns what."""

from collections import Counter
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from shards.model.markets import shard_of_account, shard_of_symbol
from tests.model.seeds import repeatable
from tests.model.world import make_market

MARKET = make_market(1)  # tick 0.01, lot 0.1, base 8, quote 6 decimals
COARSE = replace(MARKET, tick_digits=25, price_decimals=1, lot_digits=5, lot_decimals=0)  # tick 2.5, lot 5


def test_units_follow_from_tick_lot_and_decimals() -> None:
    assert MARKET.lot_units == 10**7
    assert MARKET.tick_lot_units == 10**3
    assert COARSE.lot_units == 5 * 10**8
    assert COARSE.tick_lot_units == 25 * 5 * 10**5
    assert (str(MARKET.tick), str(MARKET.lot)) == ("Decimal(digits=1, decimals=2)", "Decimal(digits=1, decimals=1)")


@pytest.mark.parametrize(("ticks", "text"), [(1, "0.01"), (500, "5.00"), (10**11, "1000000000.00")])
def test_a_price_has_the_ticks_decimals(ticks: int, text: str) -> None:
    assert MARKET.format_price(ticks) == text


@pytest.mark.parametrize(("lots", "text"), [(0, "0"), (1, "0.1"), (10, "1"), (1000, "100"), (25, "2.5")])
def test_a_quantity_has_no_trailing_zeros(lots: int, text: str) -> None:
    assert MARKET.format_quantity(lots) == text


def test_steps_other_than_powers_of_ten_are_multiplied_out() -> None:
    assert COARSE.format_price(3) == "7.5"
    assert COARSE.format_quantity(3) == "15"
    assert COARSE.format_average(7, 2) == "8.75"


@pytest.mark.parametrize(
    ("value", "quantity", "text"),
    [
        (0, 0, "0"),
        (1000, 2, "5.00"),
        (1001, 2, "5.005"),
        (1000, 3, "3.3333333333"),
        (2000, 3, "6.6666666667"),
        (1, 2 * 10**8, "0"),  # half of the last place: to even
        (3, 2 * 10**8, "0.0000000002"),
        (500 * 10**9, 10**9, "5.00"),
    ],
)
def test_an_average_is_a_tick_or_eight_decimals_finer(value: int, quantity: int, text: str) -> None:
    assert MARKET.format_average(value, quantity) == text


@repeatable
@given(st.integers(1, 10**30), st.integers(1, 10**15))
def test_an_average_is_never_further_off_than_half_its_last_place(value: int, quantity: int) -> None:
    with localcontext() as context:
        context.prec = 60
        difference = abs(Decimal(MARKET.format_average(value, quantity)) - Decimal(value) / quantity / 100)
        assert difference <= Decimal("0.5e-10")


@pytest.mark.parametrize("shard_count", [1, 2, 3, 4, 7, 64])
def test_every_shard_gets_its_share_of_accounts_and_symbols(shard_count: int) -> None:
    accounts = Counter(shard_of_account(f"account-{number}", shard_count) for number in range(20_000))
    symbols = Counter(shard_of_symbol(f"C{number}USDT", shard_count) for number in range(20_000))
    for counts in (accounts, symbols):
        assert set(counts) == set(range(shard_count))
        assert max(counts.values()) < 1.25 * 20_000 / shard_count + 50


def test_owners_never_change() -> None:
    assert [shard_of_symbol(name, 4) for name in ("DFUSDT", "BTCUSDT", "ETHUSDT")] == [2, 1, 3]
    assert [shard_of_account(name, 4) for name in ("alice", "bob", "carol", "dave")] == [0, 0, 1, 3]
