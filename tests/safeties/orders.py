"""The rules of a market: who trades with whom, once, and who may cancel."""

from typing import Final

from tests.safeties.safety import Safety

_TABLES: Final = "tests/tables/test_tables.py::test_scenario"
_FUTURES: Final = "tests/model/test_futures.py::"

ORDERS: Final = (
    Safety(
        "client_id_once",
        "shards/engine/market/matching.py",
        "        first = self.orders.named(new.account, new.client_id)\n",
        "        first = None\n",
        _TABLES
        + "[client_ids: a repeat of an open order's client id places nothing and answers with the first-1-shard]",
    ),
    Safety(
        "client_id_once_after_a_restart",
        "shards/engine/state.py",
        "        machine.restore(_decode_order(raw))\n",
        "        machine.restore(_decode_order(raw))\n        machine.by_client.clear()\n",
        _TABLES + "[client_ids: an open order's client id is known after a restart-1-shard]",
    ),
    Safety(
        "signed_request_once",
        "shards/engine/market/matching.py",
        "        again = self.replays.find(new)\n",
        "        again = None\n",
        _TABLES + "[client_ids: the very same signed market buy buys once-1-shard]",
    ),
    Safety(
        "signed_request_once_after_a_restart",
        "shards/engine/state.py",
        "        machine.replays.restore(replace(replay, order=machine.open.get(replay.order.id, replay.order)))\n",
        "        pass\n",
        _TABLES + "[client_ids: a replay is known after a restart from a snapshot-1-shard]",
    ),
    Safety(
        "payment_once",
        "shards/engine/account/machine.py",
        """        first = self.bookings.get(key)
        if first is not None:
            if (first.wallet""",
        """        first = None
        if first is not None:
            if (first.wallet""",
        _TABLES + "[money: a deposit repeated under its reference happens once and gives the first answer-1-shard]",
    ),
    Safety(
        "payment_once_after_a_restart",
        "shards/engine/state.py",
        "booking for account, reference, booking in state.bookings}",
        "booking for account, reference, booking in ()}",
        _TABLES + "[money: references are known after a restart-1-shard]",
    ),
    Safety(
        "repeats_at_once_wait_for_the_first",
        "shards/runtime/remote_holds.py",
        "        if waiting.name in self._named:  # it shall find what becomes of the first, not ask for money twice\n",
        "        if False:\n",
        "tests/model/test_world.py::test_two_repeats_at_once_place_one_order_and_hold_once",
    ),
    Safety(
        "a_change_is_not_called_busy_for_a_trigger_that_fired",
        "shards/runtime/loop.py",
        "            batch.holds.append((origin, reply.command))\n",
        "            self._replies.refuse(origin, Reason.BUSY)\n",
        "tests/unit/test_loop.py::test_a_change_that_needs_money_after_all_asks_for_it",
    ),
    Safety(
        "first_in_first_out",
        "shards/engine/market/book.py",
        "        level.orders[order.id] = order\n",
        "        level.orders = {order.id: order, **level.orders}\n",
        "tests/unit/test_book.py::test_a_level_keeps_its_orders_in_the_order_they_came",
    ),
    Safety(
        "best_price_first",
        "shards/engine/market/book.py",
        "        return (levels[key * sign] for key in reversed(self._keys))\n",
        "        return (levels[key * sign] for key in self._keys)\n",
        "tests/unit/test_book.py::test_levels_come_best_price_first",
    ),
    Safety(
        "limit_price_kept",
        "shards/engine/market/matching.py",
        "        if limited and not against.crosses(level.price, order.price):\n",
        "        if False:\n",
        "tests/unit/test_matching.py::test_a_limit_order_takes_what_its_price_reaches",
    ),
    Safety(
        "self_trade_refused",
        "shards/engine/market/spot.py",
        "        return Reason.SELF_TRADE\n",
        "        pass\n",
        _TABLES + "[self_trade: a buy that would meet the own sell is refused as a whole-1-shard]",
    ),
    Safety(
        "own_order_expires_on_futures",
        "shards/engine/market/execution.py",
        "            if maker.account == order.account:\n",
        "            if False:\n",
        _FUTURES + "test_an_own_order_in_the_way_expires",
    ),
    Safety(
        "post_only_refused",
        "shards/engine/market/spot.py",
        "    return Reason.POST_ONLY if order.tif is POST_ONLY else None\n",
        "    return None\n",
        _TABLES + "[time_in_force: a post_only buy that would trade is rejected and leaves a rejected order-1-shard]",
    ),
    Safety(
        "post_only_refused_on_futures",
        "shards/engine/market/execution.py",
        "            if best is not None and self._book.opposite(new.side).crosses(best, limit):\n",
        "            if False:\n",
        _FUTURES + "test_a_post_only_order_never_takes",
    ),
    Safety(
        "market_halted",
        "shards/engine/market/matching.py",
        "        if status is _LISTED:\n",
        "        if status is not MarketStatus.DELISTED:\n",
        _TABLES + "[market_status: a halted market refuses new orders-1-shard]",
    ),
    Safety(
        "market_delisted",
        "shards/engine/market/matching.py",
        "        if status is _LISTED:\n",
        "        if status is not MarketStatus.HALTED:\n",
        _TABLES + "[market_status: a delisted market refuses orders and every change of status-1-shard]",
    ),
    Safety(
        "delisting_gives_everything_back",
        "shards/engine/market/machine.py",
        "            self._cancel_all(self.open.values(), EndReason.DELIST, effects)\n",
        "            pass\n",
        _TABLES
        + "[market_status: delisting cancels every open order, oldest first, and gives back everything-1-shard]",
    ),
    Safety(
        "market_with_positions_stays",
        "shards/engine/market/futures.py",
        "        if status is MarketStatus.DELISTED and self.positions:\n",
        "        if False:\n",
        _FUTURES + "test_a_market_with_positions_is_not_delisted",
    ),
    Safety(
        "halted_while_the_margin_was_on_its_way",
        "shards/engine/market/execution.py",
        "        if self._matching.market.status is not MarketStatus.LISTED:\n            reason = EndReason.HALTED\n",
        "        if False:\n            reason = EndReason.HALTED\n",
        "tests/model/test_futures_edges.py::test_a_fired_trigger_does_not_trade_in_a_market_that_was_halted_since",
    ),
    Safety(
        "open_orders_bound",
        "shards/engine/market/spot.py",
        "        full = len(self.by_account.get(new.account, ())) >= OPEN_ORDERS_MAX\n",
        "        full = False\n",
        "tests/model/test_world.py::test_an_account_has_a_bounded_number_of_open_orders",
    ),
    Safety(
        "owner_of_a_canceled_order",
        "shards/engine/cancels.py",
        "        if order.account != cancel.account:\n",
        "        if False:\n",
        _TABLES + "[canceling: somebody else's order cannot be canceled and stays-1-shard]",
    ),
    Safety(
        "owner_in_a_batch_cancel",
        "shards/engine/cancels.py",
        "        if order.account != account:\n",
        "        if False:\n",
        _FUTURES + "test_a_batch_cancel_leaves_orders_and_triggers_of_others",
    ),
    Safety(
        "owner_of_a_modified_order",
        "shards/engine/market/futures_checks.py",
        "        if order is None or order.account != modify.account:\n",
        "        if order is None:\n",
        _FUTURES + "test_what_cannot_be_modified_is_refused_and_stays",
    ),
    Safety(
        "owner_of_a_parent",
        "shards/engine/market/futures_checks.py",
        "                or parent.account != new.account\n",
        "",
        "tests/model/test_futures_edges.py::test_nobody_learns_of_anothers_order_by_naming_it_as_a_parent",
    ),
    Safety(
        "reduce_only_clamped",
        "shards/engine/market/margin_trading.py",
        "        return min(left, self.reducible(order.account, order.side)) if order.reduce_only else left\n",
        "        return left\n",
        _FUTURES + "test_a_resting_reduce_only_order_never_turns_a_position",
    ),
    Safety(
        "reduce_only_clamped_when_placed",
        "shards/engine/market/futures.py",
        "            order.quantity = margin.reduced_by(order)\n        order.hold",
        "            pass\n        order.hold",
        _FUTURES + "test_reduce_only_never_turns_a_position",
    ),
    Safety(
        "children_canceled_with_their_parent",
        "shards/engine/market/execution.py",
        "        self._margin.release_rest(order, effects)\n        self._cancel_children(order, effects)\n",
        "        self._margin.release_rest(order, effects)\n",
        _FUTURES + "test_a_canceled_parent_takes_its_triggers_along_in_the_same_input",
    ),
    Safety(
        "triggers_end_with_the_position",
        "shards/engine/market/execution.py",
        "            return EndReason.POSITION_CLOSED if on_position else None\n",
        "            return None\n",
        _FUTURES + "test_triggers_outlive_their_filled_parent_and_end_with_the_position",
    ),
    Safety(
        "trigger_that_would_fire_at_once",
        "shards/engine/market/futures_checks.py",
        "        wrong = any(price and would_fire(order.kind, order.side, stop_price, price) for price in prices)\n",
        "        wrong = False\n",
        _FUTURES + "test_a_trigger_that_would_fire_at_once_is_refused",
    ),
)
