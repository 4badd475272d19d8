"""What keeps acknowledged things on disk, and refuses what is damaged."""

from typing import Final

from tests.safeties.safety import Safety

_JOURNAL: Final = "tests/unit/test_journal.py::"
_FLIPS: Final = "tests/crash/test_flips.py::"
_SOURCE: Final = "tests/crash/test_damaged_source.py::test_what_is_damaged_is_not_copied"
_SNAPSHOT: Final = "tests/unit/test_snapshot.py::"

DISK: Final = (
    Safety(
        "sync_before_reply",
        "shards/runtime/loop.py",
        """                self._journal.append(self._records(batch.inputs, stamp_ms))
            except StorageFull:
                self._refuse_unwritten(batch)
            else:
                self.mailbox.take_arrived()
                for each in batch.inputs:
                    self._apply(each, stamp_ms, batch)
""",
        """                records = self._records(batch.inputs, stamp_ms)
                self.mailbox.take_arrived()
                for each in batch.inputs:
                    self._apply(each, stamp_ms, batch)
                self._send()
                self._journal.append(records)
            except StorageFull:
                self._refuse_unwritten(batch)
""",
        "sim 4",
    ),
    Safety(
        "commit_is_synced",
        "storage/journal.py",
        'db.execute("PRAGMA synchronous=FULL")',
        'db.execute("PRAGMA synchronous=NORMAL")',
        _JOURNAL + "test_each_commit_is_synced",
    ),
    Safety(
        "failed_sync_is_not_a_full_disk",
        "storage/journal.py",
        """            if not is_full(error):
                raise
            if self._db.in_transaction""",
        """            if self._db.in_transaction""",
        _JOURNAL + "test_a_failing_write_is_no_full_disk",
    ),
    Safety(
        "failed_sync_ends_the_process",
        "shards/runtime/loop.py",
        "            except StorageFull:\n",
        "            except Exception:\n",
        "sim 4",
    ),
    Safety(
        "storage_full_applies_nothing",
        "shards/runtime/loop.py",
        """                self._refuse_unwritten(batch)
            else:
""",
        """                self._refuse_unwritten(batch)
            if True:
""",
        "sim 4",
    ),
    Safety(
        "full_disk_asks_nobody",
        "shards/runtime/loop.py",
        "        batch.holds.clear()\n",
        "",
        "tests/unit/test_loop.py::test_a_full_disk_refuses_what_another_shard_would_have_to_hold",
    ),
    Safety(
        "storage_full_leaves_no_part_of_a_batch",
        "storage/journal.py",
        """            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.execute("COMMIT")
""",
        """            self._db.executemany("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?)", rows)
""",
        _JOURNAL + "test_the_disk_may_fill_up_at_any_page[4]",
    ),
    Safety(
        "journal_checksum",
        "storage/journal.py",
        "                if chain(last.checksum, record) != checksum:\n",
        "                if False:\n",
        _JOURNAL + "test_a_changed_or_removed_record_is_named_and_nothing_after_it_is_read",
    ),
    Safety(
        "journal_checksum_chain",
        "storage/journal.py",
        "    return zlib.crc32(record.body, zlib.crc32(head))",
        "    return zlib.crc32(record.body, zlib.crc32(head.partition(b',')[2]))",
        _JOURNAL + "test_a_position_of_another_journal_does_not_fit",
    ),
    Safety(
        "journal_gap",
        "storage/journal.py",
        "                if sequence != last.sequence + 1:\n",
        "                if False:\n",
        _JOURNAL + "test_a_changed_or_removed_record_is_named_and_nothing_after_it_is_read",
    ),
    Safety(
        "snapshot_checksum",
        "storage/snapshot.py",
        "    if (state_hash(snapshot.state), state_hash(snapshot.underway)) != hashes:\n",
        "    if False:\n",
        _SNAPSHOT + "test_a_flipped_bit_in_the_parts_is_noticed",
    ),
    Safety(
        "snapshot_in_one_step",
        "storage/files.py",
        '    aside = path.with_name(f".{path.name}.{os.getpid()}")\n    descriptor',
        "    aside = path\n    descriptor",
        "tests/unit/test_files.py::test_a_file_is_whole_or_not_there",
    ),
    Safety(
        "snapshot_is_what_was_dumped",
        "shards/runtime/recovery.py",
        "    if not same or state_hash(dump_state(engine)) != state_hash(snapshot.state):\n",
        "    if not same:\n",
        "tests/unit/test_recovery.py::test_a_snapshot_that_does_not_load_to_itself_is_refused",
    ),
    Safety(
        "journal_reaches_its_snapshot",
        "shards/runtime/recovery.py",
        "    if last < position.sequence:\n",
        "    if False:\n",
        "tests/unit/test_recovery.py::test_a_journal_that_ends_before_its_snapshot_is_refused",
    ),
    Safety(
        "trimming_waits_for_the_archive",
        "shards/runtime/snapshots.py",
        "        if not self._surplus and engine.outboxes[ARCHIVE].confirmed < self._rows_needed:\n",
        "        if False:\n",
        "tests/unit/test_snapshots.py::test_nothing_is_trimmed_before_the_archive_has_its_rows",
    ),
    Safety(
        "trimming_waits_for_the_snapshots",
        "shards/runtime/snapshots.py",
        "        self._trim_until = oldest if len(kept) == SNAPSHOTS_KEPT_COUNT else 0\n",
        "        self._trim_until = self.sequence\n",
        "tests/unit/test_snapshots.py::test_the_journal_reaches_back_to_the_oldest_snapshot",
    ),
    Safety(
        "shard_count_is_fixed",
        "storage/folder.py",
        '        if shard_count not in (None, facts["shards"]):\n',
        "        if False:\n",
        "tests/crash/test_damage.py::test_an_engine_that_may_not_start",
    ),
    Safety(
        "folder_format",
        "storage/folder.py",
        "    if found != FORMAT:\n",
        "    if False:\n",
        "tests/unit/test_folder.py::test_another_format_is_refused",
    ),
    Safety(
        "one_engine_on_a_folder",
        "shards/process.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n",
        "",
        "tests/unit/test_folder.py::test_a_lock_is_held_by_one",
    ),
    Safety(
        "folder_is_the_owners_alone",
        "storage/folder.py",
        "        path.mkdir(mode=0o700, parents=True, exist_ok=True)\n",
        "        path.mkdir(parents=True, exist_ok=True)\n",
        "tests/unit/test_folder.py::test_nobody_else_may_look_into_it",
    ),
    Safety(
        "archive_is_the_owners_alone",
        "storage/archive.py",
        "        os.chmod(path, 0o600)\n",
        "",
        "tests/unit/archive/test_once.py::test_nobody_else_may_read_the_file",
    ),
    Safety(
        "lost_records_are_missed",
        "shards/runtime/recovery.py",
        "    journal.check_end()\n",
        "",
        _FLIPS + "test_the_newest_records_are_missed",
    ),
    Safety(
        "lost_rows_of_the_history_are_missed",
        "shards/archive/mark.py",
        "    if marked is not None and reached.sequence <= marked.sequence and reached != marked:\n",
        "    if False:\n",
        _FLIPS + "test_what_was_there_before",
    ),
    Safety(
        "lost_changes_of_the_reference_are_missed",
        "storage/reference_file.py",
        "    if marked is not None and state.sequence <= marked.sequence and state != marked:\n",
        "    if False:\n",
        _FLIPS + "test_a_revoked_key_does_not_come_back",
    ),
    Safety(
        "lost_records_are_not_copied",
        "shards/backup.py",
        "            journal.check_end()\n",
        "            pass\n",
        _SOURCE + "[the end of a journal]",
    ),
    Safety(
        "lost_rows_of_the_history_are_not_copied",
        "shards/backup.py",
        "        if confirmed is not None:\n",
        "        if False:\n",
        _SOURCE + "[the end of the history]",
    ),
    Safety(
        "lost_changes_of_the_reference_are_not_copied",
        "shards/backup.py",
        "check_whole(moment, acknowledged)",
        "check_whole(moment, None)",
        _SOURCE + "[the end of the reference]",
    ),
    Safety(
        "missing_parts_are_not_made_anew",
        "storage/folder.py",
        '        if missing:\n            raise FolderError(f"{missing[0]} is missing or empty: {ADVICE}")\n',
        '        if False:\n            raise FolderError(f"{missing[0]} is missing or empty: {ADVICE}")\n',
        _FLIPS + "test_any_file_gone[stopped]",
    ),
    Safety(
        "rows_are_whole",
        "storage/seals.py",
        "    if _checksum(table.name, values) != stated:\n",
        "    if False:\n",
        _FLIPS + "test_any_row_by_hand[decimals]",
    ),
    Safety(
        "rows_are_all_there",
        "storage/seals.py",
        "        if (len(rows), sum(row[-1] for row in found) % _MODULUS) != self._seal(table.name):\n",
        "        if False:\n",
        _FLIPS + "test_any_row_by_hand[an asset removed]",
    ),
    Safety(
        "rows_belong_to_their_table",
        "storage/seals.py",
        "    content = msgspec.msgpack.encode((name, *values))\n",
        "    content = msgspec.msgpack.encode(values)\n",
        "tests/http/test_reference.py::test_a_row_of_another_table",
    ),
    Safety(
        "small_files_are_whole",
        "storage/sealed.py",
        "    if stated is not None and stated != _checksum(fields):\n",
        "    if False:\n",
        "tests/unit/test_folder.py::test_a_turned_byte_is_refused",
    ),
    Safety(
        "what_is_counted_with_is_compared",
        "shards/runtime/reconcile.py",
        "        if differences:\n",
        "        if False:\n",
        "tests/http/test_half_done.py::test_another_reference_file_is_refused",
    ),
    Safety(
        "whoever_writes_last_has_asked_last",
        "web/operator/actions.py",
        "    while stored != market:\n",
        "    if stored != market:\n",
        "tests/http/test_half_done.py::test_two_operators_at_once",
    ),
    Safety(
        "risk_terms_may_be_ahead_of_the_file",
        "shards/runtime/terms.py",
        ", futures=None, risk=None)\n",
        ", futures=None)\n",
        "tests/http/test_half_done.py::test_risk_terms_that_only_the_shard_has",
    ),
)
