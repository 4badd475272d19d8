"""The archive's loop: stores the events of every shard's link and answers queries about them.

Events are batched briefly and stored in one transaction with their links' positions, then confirmed. So each event is
stored exactly once, whichever process dies in between.
"""

import os
import socket
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from shards import limits
from shards.archive.lookups import Lookup
from shards.archive.service import History
from shards.archive.sql_pieces import SqlPieces
from shards.clock import monotonic_ms, now_ms
from shards.folder import Folder
from shards.ipc.mailbox import Mailbox
from shards.ipc.protocol import Request
from shards.model.codec import Undecodable, decode_event, decode_request, encode
from shards.model.events import Event
from shards.model.queries import CheckpointHistory, GetArchiveStatus, Query, RunMore, RunSql
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply
from shards.process import log
from shards.vitals import State, Vitals
from storage.keeping import may_discard


class Archivist:
    """The loop of the archive."""

    def __init__(self, folder: Folder, history: History, queue_depth: int, vitals: Vitals | None = None) -> None:
        """``vitals`` publish this process's status."""
        self.stopping = False
        self._vitals = vitals or Vitals(None)
        self._path = folder.path
        self._run = folder.run
        self._history = history
        received = {shard: history.position(shard) for shard in range(folder.shard_count)}
        self._stored = dict(received)
        self.mailbox = Mailbox(folder, "archive", queue_depth, received)
        self._events: dict[int, list[tuple[int, Event]]] = {}
        self._event_count = 0
        self._oldest_ms = 0  # by monotonic_ms: when the oldest waiting event arrived, or the disk was last found full
        self._batch_ms = limits.ARCHIVE_BATCH_MS
        self._has_room = True
        self._lookups = ThreadPoolExecutor(1, thread_name_prefix="lookup")  # lookups queued meanwhile share a search
        self._unlooked: deque[tuple[Request, Lookup]] = deque()  # lookups not yet taken by a thread
        self._lists = ThreadPoolExecutor(limits.QUERY_THREADS_COUNT, thread_name_prefix="list")
        self._statements = ThreadPoolExecutor(limits.SQL_THREADS_COUNT, thread_name_prefix="sql")
        self._query_count = 0  # queries in the pools
        self._sql: dict[Request, threading.Event] = {}  # pending statements: set when their callers have gone
        self._pieces = SqlPieces(history.run_in_pieces)
        self._answers: deque[tuple[Request, bytes]] = deque()
        self._done_receiver, self._done_sender = socket.socketpair()
        self._done_receiver.setblocking(False)
        self._done_sender.setblocking(False)
        self.mailbox.watch(self._done_receiver, self._hear_done)
        self._serve_anyway_ms = monotonic_ms() + limits.LINK_WAIT_MS

    def run(self) -> None:
        """Serve until :attr:`stopping`; then store what has arrived."""
        while not self.stopping:
            self._vitals.beat()
            self._turn(self._patience_s())
        self._vitals.state = State.STOPPED
        self._turn(0)
        self._store()
        self._send()
        self.mailbox.close()
        for pool in (self._lookups, self._lists, self._statements):
            pool.shutdown(wait=False, cancel_futures=True)
        if self._query_count:
            os._exit(0)  # a long query is still running: everything is stored, and nobody waits for its answer
        self._pieces.close()
        with may_discard(self._run) as allowed:
            self._history.close(checkpoint=allowed)

    def _patience_s(self) -> float:
        if self.mailbox.waiting() and self._room():
            return 0
        if not self._event_count:
            return limits.BEAT_S if self.mailbox.serving else limits.LINK_WAIT_TURN_MS / 1000
        return max(0, self._oldest_ms + self._batch_ms - monotonic_ms()) / 1000

    def _turn(self, patience_s: float | None) -> None:
        for act in self.mailbox.poll(patience_s):
            act()
        self._open_for_service()
        self._notice_gone()
        self._collect()
        due = self._event_count and monotonic_ms() >= self._oldest_ms + self._batch_ms
        if due or self._event_count >= limits.ARCHIVE_BATCH_COUNT_MAX:
            self._store()
        for request in self.mailbox.get(self._room()):
            self._ask(request)
        self._send()
        self._tidy()

    def _open_for_service(self) -> None:
        """Serve once every shard has sent its PROMISE, or after a timeout, since a shard may be down."""
        mailbox = self.mailbox
        has_heard = mailbox.all_promised() or monotonic_ms() >= self._serve_anyway_ms
        if has_heard and not mailbox.serving and not self.stopping:
            mailbox.serving = True
            self._vitals.state = State.SERVING if self._has_room else State.FULL

    def _tidy(self) -> None:
        """Checkpoint the DuckDB file if its log is long, unless a backup copies the file."""
        if self._history.needs_checkpoint() and self._find_room():
            with may_discard(self._run) as allowed:
                if allowed:
                    self._history.checkpoint()

    def _room(self) -> int:
        """Return how many more queries the pools accept; further ones keep their slots in the mailbox."""
        return limits.QUERY_UNDER_WAY_MAX - self._query_count

    def _collect(self) -> None:
        arrived = self.mailbox.take_arrived()
        if arrived and not self._event_count:
            self._oldest_ms = monotonic_ms()
        for frame in arrived:
            self._events.setdefault(frame.source, []).append((frame.number, decode_event(frame.body)))
            self._event_count += 1

    def _store(self) -> None:
        """Store and confirm. A failure ends the process: the shards resend what is not confirmed."""
        if not self._event_count:
            return
        if not self._find_room():
            self._oldest_ms = monotonic_ms()  # of the next try; the shards keep their events, and queries are answered
            return
        self._history.store(self._events)
        for shard, events in self._events.items():
            self._stored[shard] = events[-1][0]
        busy = self._event_count >= limits.ARCHIVE_BUSY_COUNT
        self._batch_ms = limits.ARCHIVE_BATCH_BUSY_MS if busy else limits.ARCHIVE_BATCH_MS
        self._events, self._event_count = {}, 0

    def _find_room(self) -> bool:
        disk = os.statvfs(self._path)
        has_room = disk.f_bavail * disk.f_frsize >= limits.ARCHIVE_ROOM_BYTES
        if has_room != self._has_room:
            self._has_room = has_room
            self._vitals.state = State.SERVING if has_room else State.FULL
            log.warning("there is room on disk again" if has_room else "the disk is nearly full: nothing is archived")
        return has_room

    def _ask(self, request: Request) -> None:
        try:
            query = decode_request(request.body)
        except Undecodable as error:
            log.warning("disconnected a caller: %s", error)
            request.caller.close()
            return
        if now_ms() > request.deadline_ms:
            self._answers.append((request, encode(Rejected(RejectReason.TIMEOUT))))
            return
        if isinstance(query, CheckpointHistory):
            self._answers.append((request, encode(self._checkpoint())))
            return
        self._query_count += 1
        if isinstance(query, Lookup):
            self._unlooked.append((request, query))
            self._lookups.submit(self._look_up)
            return
        if isinstance(query, RunMore) or (isinstance(query, RunSql) and query.in_pieces):
            more = self._pieces.ask(request.caller, query)
            self._statements.submit(more).add_done_callback(lambda done: self._answered(request, done))
            return
        gone = threading.Event()
        pool = self._lists
        if isinstance(query, RunSql):
            pool = self._statements
            self._sql[request] = gone
        future = pool.submit(self._answer, query, request.deadline_ms, gone)  # type: ignore[arg-type]
        future.add_done_callback(lambda done: self._answered(request, done))

    def _checkpoint(self) -> Reply:
        """Checkpoint in this thread, so that nothing is stored meanwhile."""
        if not self._find_room():
            return Rejected(RejectReason.STORAGE_FULL)
        if not self._history.checkpoint():
            return Rejected(RejectReason.HISTORY_UNREADABLE)
        return self._history.answer(GetArchiveStatus())

    def _answer(self, query: Query, deadline_ms: int, gone: threading.Event) -> Reply:
        if now_ms() > deadline_ms:
            return Rejected(RejectReason.TIMEOUT)
        return self._history.answer(query, gone)

    def _look_up(self) -> None:
        """In the pool's thread: answer all lookups that have arrived; their own calls then find nothing to do."""
        in_time: list[tuple[Request, Lookup]] = []
        while self._unlooked:
            request, query = self._unlooked.popleft()
            if now_ms() > request.deadline_ms:
                self._hand_over(request, Rejected(RejectReason.TIMEOUT))
            else:
                in_time.append((request, query))
        if in_time:
            replies = self._history.look_up([query for _, query in in_time])
            for (request, _), reply in zip(in_time, replies, strict=True):
                self._hand_over(request, reply)

    def _notice_gone(self) -> None:
        for request, gone in self._sql.items():
            if request.caller.closed:
                gone.set()
        for end in self._pieces.notice_gone():
            self._statements.submit(end)

    def _answered(self, request: Request, done: "Future[Reply]") -> None:
        """Called in the pool's thread, or while stopping."""
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            log.error("a query failed: %r", error)
        self._hand_over(request, Rejected(RejectReason.HISTORY_UNREADABLE) if error else done.result())

    def _hand_over(self, request: Request, reply: Reply) -> None:
        self._answers.append((request, encode(reply)))
        self._done_sender.send(b"\0")  # never blocks: there are fewer queries than the socket can buffer

    def _hear_done(self) -> None:
        with suppress(BlockingIOError):
            self._query_count -= len(self._done_receiver.recv(4096))

    def _send(self) -> None:
        while self._answers:
            request, body = self._answers.popleft()
            self._sql.pop(request, None)
            request.reply([body])
        self.mailbox.confirm(self._stored)
        self.mailbox.flush()
