"""Queries that wait for their answer, account after account: whoever asks for much keeps nobody else waiting."""

from collections import deque
from typing import NamedTuple

from shards.ipc.protocol import Request
from shards.limits import QUERY_COUNT_MAX, UNREAD_BYTES_MAX
from shards.model.queries import Query


class PendingQuery(NamedTuple):
    """A query and where its answer goes."""

    request: Request
    query: Query


class QueryQueue:
    """A queue for each account, and one for what belongs to nobody; they take turns."""

    def __init__(self, count_max: int) -> None:
        """``count_max``: of all accounts together."""
        self._count_max = count_max
        self._queues: dict[str, deque[PendingQuery]] = {}  # none is empty; the first one's turn is next
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, account: str, request: Request, query: Query) -> bool:
        """Put a query behind those of the same account; False: too many wait already."""
        if self._count >= self._count_max:
            return False
        queue = self._queues.get(account)
        if queue is None:
            queue = self._queues[account] = deque()
        elif len(queue) >= QUERY_COUNT_MAX:
            return False
        queue.append(PendingQuery(request, query))
        self._count += 1
        return True

    def take(self) -> PendingQuery | None:
        """The next query of the account whose turn it is; None if there is none that can be answered now."""
        for account in list(self._queues):
            queue = self._queues.pop(account)
            if _reads(queue[0]):
                pending = queue.popleft()
                self._count -= 1
                if queue:
                    self._queues[account] = queue
                return pending
            self._queues[account] = queue
        return None

    def has_next(self) -> bool:
        """Whether there is one that can be answered now."""
        return any(_reads(queue[0]) for queue in self._queues.values())


def _reads(pending: PendingQuery) -> bool:
    """Whether its caller has read its earlier answers, or most of them, or has gone."""
    return pending.request.caller.unsent_bytes <= UNREAD_BYTES_MAX
