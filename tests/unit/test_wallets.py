"""A market cannot release more than was held, whatever it says."""

import pytest

from shards.engine.account.margin import Held, Margins
from shards.engine.account.wallets import Wallets
from shards.model.accounting import MarginSettlement, MarginTerms, Settlement
from shards.model.brackets import Bracket
from shards.model.orders import Side
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected

TERMS = MarginTerms(hold_value=1_000, order_value=1_000, default_leverage=10, max_position_value=10**9)


def test_more_than_was_held_is_never_released() -> None:
    wallets = Wallets()
    wallets.deposit("alice", "USDT", 100)
    assert wallets.hold("alice", "USDT", 40)
    with pytest.raises(AssertionError):
        wallets.settle(Settlement("alice", "USDT", "DF", 41, 0, 0, 0))


@pytest.mark.parametrize(("released", "released_exposure"), [(101, 0), (0, 1_001)])
def test_more_margin_than_was_held_is_never_released(released: int, released_exposure: int) -> None:
    margins = Margins()
    margins.deposit("alice", 1_000, 0)
    assert margins.hold("alice", 1, Side.BUY, TERMS) == Held(10, 100)
    with pytest.raises(AssertionError):
        margins.settle(MarginSettlement("alice", 1, Side.BUY, 10, released, released_exposure), 0)


def test_one_unit_too_little_margin_holds_nothing() -> None:
    margins = Margins()
    margins.deposit("alice", 99, 0)
    assert margins.hold("alice", 1, Side.BUY, TERMS) == Rejected(RejectReason.INSUFFICIENT_MARGIN)
    margins.deposit("alice", 1, 0)
    assert margins.hold("alice", 1, Side.BUY, TERMS) == Held(10, 100)
    assert margins.available("alice") == 0


def test_at_risk_there_is_no_allowance() -> None:
    """An account that is worth no more than what its positions must have."""
    margins = Margins()
    margins.brackets[1] = [Bracket(10**12, 20, 10_000)]
    assert margins.allowance("alice", 1) == 0
    margins.deposit("alice", 1, 0)
    assert (margins.allowance("alice", 1), margins.allowance("alice", 2)) == (10_000, 0)
