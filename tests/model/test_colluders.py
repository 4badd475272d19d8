"""Two colluding accounts over thousands of random sequences, with marks that move: no money comes from nothing.

Exactly: from one moment to the next, with the marks and brackets of the first, and but for what marks have moved and
brackets have changed since the orders that fill were granted, by orders, changes, cancels, leverage, and money in and
out, to the unit of each fill's rounding,

* no account comes to be worth less than nothing, whether it was at risk or not, nor less than it was if it was so
  already;
* no account that was not at risk comes to be: worth no more than what must be left behind its positions.

And where nothing else has brought one at risk,

* what was taken out is never more than what was put in, and each account is worth something.
"""

import random

import pytest

from tests.model.colluders import Owner
from tests.model.seeds import read_count, read_seed

ROUNDS = 40  # of one sequence


@pytest.mark.timeout(600)
def test_two_accounts_make_no_money_of_nothing() -> None:
    seed = read_seed()
    count = read_count("SHARDEX_TEST_COLLUDERS", 500)
    quiet = 0
    for number in range(count):
        owner = Owner(random.Random(f"{seed} {number}"))
        for _ in range(ROUNDS):
            wrong = owner.go_on()
            assert not wrong, f"sequence {number}: {wrong}\n" + "\n".join(map(str, owner.told[-12:]))
        assert owner.world.violations() == []
        if not owner.watch.has_moved:
            quiet += 1
            worth = [owner.watch.worth(account).equity for account in owner.accounts]
            assert min(worth) >= -len(owner.watch.since) and sum(worth) == owner.paid_in, (number, worth, owner.paid_in)
    assert quiet > count // 4, f"a mark has brought an account at risk in all but {quiet} of {count}"
