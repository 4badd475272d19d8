"""What conserves money to the last unit. Some of these are not taken away but made wrong by one unit."""

from typing import Final

from tests.safeties.safety import Safety

_TABLES: Final = "tests/tables/test_tables.py::test_scenario"
_CANCEL: Final = "[canceling: a cancel gives back everything that is held-1-shard]"

MONEY: Final = (
    Safety(
        "hold_released",
        "shards/engine/market/spot.py",
        """    def _release_rest(self, order: Order, effects: Effects) -> None:
        self._settle(order, effects, unheld=order.hold)
""",
        """    def _release_rest(self, order: Order, effects: Effects) -> None:
""",
        _TABLES + _CANCEL,
    ),
    Safety(
        "hold_released_once",
        "shards/engine/market/spot.py",
        """    def _release_rest(self, order: Order, effects: Effects) -> None:
        self._settle(order, effects, unheld=order.hold)
""",
        """    def _release_rest(self, order: Order, effects: Effects) -> None:
        self._settle(order, effects, unheld=order.hold)
        self._settle(order, effects, unheld=order.hold)
""",
        "sim 4",
    ),
    Safety(
        "only_what_was_held_is_released",
        "shards/engine/account/wallets.py",
        '        assert give.held >= 0, "a market may only release what was held"\n',
        "",
        "tests/unit/test_wallets.py::test_more_than_was_held_is_never_released",
    ),
    Safety(
        "only_held_margin_is_released",
        "shards/engine/account/margin.py",
        "        assert own.hold >= own.leave >= 0 and own.bid_value >= 0 and own.ask_value >= 0, (\n",
        "        assert True, (\n",
        "tests/unit/test_wallets.py::test_more_margin_than_was_held_is_never_released",
    ),
    Safety(
        "release_to_the_unit",
        "shards/engine/account/wallets.py",
        "        give.available += settlement.unheld - settlement.paid\n",
        "        give.available += settlement.unheld - settlement.paid - (settlement.unheld > settlement.paid)\n",
        _TABLES + _CANCEL,
    ),
    Safety(
        "fee_to_the_unit",
        "shards/engine/account/wallets.py",
        "            self.fees[settlement.take] += settlement.fee\n",
        "            self.fees[settlement.take] += settlement.fee - (settlement.fee > 0)\n",
        "sim 4",
    ),
    Safety(
        "fee_rounded_up",
        "shards/engine/market/matching.py",
        "    return ceil_div(units * bps, 10_000)\n",
        "    return units * bps // 10_000\n",
        _TABLES + "[fees: a fee is rounded up to the smallest unit-1-shard]",
    ),
    Safety(
        "futures_fee_to_the_unit",
        "shards/engine/account/margin.py",
        "        self.fees += fill.fee\n",
        "        self.fees += fill.fee - (fill.fee > 0)\n",
        "sim 4",
    ),
    Safety(
        "margin_rounded_up",
        "shards/engine/account/margin.py",
        "    return (ceil_div(terms.hold_value, leverage) if leverage else 0)",
        "    return (terms.hold_value // leverage if leverage else 0)",
        "tests/http/futures/test_margin_money.py::test_hold_is_rounded_up[1-shard]",
    ),
    Safety(
        "only_what_is_there_is_held",
        "shards/engine/account/wallets.py",
        "        if amount > self.available(account, asset):\n",
        "        if False:\n",
        _TABLES + "[resting: one unit too little is refused and leaves nothing-1-shard]",
    ),
    Safety(
        "only_what_is_there_is_held_as_margin",
        "shards/engine/account/margin.py",
        "        if amount > max(0, self.free(account)):\n",
        "        if False:\n",
        "tests/unit/test_wallets.py::test_one_unit_too_little_margin_holds_nothing",
    ),
    Safety(
        "only_what_is_there_is_withdrawn",
        "shards/engine/account/machine.py",
        "        if balance_after < 0:\n",
        "        if False:\n",
        _TABLES + "[money: what is held cannot be withdrawn-1-shard]",
    ),
    Safety(
        "only_what_is_there_is_transferred",
        "shards/engine/account/machine.py",
        "        if amount > self.wallets.available(account, asset) or -amount > self.margins.available(account):\n",
        "        if amount > self.wallets.available(account, asset):\n",
        "tests/http/test_transfer.py::test_at_most_what_may_be_withdrawn[1-shard]",
    ),
    Safety(
        "late_grant_gives_the_money_back",
        "shards/engine/order_entry.py",
        "        machine.release(granted, effects)\n",
        "",
        "tests/model/test_world.py::test_a_grant_past_its_deadline_is_not_placed_and_its_hold_released",
    ),
    Safety(
        "canceled_while_its_margin_was_on_its_way",
        "shards/engine/market/execution.py",
        " on the way\n            self._margin.release_fired(held, effects)\n",
        " on the way\n            pass\n",
        "tests/model/test_futures_edges.py::test_a_fired_trigger_canceled_before_its_margin_comes_gives_it_back",
    ),
    Safety(
        "invariant_money",
        "shards/verify/invariants.py",
        "        if have[asset] != given[asset]:\n",
        "        if False:\n",
        "tests/unit/test_invariants.py::test_what_is_wrong_is_found",
    ),
)
