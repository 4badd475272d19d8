"""An engine applies what follows, and nothing else."""

import pytest

from shards.engine import MAILBOX, Engine
from shards.messages import Deposit, Settle


def test_a_link_message_out_of_turn_is_not_applied() -> None:
    """Twice, or with one missing: the mailbox keeps such away, and a journal that has them is damaged."""
    engine = Engine(0, 2)
    engine.apply(1, 1_000, 1, 1, Settle([]))
    for number in (1, 3):
        with pytest.raises(AssertionError):
            engine.apply(2, 1_000, 1, number, Settle([]))
    assert (engine.sequence, engine.received) == (1, {1: 1})


@pytest.mark.parametrize(("sequence", "stamp_ms"), [(1, 1_000), (3, 1_000), (2, 999)])
def test_an_input_that_does_not_follow_is_not_applied(sequence: int, stamp_ms: int) -> None:
    engine = Engine(0, 1)
    engine.apply(1, 1_000, MAILBOX, 0, Deposit("alice", "USDT", 5, "one"))
    with pytest.raises(AssertionError):
        engine.apply(sequence, stamp_ms, MAILBOX, 0, Deposit("alice", "USDT", 5, "two"))
    assert engine.accounts.wallets.available("alice", "USDT") == 5
