"""What a shard takes in a turn: link messages, timers and commands in order; the rest is rejected with nothing done."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import get_args

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.ipc.mailbox import Mailbox
from shards.ipc.protocol import LinkFrame, Request
from shards.limits import RULES
from shards.model.codec import Undecodable, decode_link, decode_request, encode
from shards.model.commands import (
    Cancel,
    CancelBatch,
    CancelByClientId,
    Command,
    FundsHold,
    MarginHold,
    Modify,
    Place,
    SetRules,
    TimerFired,
    Transfer,
)
from shards.model.queries import GetStatus, Query
from shards.model.reasons import RejectReason
from shards.process import log
from shards.runtime.batch import Batch, Input, Timer
from shards.runtime.query_queue import QueryQueue
from shards.runtime.remote_holds import Holds
from shards.runtime.reply_queue import Replies

COMMANDS: frozenset[type] = frozenset(get_args(Command))


class Admission:
    """Sorts what has arrived at one shard."""

    def __init__(
        self,
        engine: Engine,
        mailbox: Mailbox,
        holds: Holds,
        queries: QueryQueue,
        replies: Replies,
        clock: Callable[[], int],
        backlog_max: int,
    ) -> None:
        """``clock`` returns Unix ms; ``backlog_max``: events kept while the archive is down."""
        self._engine = engine
        self._mailbox = mailbox
        self._holds = holds
        self._queries = queries
        self._replies = replies
        self._clock = clock
        self._backlog_max = backlog_max
        self._named: set[int] = set()  # open orders that cancels of this turn take while the archive is far behind

    def sort(self, requests: list[Request], frames: Sequence[LinkFrame], *, is_due: bool) -> Batch:
        """Order link messages by their senders' stamps, then commands; queries wait for their turn.

        ``is_due``: whether a timer is.
        """
        batch = Batch([], [])
        if self._engine.rules < RULES:  # the folder was last used by an older version of the program
            rules = SetRules(RULES)
            batch.inputs.append(Input(Timer(encode(rules)), rules))
        in_order = sorted(frames, key=lambda frame: frame.stamp_ms)
        batch.inputs.extend(Input(frame, decode_link(frame.body)) for frame in in_order)
        if is_due:  # before the commands: it was due before they came
            batch.inputs.append(Input(Timer(encode(TimerFired())), TimerFired()))
        now = self._clock()
        self._named.clear()
        asking_of = self._engine.asking.get
        returned, self._holds.returned = self._holds.returned, []
        for request, message in chain(returned, self._decode(requests)):
            refusal = self._refuse(request, message, now)
            asking = asking_of(type(message))
            if refusal is not None:
                self._replies.refuse(request, refusal)
            elif asking is not None and asking.must_ask(message):
                batch.holds.append((request, message))  # type: ignore[arg-type]
            elif type(message) in COMMANDS:
                batch.inputs.append(Input(request, message))  # type: ignore[arg-type]
            elif not self._queries.add(getattr(message, "account", ""), request, message):  # type: ignore[arg-type]
                self._replies.refuse(request, RejectReason.BUSY)
        return batch

    @staticmethod
    def _decode(requests: list[Request]) -> Iterator[tuple[Request, Command | Query]]:
        """Decode the requests. A caller that sends undecodable bytes is disconnected: it may be another version."""
        for request in requests:
            try:
                yield request, decode_request(request.body)
            except Undecodable as error:
                log.warning("disconnected a caller: %s", error)
                request.caller.close()

    def _refuse(self, request: Request, message: Command | Query, now: int) -> RejectReason | None:
        if now > request.deadline_ms:
            return RejectReason.TIMEOUT
        if not self._mailbox.serving and not isinstance(message, GetStatus):
            return RejectReason.RESTARTING
        if len(self._engine.outboxes[ARCHIVE]) > self._backlog_max and not self._admits(message):
            return RejectReason.BUSY
        return None

    def _admits(self, message: Command | Query) -> bool:
        """Whether to take it while the archive is far behind, noting the orders it names: never unbounded rows.

        Cancels cannot if each takes an open order that no other one of this turn names: at most ten rows for each.
        """
        if isinstance(message, (Cancel, CancelByClientId, CancelBatch)):
            named = self._engine.cancels.find_open(message) - self._named
            self._named |= named
            return bool(named)
        return not isinstance(message, (Place, Modify, FundsHold, MarginHold, Transfer))
