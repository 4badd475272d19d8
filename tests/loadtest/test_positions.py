"""What trades do to a position, reckoned by hand."""

from decimal import Decimal

import pytest

from loadtest.positions import Position

FLAT = ("0", "0")


@pytest.mark.parametrize(
    ("before", "amount", "price", "after", "profit"),
    [
        (FLAT, "2", "100", ("2", "200"), "0"),
        (FLAT, "-2", "100", ("-2", "200"), "0"),
        (("2", "200"), "1", "130", ("3", "330"), "0"),
        (("3", "330"), "-1", "120", ("2", "220"), "10"),
        (("-3", "330"), "1", "120", ("-2", "220"), "-10"),
        (("3", "0.000010"), "-1", "0", ("2", "0.000007"), "-0.000003"),  # the share is rounded down
        (("-3", "0.000010"), "1", "0", ("-2", "0.000007"), "0.000003"),
        (("2", "0.000007"), "-2", "0", FLAT, "-0.000007"),  # and all that is left goes with the last
        (("1", "100"), "-3", "90", ("-2", "180"), "-10"),  # a flip
        (("-1", "100"), "3", "90", ("2", "180"), "10"),
    ],
)
def test_a_trade(before: tuple[str, str], amount: str, price: str, after: tuple[str, str], profit: str) -> None:
    found = _position(before).trade(Decimal(amount), Decimal(price), 1)
    assert found == (_position(after), Decimal(profit))


def test_a_position_that_was_opened_and_closed_in_thirds_has_all_its_money() -> None:
    position, cash = Position(), Decimal(0)
    for amount, price in (("0.7", "100.01"), ("-0.3", "99.37"), ("-0.3", "101.13"), ("-0.2", "98.11"), ("0.1", "97.3")):
        position, profit = position.trade(Decimal(amount), Decimal(price), 7)
        cash += profit + Decimal(amount) * Decimal(price)
        assert cash == position.signed_cost
    assert position == Position()


def test_the_margin_is_rounded_up_and_given_back_in_shares() -> None:
    position, margins = Position(), []
    for amount, price in (("-2", "100"), ("-1", "0.000001"), ("1", "90"), ("2", "80")):
        position, _ = position.trade(Decimal(amount), Decimal(price), 3)
        margins.append(str(position.margin))
    assert margins == ["66.666667", "66.666668", "44.444446", "0.000000"]


def _position(amounts: tuple[str, str]) -> Position:
    """With a leverage of 1 the margin is the cost."""
    amount, cost = amounts
    return Position(Decimal(amount), Decimal(cost), Decimal(cost))
