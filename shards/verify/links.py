"""Whether shards that start from their newest snapshots still hold what their receivers lack."""

from collections.abc import Iterator, Sequence

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.state import confirmed_of
from shards.model.replies import ArchiveStatus
from storage.snapshot import Snapshot


def find_gaps(engines: Sequence[Engine], newest: Sequence[Snapshot | None], status: ArchiveStatus) -> Iterator[str]:
    """Messages that a sender holds no more and its receiver never had, in words: that shard could not go on.

    Of a folder at rest: what a receiver confirms while the folder is read is not known yet when its journal is read.
    """
    for sender, snapshot in enumerate(newest):
        for receiver, confirmed in confirmed_of(snapshot.state, snapshot.underway).items() if snapshot else ():
            archived = status.positions.get(sender, 0)
            has = archived if receiver == ARCHIVE else engines[receiver].received[sender]
            if has < confirmed:
                name = "the archive" if receiver == ARCHIVE else f"shard {receiver}"
                yield f"{name} lacks messages {has + 1} to {confirmed} of shard {sender}, which no longer holds them"
