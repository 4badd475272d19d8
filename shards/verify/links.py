"""Checks that shards starting from their newest snapshots still hold what their receivers lack."""

from collections.abc import Iterator, Sequence

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.state import confirmed_of
from shards.model.replies import ArchiveStatus
from storage.snapshot import Snapshot


def find_gaps(engines: Sequence[Engine], newest: Sequence[Snapshot | None], status: ArchiveStatus) -> Iterator[str]:
    """Describe messages that a sender no longer holds and its receiver never got: the link cannot continue.

    For a folder at rest: under a running engine, confirmations sent while the folder is read are missing in a journal
    read before.
    """
    for sender, snapshot in enumerate(newest):
        for receiver, confirmed in confirmed_of(snapshot.state, snapshot.underway).items() if snapshot else ():
            archived = status.positions.get(sender, 0)
            has = archived if receiver == ARCHIVE else engines[receiver].received[sender]
            if has < confirmed:
                name = "the archive" if receiver == ARCHIVE else f"shard {receiver}"
                yield f"{name} lacks messages {has + 1} to {confirmed} of shard {sender}, which no longer holds them"
