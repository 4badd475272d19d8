"""Answers of SQL statements in pieces, kept between the queries for them: at most one per caller.

A caller that asks for no piece for a minute, or gets none for as long, counts as gone, as does one that has closed its
connection: then its statement ends.
"""

import threading
from collections.abc import Callable, Generator
from typing import Final

from shards.clock import monotonic_ms
from shards.ipc.protocol import Caller
from shards.limits import SQL_PIECE_MS
from shards.model.queries import RunMore, RunSql
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply, TableReply

Run = Callable[[RunSql, threading.Event], Generator[Reply]]

_NONE: Final = Rejected(RejectReason.BAD_SQL, text="no statement of yours is running")
_ANOTHER: Final = Rejected(RejectReason.BAD_SQL, text="another statement of yours is running")
_TOO_LATE: Final = Rejected(RejectReason.BAD_SQL, text=f"the statement gave no row for {SQL_PIECE_MS // 1000} s")


class _Answer:
    """The answer of one statement. Only one thread runs it at a time."""

    def __init__(self, pieces: Generator[Reply], gone: threading.Event) -> None:
        self._pieces = pieces
        self._running = threading.Lock()
        self.gone = gone
        self.until_ms = monotonic_ms() + SQL_PIECE_MS
        self.has_ended = False

    def next(self) -> Reply:
        with self._running:
            self.until_ms = monotonic_ms() + SQL_PIECE_MS
            reply = next(self._pieces, _NONE)
            is_late = monotonic_ms() >= self.until_ms and isinstance(reply, Rejected)
            self.until_ms = monotonic_ms() + SQL_PIECE_MS
            self.has_ended = not isinstance(reply, TableReply) or not reply.rows
        return _TOO_LATE if is_late else reply

    def end(self) -> None:
        with self._running:
            self._pieces.close()


class SqlPieces:
    """The pending answers, by caller."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._answers: dict[Caller, _Answer] = {}

    def ask(self, caller: Caller, query: RunSql | RunMore) -> Callable[[], Reply]:
        """Return a function that produces the first or next piece, for any thread."""
        if isinstance(query, RunSql):
            if caller in self._answers:
                return lambda: _ANOTHER
            gone = threading.Event()
            self._answers[caller] = _Answer(self._run(query, gone), gone)
        answer = self._answers.get(caller)
        return answer.next if answer is not None else lambda: _NONE

    def notice_gone(self) -> list[Callable[[], None]]:
        """Drop ended answers, and interrupt the statements of callers that have gone.

        Returns cleanup functions to be run in any thread.
        """
        ended = [self._answers.pop(caller) for caller in list(self._answers) if self._is_over(caller)]
        for answer in ended:
            answer.gone.set()
        return [answer.end for answer in ended]

    def _is_over(self, caller: Caller) -> bool:
        answer = self._answers[caller]
        return answer.has_ended or caller.closed or monotonic_ms() >= answer.until_ms

    def close(self) -> None:
        """End all statements. None may be running in another thread."""
        for answer in self._answers.values():
            answer.gone.set()
            answer.end()
