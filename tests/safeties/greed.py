"""What keeps whoever asks for much from keeping others waiting, and memory from growing for who does not read."""

from typing import Final

from tests.safeties.safety import Safety

_LOOP: Final = "tests/unit/test_loop.py::"
_CONNECTION: Final = "tests/unit/server/test_connection.py::"

GREED: Final = (
    Safety(
        "commands_before_questions",
        "shards/runtime/loop.py",
        "            asking = self._asked.take() if self._passed_ms() < until_ms else None\n",
        "            asking = self._asked.take()\n",
        _LOOP + "test_commands_come_first_and_accounts_take_turns_with_their_questions",
    ),
    Safety(
        "accounts_take_turns",
        "shards/runtime/query_queue.py",
        """                if queue:
                    self._queues[account] = queue
                return asking
""",
        """                if queue:
                    self._queues = {account: queue, **self._queues}
                return asking
""",
        _LOOP + "test_commands_come_first_and_accounts_take_turns_with_their_questions",
    ),
    Safety(
        "questions_of_an_account_bounded",
        "shards/runtime/query_queue.py",
        "        elif len(queue) >= QUESTION_COUNT_MAX:\n",
        "        elif False:\n",
        _LOOP + "test_an_account_has_only_so_many_questions_waiting",
    ),
    Safety(
        "questions_bounded_as_the_mailbox",
        "shards/runtime/query_queue.py",
        "        if self._count >= self._count_max:\n",
        "        if False:\n",
        _LOOP + "test_no_more_questions_wait_than_the_mailbox_holds",
    ),
    Safety(
        "deadline_of_a_question_that_waited",
        "shards/runtime/loop.py",
        "        if self._clock() > request.deadline_ms:\n",
        "        if False:\n",
        _LOOP + "test_a_question_that_has_waited_past_its_deadline_is_not_answered",
    ),
    Safety(
        "no_answers_for_who_does_not_read",
        "shards/runtime/query_queue.py",
        "    return asking.request.caller.unsent_bytes <= UNREAD_BYTES_MAX\n",
        "    return True\n",
        _LOOP + "test_who_does_not_read_gets_no_further_answers",
    ),
    Safety(
        "untold_money_on_a_full_disk",
        "shards/runtime/loop.py",
        "        elif self.mailbox.arrived() and self._untold.concerns(account):\n",
        "        elif False:\n",
        _LOOP + "test_a_full_disk_keeps_back_what_it_cannot_take_up_and_nothing_else",
    ),
    Safety(
        "backlog_copied_once",
        "shards/ipc/frames.py",
        "        return self._begun\n",
        "        return bytes(self._begun)\n",
        "tests/unit/test_connection.py::test_however_much_waits_each_byte_is_copied_once",
    ),
    Safety(
        "lists_begin_at_the_end_asked_for",
        "shards/engine/queries.py",
        "    wanted = range(first, end) if question.oldest_first else range(end - 1, first - 1, -1)\n",
        "    wanted = range(first, end)\n",
        "tests/http/futures/test_full_account.py::test_pages",
    ),
    Safety(
        "unread_answers_bounded",
        "web/server/worker.py",
        "        while self._unread_bytes > self.unread_bytes_max:\n",
        "        while False:\n",
        _CONNECTION + "test_answers_that_nobody_takes_are_bounded_together",
    ),
    Safety(
        "odd_connections_make_room",
        "web/server/connection.py",
        "        return not self._busy if self._stream is None else self._stream.is_waiting\n",
        "        return not self._busy and self._stream is None\n",
        _CONNECTION + "test_who_asks_in_unusual_ways_makes_room",
    ),
    Safety(
        "heard_before_it_makes_room",
        "web/server/worker.py",
        "        return next((connection for connection in in_order if not connection.has_come()), None)\n",
        "        return next(iter(in_order), None)\n",
        _CONNECTION + "test_no_more_connections_than_may_be",
    ),
    Safety(
        "room_made_by_whoever_waits",
        "web/server/stream.py",
        "            self._note_waiting()\n",
        "            pass\n",
        _CONNECTION + "test_no_more_connections_than_may_be",
    ),
    Safety(
        "odd_answers_close_while_stopping",
        "web/server/worker.py",
        "        keep_alive = self.alive and not req.should_close()\n",
        "        keep_alive = not req.should_close()\n",
        _CONNECTION + "test_stop_answers_what_is_under_way",
    ),
)
