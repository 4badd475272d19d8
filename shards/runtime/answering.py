"""Answering queries: after the commands of a turn, for a limited time."""

from collections.abc import Callable

from shards.engine.engine import Engine
from shards.engine.outbox import ARCHIVE
from shards.engine.queries import answer
from shards.ipc.mailbox import Mailbox
from shards.model.queries import GetStatus, TakeSnapshot
from shards.model.reasons import RejectReason
from shards.model.replies import ShardStatus
from shards.runtime.query_queue import PendingQuery, QueryQueue
from shards.runtime.reply_queue import Replies, account_of
from shards.runtime.snapshots import Snapshots
from shards.runtime.stale_accounts import StaleAccounts


class Answering:
    """Answers one shard's pending queries."""

    def __init__(
        self,
        engine: Engine,
        mailbox: Mailbox,
        snapshots: Snapshots,
        queries: QueryQueue,
        replies: Replies,
        stale_accounts: StaleAccounts,
        clock: Callable[[], int],
        monotonic: Callable[[], int],
        query_ms: int,
    ) -> None:
        """``clock`` and ``monotonic`` as for the shard; ``query_ms``: of a turn."""
        self._engine = engine
        self._mailbox = mailbox
        self._snapshots = snapshots
        self._queries = queries
        self._replies = replies
        self._stale_accounts = stale_accounts
        self._clock = clock
        self._monotonic_ms = monotonic
        self._query_ms = query_ms

    def answer_some(self) -> None:
        """Answer at least one query if any can be answered, and more for as long as the turn's time lasts."""
        until_ms = self._monotonic_ms() + self._query_ms
        pending = self._queries.take()
        while pending is not None:
            if not pending.request.caller.closed:
                self._answer(pending)
            pending = self._queries.take() if self._monotonic_ms() < until_ms else None

    def _answer(self, pending: PendingQuery) -> None:
        request, query = pending
        account: str = getattr(query, "account", "")
        if self._clock() > request.deadline_ms:
            self._replies.refuse(request, RejectReason.TIMEOUT)
        elif self._mailbox.arrived() and self._stale_accounts.covers(account):
            self._replies.refuse(request, RejectReason.STORAGE_FULL)
        elif isinstance(query, TakeSnapshot):
            self._snapshots.ask(lambda reply: self._replies.add(request, reply, ""))
        else:
            reply = self._status() if isinstance(query, GetStatus) else answer(self._engine, query)
            self._replies.add(request, reply, account_of(query, reply))

    def _status(self) -> ShardStatus:
        engine = self._engine
        return ShardStatus(
            shard=engine.shard,
            markets=len(engine.markets),
            accounts=len(engine.accounts.wallets.by_account),
            open_orders=sum(len(machine.open) for machine in engine.markets.values()),
            queue_depth=self._mailbox.qsize(),
            queue_depth_max=self._mailbox.maxsize,
            journal_seq=engine.sequence,
            snapshot_seq=self._snapshots.sequence,
            archive_lag=len(engine.outboxes[ARCHIVE]),
            serving=self._mailbox.serving,
        )
