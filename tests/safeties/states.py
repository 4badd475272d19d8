"""What tells states as they are, keeps one server on an address, and lets nothing outlive who started it."""

from typing import Final

from tests.safeties.safety import Safety

_CLAIMS: Final = "tests/unit/test_claims.py::"

STATES: Final = (
    Safety(
        "a_full_disk_is_told",
        "shards/runtime/loop.py",
        "        self._room.ran_out()\n",
        "",
        "tests/crash/test_states.py::test_a_full_disk_is_told_once",
    ),
    Safety(
        "what_stands_still_is_replaced",
        "shards/supervisor.py",
        "        if self._watch.still_s >= self._still_s_max:\n",
        "        if False:\n",
        "tests/crash/test_states.py::test_what_stands_still_is_replaced_and_what_computes_is_not",
    ),
    Safety(
        "what_computes_is_not_replaced",
        "shards/watch.py",
        "        stands = state in _STANDS and cpu == self._cpu\n",
        "        stands = True\n",
        "tests/unit/test_watch.py::test_what_computes_lives",
    ),
    Safety(
        "a_suspended_machine_is_no_standstill",
        "shards/watch.py",
        "        spent_s, self._looked_ms = min((now - self._looked_ms) / 1_000, LOOK_TURN_S), now\n",
        "        spent_s, self._looked_ms = (now - self._looked_ms) / 1_000, now\n",
        "tests/unit/test_watch.py::test_a_look_after_a_long_time_counts_little",
    ),
    Safety(
        "shards_end_with_their_supervisor",
        "shards/process.py",
        "        end_with_parent(parent.pid, signal.SIGKILL)\n",
        "        pass\n",
        "tests/crash/test_orphans.py::test_the_supervisor_is_killed[2]",
    ),
    Safety(
        "halves_end_with_their_runner",
        "web/cli/halves.py",
        "    end_with_parent(runner, signal.SIGTERM)\n",
        "",
        "tests/crash/test_orphans.py::test_the_runner_is_killed",
    ),
    Safety(
        "what_a_killed_runner_left_is_ended",
        "web/cli/run.py",
        "            half.take_over()\n",
        "            pass\n",
        "tests/crash/test_orphans.py::test_what_does_not_end_is_named_and_ended_by_the_next_one",
    ),
    Safety(
        "one_gunicorn_on_an_address",
        "web/gunicorn_conf.py",
        "claim_all(addresses_of(server))",
        "{}",
        "tests/http/test_one_listener.py::test_a_second_one_is_refused[1]",
    ),
    Safety(
        "a_claim_lasts_before_workers_listen",
        "web/server/claims.py",
        "        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)",
        "        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)",
        _CLAIMS + "test_one_claim_while_nobody_listens_and_while_workers_do[127.0.0.1-free0]",
    ),
)
