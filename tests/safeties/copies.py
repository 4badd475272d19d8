"""What makes an orderly stop quick to start from, and a backup a moment of all shards."""

from typing import Final

from tests.safeties.safety import Safety

_BACKUP: Final = "tests/crash/test_backup.py::"
_STOP: Final = "tests/crash/test_stop.py::"

COPIES: Final = (
    Safety(
        "stop_takes_a_snapshot",
        "shards/runtime/loop.py",
        "        self._snapshots.finish(self.engine, self._journal, limits.SNAPSHOT_STOP_MS / 1000)\n",
        "        self._snapshots.wait()\n",
        _STOP + "test_after_a_stop_nothing_is_replayed_and_all_is_there",
    ),
    Safety(
        "stop_does_not_wait_for_its_snapshot",
        "shards/runtime/snapshots.py",
        "        while self._child is not None and time.monotonic() < until_s:\n",
        "        while self._child is not None:\n",
        _STOP + "test_a_stop_does_not_wait_for_a_snapshot_that_does_not_end",
    ),
    Safety(
        "journals_are_trimmed_after_a_restart",
        "shards/runtime/snapshots.py",
        "        self._surplus = True  # there may be more",
        "        self._surplus = False  # there may be more",
        _STOP + "test_after_a_stop_nothing_is_replayed_and_all_is_there",
    ),
    Safety(
        "verify_finds_gaps_of_links",
        "shards/verify/folder.py",
        "        if at_rest:\n",
        "        if False:\n",
        _STOP + "test_verify_tells_a_folder_with_an_older_history",
    ),
    Safety(
        "backup_is_of_one_moment",
        "storage/moment.py",
        "    if moved or watch",
        "    if watch",
        "tests/unit/test_moment.py::test_a_message_received_between_two_looks_was_sent_in_the_same_moment",
    ),
    Safety(
        "backup_has_the_reference_of_that_moment",
        "storage/moment.py",
        """    if moved or watch.execute("PRAGMA data_version").fetchone() != version:\n""",
        "    if moved:\n",
        "tests/unit/test_moment.py::test_reference_data_are_of_the_same_moment",
    ),
    Safety(
        "nothing_is_discarded_while_copied",
        "storage/keeping.py",
        "        yield _lock(descriptor, fcntl.LOCK_SH)\n",
        "        yield True\n",
        _BACKUP + "test_two_at_a_time_and_one_that_stands_still",
    ),
    Safety(
        "backup_has_all_that_was_archived",
        "shards/archive/process.py",
        "        if not self._history.checkpoint():\n",
        "        if False:\n",
        _BACKUP + "test_under_load_each_holds_what_was_acknowledged_before_it",
    ),
    Safety(
        "backup_looks_again_at_the_history",
        "shards/backup.py",
        """        same = b"".join(map(_read_head, history.sizes)) == history.head\n""",
        "        same = True\n",
        _BACKUP + "test_at_rest_and_after_a_kill",
    ),
    Safety(
        "backup_is_not_worked_on",
        "storage/folder.py",
        "        if os.path.exists(path / MANIFEST):\n",
        "        if False:\n",
        _BACKUP + "test_a_backup_is_for_its_owner_and_for_restoring_only",
    ),
    Safety(
        "backup_is_put_in_place_at_its_end",
        "storage/backup.py",
        """    aside = target.with_name(f".{target.name}.unfinished")\n""",
        "    aside = target\n",
        _BACKUP + "test_ended_in_its_midst_it_is_not_there",
    ),
    Safety(
        "restore_compares_each_byte",
        "storage/backup.py",
        "            if copied != facts:\n",
        "            if False:\n",
        _BACKUP + "test_a_damaged_backup_is_not_restored",
    ),
)
