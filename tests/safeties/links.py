"""What makes many shards one exchange: order, once, in time, within bounds."""

from typing import Final

from tests.safeties.safety import Safety

_WORLD: Final = "tests/model/test_world.py::"
_PROTOCOL: Final = "tests/unit/test_protocol.py::"
_MAILBOX: Final = "tests/unit/test_mailbox.py::"
_ONCE: Final = "tests/unit/archive/test_once.py::"

LINKS: Final = (
    Safety(
        "link_number_checked_in_the_mailbox",
        "shards/ipc/mailbox.py",
        "        if frame.number == expected:\n",
        "        if True:\n",
        _MAILBOX + "test_link_messages_are_taken_once_and_in_order",
    ),
    Safety(
        "link_gap_stops_the_receiver",
        "shards/ipc/mailbox.py",
        "            raise self._lost(frame.source, frame.number - 1)\n",
        "            pass\n",
        _MAILBOX + "test_a_gap_in_a_link_is_told_and_nothing_after_it_is_taken",
    ),
    Safety(
        "lost_messages_told_at_the_welcome",
        "shards/ipc/mailbox.py",
        "        if promise.confirmed > self._received[source]:\n",
        "        if False:\n",
        _MAILBOX + "test_what_was_confirmed_and_is_missing_is_told_before_anything_is_sent",
    ),
    Safety(
        "shards_say_what_was_confirmed",
        "shards/runtime/peer.py",
        "self._outbox.last_number, self._outbox.confirmed)",
        "self._outbox.last_number, 0)",
        "tests/crash/test_lost_history.py::test_the_archive_refuses_until_the_newest_is_back[gone]",
    ),
    Safety(
        "link_number_checked_when_applied",
        "shards/engine/engine.py",
        '            assert number == self.received[source] + 1, "link messages come in order, each once"\n',
        "",
        "tests/unit/test_engine.py::test_a_link_message_out_of_turn_is_not_applied",
    ),
    Safety(
        "link_number_in_the_archives_transaction",
        "storage/archive.py",
        "            self._transact([*inserts, *sorting])\n",
        "            self._transact(inserts[:-1])\n            self._transact(inserts[-1:])\n",
        _ONCE + "test_rows_and_their_numbers_are_stored_together",
    ),
    Safety(
        "archive_skips_what_it_has",
        "shards/archive/service.py",
        "                if number <= positions.get(shard, 0):\n",
        "                if False:\n",
        _ONCE + "test_an_older_state_of_a_market_that_comes_again_is_skipped",
    ),
    Safety(
        "archive_distrusts_itself_after_a_failure",
        "storage/archive.py",
        """            self._failed = True
            raise""",
        """            raise""",
        _ONCE + "test_a_failed_store_leaves_nothing_and_a_new_opening_goes_on",
    ),
    Safety(
        "receiver_ahead_of_its_sender",
        "shards/runtime/peer.py",
        "        if welcome.received > self._outbox.last_number:\n",
        "        if False:\n",
        "tests/crash/test_links.py::test_a_journal_that_lost_its_end_is_noticed",
    ),
    Safety(
        "links_before_a_decision",
        "shards/runtime/loop.py",
        """        if requests:
            self.mailbox.poll_links()
""",
        "",
        "sim 5",
    ),
    Safety(
        "reply_after_its_link_messages",
        "shards/runtime/reply_queue.py",
        "            if full is None:\n",
        "            if True:\n",
        _WORLD + "test_a_reply_waits_until_the_release_is_in_the_home_shards_queue",
    ),
    Safety(
        "serving_only_when_caught_up",
        "shards/runtime/loop.py",
        "        self.mailbox.serving = (caught_up and reached) or self._has_waited()\n",
        "        self.mailbox.serving = True\n",
        "tests/crash/test_links.py::test_a_shard_that_comes_back_serves_only_with_what_callers_were_told_meanwhile",
    ),
    Safety(
        "deadline_of_a_command",
        "shards/runtime/loop.py",
        "        if now > request.deadline_ms:\n",
        "        if False:\n",
        "tests/unit/test_loop.py::test_a_command_past_its_deadline_is_not_executed",
    ),
    Safety(
        "deadline_of_a_grant",
        "shards/engine/order_entry.py",
        "        late = Refused(Reason.TIMEOUT) if effects.now_ms > granted.deadline_ms else None\n",
        "        late = None\n",
        _WORLD + "test_a_grant_past_its_deadline_is_not_placed_and_its_hold_released",
    ),
    Safety(
        "mailbox_bound",
        "shards/ipc/counters.py",
        "        if self.qsize() <= self._words[_MAXSIZE]:\n",
        "        if True:\n",
        "tests/unit/test_counters.py::test_at_the_bound_nobody_gets_a_place",
    ),
    Safety(
        "dead_callers_give_their_places_back",
        "shards/ipc/mailbox.py",
        "            self._counters.clear(slot)  # a caller that was cut off may have",
        "            pass  # a caller that was cut off may have",
        _MAILBOX + "test_a_count_left_behind_by_a_killed_caller_is_cleared",
    ),
    Safety(
        "archive_backlog_bound",
        "shards/runtime/loop.py",
        " > limits.ARCHIVE_BACKLOG_MAX and self._would_make_rows(message):\n",
        " < 0:\n",
        "tests/unit/test_loop.py::test_an_archive_that_is_far_behind_stops_what_makes_rows_without_end",
    ),
    Safety(
        "frame_bound",
        "shards/ipc/frames.py",
        "        if size > FRAME_BYTES_MAX:\n",
        "        if False:\n",
        _PROTOCOL + "test_a_frame_is_too_long_by_its_head_alone",
    ),
    Safety(
        "hello_first",
        "shards/ipc/protocol.py",
        "        if kind == _REQUEST and self._greeted:\n",
        "        if kind == _REQUEST:\n",
        _MAILBOX + "test_who_does_not_say_hello_first_is_cut_off",
    ),
    Safety(
        "only_shards_send_link_messages",
        "shards/ipc/protocol.py",
        "        if kind == _LINK and self.source >= 0:\n",
        "        if kind == _LINK:\n",
        _PROTOCOL + "test_what_may_not_be_said_ends_the_stream_after_what_came_before[a link of nobody]",
    ),
)
