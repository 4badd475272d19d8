"""The answers of operators' statements: in one reply within bounds, or in pieces of any number."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from shards.archive.json_values import shower
from shards.limits import ARCHIVE_MEMORY, FRAME_BYTES_MAX, SQL_MS_MAX, SQL_ROW_COUNT_MAX
from shards.model.codec import encode
from shards.model.replies import JsonScalar, TableReply
from storage.statements import Selection, SqlRejected

ANSWER_BYTES_MAX: Final = FRAME_BYTES_MAX - 64 * 1024  # of a SQL answer: one frame, less some bytes for its envelope


class SqlBounds(NamedTuple):
    """Limits of operators' statements: DuckDB's memory, their duration, and the size of an answer."""

    memory: str = ARCHIVE_MEMORY
    sql_ms: int = SQL_MS_MAX
    row_count: int = SQL_ROW_COUNT_MAX
    answer_bytes: int = ANSWER_BYTES_MAX


def in_one(selection: Selection, limit: int, bounds: SqlBounds) -> TableReply:
    """Return the rows, at most ``limit`` (0: all).

    Raises SqlRejected if they are too many: an answer is never truncated, since a truncated one looks complete.
    """
    answer = TableReply(selection.columns, [], selection.types)
    size = len(encode(answer))
    for rows in _shown(selection, limit):
        answer.rows += rows
        size += len(encode(rows))
        if len(answer.rows) > bounds.row_count:
            raise SqlRejected(f"the answer has more than {bounds.row_count} rows: group them, or add a LIMIT")
        if size > bounds.answer_bytes:
            raise SqlRejected(f"the answer is larger than {bounds.answer_bytes} bytes: select less")
    return answer


def in_pieces(selection: Selection, limit: int) -> Iterator[TableReply]:
    """Yield the rows, at most ``limit`` (0: all), some in each reply."""
    for rows in _shown(selection, limit):
        for piece in _that_fit(rows):
            yield TableReply(selection.columns, piece, selection.types)


def _shown(selection: Selection, limit: int) -> Iterator[list[list[JsonScalar]]]:
    """Yield the converted rows in pieces, at most ``limit`` (0: all), reading no more pieces than needed."""
    show = [shower(type_) for type_ in selection.types]
    left = limit
    for piece in selection.pieces:
        if limit:
            piece = piece[:left]
            left -= len(piece)
        yield [[to_cell(value) for to_cell, value in zip(show, row, strict=True)] for row in piece]
        if limit and not left:
            break


def _that_fit(rows: list[list[JsonScalar]]) -> Iterator[list[list[JsonScalar]]]:
    """Split the rows into pieces that fit into one message."""
    if len(encode(rows)) <= ANSWER_BYTES_MAX:
        yield rows
    elif len(rows) > 1:
        half = len(rows) // 2
        yield from _that_fit(rows[:half])
        yield from _that_fit(rows[half:])
    else:
        raise SqlRejected(f"a row is larger than {ANSWER_BYTES_MAX} bytes: select less")
