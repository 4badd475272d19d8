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
        "shards/cover.py",
        "    if not at.rules:\n        return False\n",
        "    return False\n",
        _COVER + "test_the_first_to_come_before_the_grant",
    ),
    Safety(
        "a_hold_of_nothing_pays_for_nothing",
        "shards/cover.py",
        " and (hold_price or at.rules)\n",
        " and hold_price\n",
        _COVER + "test_the_first_to_come_before_the_grant",
    ),
    Safety(
        "a_fired_grant_is_measured_again",
        "shards/trigger_market.py",
        "        elif self._is_short_by_now(order, held):\n",
        "        elif False:\n",
        _COVER + "test_a_fired_trigger_that_a_better_bid_meets",
    ),
    Safety(
        "a_granted_change_is_measured_again",
        "shards/futures.py",
        "        short = is_short(self, new, cover)\n",
        "        short = False\n",
        _COVER + "test_a_change_that_a_better_bid_meets",
    ),
    Safety(
        "leave_for_what_is_reduced",
        "shards/futures.py",
        "        if late and (too_little or opens or is_short(self, new, cover)):\n",
        "        if late and (opens or is_short(self, new, cover)):\n",
        _LEAVE + "test_a_position_that_has_grown_is_asked_for_once_more",
    ),
    Safety(
        "what_only_closes_is_looked_at_again",
        "shards/futures.py",
        "        opens = granted.closes and not self.only_closes(new, new.quantity)\n",
        "        opens = False\n",
        _COVER + "test_each_of_many_orders_alone_would_only_close",
    ),
    Safety(
        "a_change_that_only_closes_is_looked_at_again",
        "shards/futures.py",
        " or (granted.closes and not self.only_closes(order, new.quantity - order.quantity))\n",
        "\n",
        _COVER + "test_each_of_many_changes_alone_would_only_close",
    ),
    Safety(
        "a_trigger_that_only_closes_is_looked_at_again",
        "shards/trigger_market.py",
        "        if held.terms.closes and not self.only_closes(order, order.quantity):\n",
        "        if False:\n",
        _COVER + "test_each_of_many_triggers_alone_would_only_close",
    ),
    Safety(
        "margin_of_the_worst_fill_is_its_maintenance",
        "web/futures/bracket_rows.py",
        " > MILLION - band for",
        " > MILLION for",
        "tests/http/futures/test_risk_rules.py::test_the_margin_of_the_worst_fill_is_its_maintenance",
    ),
    Safety(
        "loss_is_held",
        "shards/price_band.py",
        "    return loss if loss > 0 and mark else 0\n",
        "    return 0\n",
        _COVER + "test_a_mark_that_has_gone_away_is_lost_too",
    ),
    Safety(
        "price_band",
        "shards/futures.py",
        "        if not is_outside_band(self, side, price):\n",
        "        if True:\n",
        _COVER + "test_a_price_that_is_too_far_by_now",
    ),
    Safety(
        "no_more_leave_than_there_is",
        "shards/margin.py",
        "        if more and more + moved > self.leave(account, market, lots):\n",
        "        if False:\n",
        _LEAVE + "test_all_may_be_lost_with_the_last_of_a_position",
    ),
    Safety(
        "leave_spares_what_remains",
        "shards/margin.py",
        "                    rest -= maintenance(brackets, max(0, left) * self.marks[market])\n",
        "                    rest -= 0 * left\n",
        _LEAVE + "test_what_remains_of_a_position_keeps_its_maintenance",
    ),
    Safety(
        "leave_spares_what_orders_hold",
        "shards/margin.py",
        "        held = sum(own.hold for own in self",
        "        held = sum(own.leave for own in self",
        _LEAVE + "test_what_other_orders_hold_may_not_be_lost_too",
    ),
    Safety(
        "not_far_without_leave",
        "shards/futures.py",
        "                cover = Cover(limit_without_hold(new.side, cover, granted.allowance), 0, 0)\n",
        "                cover = Cover(cover.limit, 0, 0)\n",
        _VECTORS + "test_what_only_reduces_at_any_price_goes_no_further_than_it_may[1-shard]",
    ),
    Safety(
        "a_fired_trigger_not_far_without_leave",
        "shards/trigger_market.py",
        "            return limit_without_hold(order.side, cover_in(held), held.allowance)\n",
        "            return cover_in(held).limit\n",
        _LEAVE + "test_at_risk_what_only_reduces_goes_to_the_mark",
    ),
    Safety(
        "nothing_is_free_at_risk",
        "shards/margin.py",
        " if brackets is not None and self._surplus(account) > 0 else 0\n",
        " if brackets is not None else 0\n",
        _LEAVE + "test_at_risk_a_price_beyond_the_mark_needs_leave",
    ),
    Safety(
        "judged_by_the_worse_of_two_marks",
        "shards/margin.py",
        "        moved = lots * max(0, mark - terms.mark if side is SELL else terms.mark - mark)\n",
        "        moved = 0\n",
        _LEAVE + "test_a_mark_that_came_back_has_not_made_anybody_rich",
    ),
    Safety(
        "maintenance_is_not_available",
        "shards/margin.py",
        " - max(used - min(0, unrealised), needed - unrealised)\n",
        " - used + min(0, unrealised)\n",
        _LEAVE + "test_what_positions_must_have_is_not_there_to_be_used",
    ),
    Safety(
        "a_change_by_the_brackets_of_now",
        "shards/futures.py",
        " else min(order.leverage, self.market.brackets[0].max_leverage)\n",
        " else order.leverage\n",
        _LEAVE + "test_a_change_has_no_more_leverage_than_there_is",
    ),
    Safety(
        "a_first_mark_ends_what_it_would_ruin",
        "shards/trigger_market.py",
        "                self._expire_uncovered(effects)\n",
        "                pass\n",
        _FIRST + "test_what_would_lose_by_it_expires[1-84000-mark]",
    ),
    Safety(
        "first_terms_end_what_they_would_ruin",
        "shards/margin_market.py",
        "        if first:\n            self._expire_uncovered(effects)\n",
        "",
        _FIRST + "test_what_would_lose_by_it_expires[1-84000-terms]",
    ),
    Safety(
        "who_makes_the_first_mark_does_not_rest_beyond_it",
        "shards/margin_market.py",
        " or (unmarked and self.rules and is_uncovered(self, order)):\n",
        ":\n",
        _FIRST + "test_what_is_left_of_who_makes_the_first_mark_does_not_rest",
    ),
    Safety(
        "most_at_a_leverage",
        "shards/margin.py",
        " and value > most_at(brackets, at)\n",
        " and value > brackets[-1].cap\n",
        _VECTORS + "test_the_most_at_each_leverage[1-shard]",
    ),
    Safety(
        "leverage_not_above_what_is_there",
        "shards/margin.py",
        "            if found.position.cost + max(found.bid_value, found.ask_value) > most_at(brackets, leverage):\n",
        "            if False:\n",
        _VECTORS + "test_a_leverage_too_high_for_what_is_there[1-shard]",
    ),
    Safety(
        "journals_of_before_by_their_rules",
        "shards/cover.py",
        "    if not at.rules:\n        return False\n",
        "",
        "tests/data/test_journals.py::test_a_journal_comes_to_the_state_that_it_came_to",
    ),
)
