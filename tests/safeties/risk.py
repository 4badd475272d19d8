"""What keeps futures from making money of nothing: fills that holds pay for, losses that are held, bands, leave."""

from typing import Final

from tests.safeties.safety import Safety

_COVER: Final = "tests/model/test_futures_cover.py::"
_LEAVE: Final = "tests/model/test_futures_leave.py::"
_FIRST: Final = "tests/model/test_futures_first_terms.py::"
_VECTORS: Final = "tests/http/futures/test_risk_vectors.py::"

RISK: Final = (
    Safety(
        "grants_are_measured_again",
        "shards/engine/market/cover.py",
        "    if not at.rules:\n        return False\n",
        "    return False\n",
        _COVER + "test_the_first_to_come_before_the_grant",
    ),
    Safety(
        "a_hold_of_nothing_pays_for_nothing",
        "shards/engine/market/cover.py",
        " and (hold_price or at.rules)\n",
        " and hold_price\n",
        _COVER + "test_the_first_to_come_before_the_grant",
    ),
    Safety(
        "a_fired_grant_is_measured_again",
        "shards/engine/market/execution.py",
        "        elif self._requests.falls_short("
        "order, cover_in(held), reduces=held.terms.reduces, closes=held.terms.closes):\n",
        "        elif False:\n",
        _COVER + "test_a_fired_trigger_that_a_better_bid_meets",
    ),
    Safety(
        "a_granted_change_is_measured_again",
        "shards/engine/market/futures.py",
        "        if unheld < 0 or unvalued < 0 or short:\n",
        "        if unheld < 0 or unvalued < 0:\n",
        _COVER + "test_a_change_that_a_better_bid_meets",
    ),
    Safety(
        "leave_for_what_is_reduced",
        "shards/engine/market/margin_requests.py",
        "        if order.reduce_only and margin.reduced_by(order, filled) > reduces:\n",
        "        if False:\n",
        _LEAVE + "test_a_position_that_has_grown_is_asked_for_once_more",
    ),
    Safety(
        "what_only_closes_is_looked_at_again",
        "shards/engine/market/futures.py",
        "            granted.order, cover_in(granted), reduces=granted.reduces, closes=granted.closes\n",
        "            granted.order, cover_in(granted), reduces=granted.reduces, closes=False\n",
        _COVER + "test_each_of_many_orders_alone_would_only_close",
    ),
    Safety(
        "a_change_that_only_closes_is_looked_at_again",
        "shards/engine/market/futures.py",
        " closes=granted.closes, changes=order\n",
        " closes=False, changes=order\n",
        _COVER + "test_each_of_many_changes_alone_would_only_close",
    ),
    Safety(
        "a_trigger_that_only_closes_is_looked_at_again",
        "shards/engine/market/execution.py",
        " closes=held.terms.closes):\n",
        " closes=False):\n",
        _COVER + "test_each_of_many_triggers_alone_would_only_close",
    ),
    Safety(
        "margin_of_the_worst_fill_is_its_maintenance",
        "web/operator/bracket_rows.py",
        " > MILLION - band for",
        " > MILLION for",
        "tests/http/futures/test_risk_rules.py::test_the_margin_of_the_worst_fill_is_its_maintenance",
    ),
    Safety(
        "loss_is_held",
        "shards/engine/market/price_band.py",
        "    return loss if loss > 0 and mark else 0\n",
        "    return 0\n",
        _COVER + "test_a_mark_that_has_gone_away_is_lost_too",
    ),
    Safety(
        "price_band",
        "shards/engine/market/futures_checks.py",
        "        if not is_outside_band(self._margin, side, price):\n",
        "        if True:\n",
        _COVER + "test_a_price_that_is_too_far_by_now",
    ),
    Safety(
        "no_more_leave_than_there_is",
        "shards/engine/account/margin.py",
        "        if more and more + moved > self.leave(account, market, lots):\n",
        "        if False:\n",
        _LEAVE + "test_all_may_be_lost_with_the_last_of_a_position",
    ),
    Safety(
        "leave_spares_what_remains",
        "shards/engine/account/margin.py",
        "        return max(rest - left - (left > 0), rest * (needed - left) // needed if needed else 0)\n",
        "        return max(rest, rest * (needed - left) // needed if needed else 0)\n",
        _LEAVE + "test_what_remains_of_a_position_keeps_its_maintenance",
    ),
    Safety(
        "leave_spares_what_orders_hold",
        "shards/engine/account/margin.py",
        " - sum(own.hold for own in self",
        " - sum(own.leave for own in self",
        _LEAVE + "test_what_other_orders_hold_may_not_be_lost_too",
    ),
    Safety(
        "not_far_without_leave",
        "shards/engine/market/futures.py",
        "            cover = Cover(limit_without_hold(new.side, cover, granted.allowance), 0, 0)\n",
        "            cover = Cover(cover.limit, 0, 0)\n",
        _VECTORS + "test_what_only_reduces_at_any_price_goes_no_further_than_it_may[1-shard]",
    ),
    Safety(
        "a_fired_trigger_not_far_without_leave",
        "shards/engine/market/execution.py",
        "            return limit_without_hold(order.side, cover, held.allowance)\n",
        "            return cover.limit\n",
        _LEAVE + "test_at_risk_what_only_reduces_goes_to_the_mark",
    ),
    Safety(
        "nothing_is_free_at_risk",
        "shards/engine/account/margin.py",
        "        if brackets is None or self._worth(account) <= self._maintenance(account):\n",
        "        if brackets is None:\n",
        _LEAVE + "test_at_risk_a_price_beyond_the_mark_needs_leave",
    ),
    Safety(
        "judged_by_the_worse_of_two_marks",
        "shards/engine/account/margin.py",
        "        moved = lots * max(0, mark - terms.mark if side is SELL else terms.mark - mark)\n",
        "        moved = 0\n",
        _LEAVE + "test_a_mark_that_came_back_has_not_made_anybody_rich",
    ),
    Safety(
        "maintenance_is_not_available",
        "shards/engine/account/margin.py",
        " - max(used - min(0, unrealised), needed - unrealised + (needed > 0))\n",
        " - used + min(0, unrealised)\n",
        _LEAVE + "test_what_positions_must_have_is_not_there_to_be_used",
    ),
    Safety(
        "a_change_by_the_brackets_of_now",
        "shards/engine/market/margin_requests.py",
        " else min(order.leverage, market.brackets[0].max_leverage)\n",
        " else order.leverage\n",
        _LEAVE + "test_a_change_has_no_more_leverage_than_there_is",
    ),
    Safety(
        "a_first_mark_ends_what_it_would_ruin",
        "shards/engine/market/futures.py",
        "                self._expire_uncovered(effects)\n",
        "                pass\n",
        _FIRST + "test_what_would_lose_by_it_expires[1-84000-mark]",
    ),
    Safety(
        "first_terms_end_what_they_would_ruin",
        "shards/engine/market/futures.py",
        "        if first:\n            self._expire_uncovered(effects)\n",
        "",
        _FIRST + "test_what_would_lose_by_it_expires[1-84000-terms]",
    ),
    Safety(
        "who_makes_the_first_mark_does_not_rest_beyond_it",
        "shards/engine/market/execution.py",
        " or (unmarked and order.filled and margin.rules and is_uncovered(margin, order)):\n",
        ":\n",
        _FIRST + "test_what_is_left_of_who_makes_the_first_mark_does_not_rest",
    ),
    Safety(
        "the_first_fill_bounds_the_others",
        "shards/engine/market/execution.py",
        "        reach = within_first_mark(margin, order, limit) if unmarked else limit\n",
        "        reach = limit\n",
        _FIRST + "test_who_makes_the_first_mark_goes_no_farther_from_it_than_one_may",
    ),
    Safety(
        "a_sale_counts_as_it_may_fill",
        "shards/engine/account/margin.py",
        "max(terms.order_value, terms.entry_value)",
        "terms.order_value",
        _FIRST + "test_a_sale_counts_at_the_price_at_which_it_fills[2]",
    ),
    Safety(
        "a_share_of_what_is_left",
        "shards/engine/account/margin.py",
        "        return max(rest - left - (left > 0), rest * (needed - left) // needed if needed else 0)\n",
        "        return rest - left\n",
        _LEAVE + "test_at_risk_each_part_has_its_share_of_what_is_left[2]",
    ),
    Safety(
        "most_at_a_leverage",
        "shards/engine/account/margin.py",
        " and value > most_at(brackets, at)\n",
        " and value > brackets[-1].cap\n",
        _VECTORS + "test_the_most_at_each_leverage[1-shard]",
    ),
    Safety(
        "leverage_not_above_what_is_there",
        "shards/engine/account/margin.py",
        " and there > most_at(brackets, leverage):\n",
        " and there < 0:\n",
        _VECTORS + "test_a_leverage_too_high_for_what_is_there[1-shard]",
    ),
    Safety(
        "journals_of_before_by_their_rules",
        "shards/engine/market/cover.py",
        "    if not at.rules:\n        return False\n",
        "",
        "tests/data/test_journals.py::test_a_journal_comes_to_the_state_that_it_came_to",
    ),
)
