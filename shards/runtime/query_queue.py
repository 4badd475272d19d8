"""Fair per-account query scheduling: an account with many queries does not delay the others."""

from collections import deque
from typing import NamedTuple

from shards.ipc.protocol import Request
from shards.limits import QUERY_COUNT_MAX, UNREAD_BYTES_MAX
from shards.model.queries import Query


class PendingQuery(NamedTuple):
    """A query and its request."""

    request: Request
    query: Query


class QueryQueue:
    """One queue per account, and one for queries without an account, served round-robin."""

    def __init__(self, count_max: int, count_each: int = QUERY_COUNT_MAX, unread_bytes: int = UNREAD_BYTES_MAX) -> None:
        """``count_max``: of all accounts together; ``count_each``: of one account.

        ``unread_bytes``: of its replies that a caller has not read; beyond this it gets no further ones.
        """
        self._count_max = count_max
        self._count_each = count_each
        self._unread_bytes = unread_bytes
        self._queues: dict[str, deque[PendingQuery]] = {}  # never contains an empty queue; the first one is served next
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, account: str, request: Request, query: Query) -> bool:
        """Queue a query behind those of the same account; False if too many are waiting."""
        if self._count >= self._count_max:
            return False
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = deque()
        elif len(queue) >= self._count_each:
            return False
        queue.append(PendingQuery(request, query))
        self._count += 1
        return True

    def take(self) -> PendingQuery | None:
        """Take the next query, round-robin by account; None if none can be answered now."""
        for account in list(self._queues):
            queue = self._queues.pop(account)
            if self._reads(queue[0]):
                pending = queue.popleft()
                self._count -= 1
                if queue:
                    self._queues[account] = queue
                return pending
            self._queues[account] = queue
        return None

    def has_next(self) -> bool:
        """Whether a query can be answered now."""
        return any(self._reads(queue[0]) for queue in self._queues.values())

    def _reads(self, pending: PendingQuery) -> bool:
        """Whether its caller has read most of its earlier replies, or has gone."""
        return pending.request.caller.unsent_bytes <= self._unread_bytes
