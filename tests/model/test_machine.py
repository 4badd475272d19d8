"""A whole spot exchange under random trading, late delivery, death and recovery; every invariant, always."""

import pytest

from tests.model.exchange_machine import Exchange, run


@pytest.mark.timeout(600)  # a failure is made small, which takes longer than to find it
def test_no_mixture_of_trading_delay_and_death_violates_an_invariant() -> None:
    run(Exchange, 200)
