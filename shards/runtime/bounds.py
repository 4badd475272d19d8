"""The limits of a shard's loop, as one value: tests and simulations pass smaller ones."""

from typing import Final, NamedTuple

from shards import limits


class Bounds(NamedTuple):
    """See :mod:`shards.limits`."""

    batch_count: int = limits.BATCH_COUNT_MAX
    query_ms: int = limits.QUERY_MS  # 0: one query a turn
    query_count: int = limits.QUERY_COUNT_MAX
    unread_bytes: int = limits.UNREAD_BYTES_MAX
    archive_backlog_count: int = limits.ARCHIVE_BACKLOG_MAX
    link_window_bytes: int = limits.LINK_WINDOW_BYTES
    reply_piece_count: int = limits.REPLY_PIECE_COUNT
    reconnect_ms: int = limits.RECONNECT_MS


BOUNDS: Final = Bounds()
