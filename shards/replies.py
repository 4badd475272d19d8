"""Replies on their way out: encoded at once, sent in order, each after the link messages of its command."""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from shards.codec import encode
from shards.frames import FrameKind
from shards.limits import REPLY_PIECE_COUNT
from shards.mailbox import Caller, Mailbox, Request
from shards.messages import OrdersReply, Reply
from shards.peer import Peer


class _Answer(NamedTuple):
    caller: Caller
    kind: FrameKind
    number: int
    body: bytes


class _Parked(NamedTuple):
    needs: dict[int, int]  # peer → number of the link message that must be in its queue first
    answers: list[_Answer]


class Replies:
    """What callers are told next."""

    def __init__(self, peers: Mapping[int, Peer]) -> None:
        """``peers``: the shards whose queues must have a command's link messages before its reply leaves."""
        self._peers = peers
        self._answers: list[_Answer] = []
        self._parked: deque[_Parked] = deque()

    def add(self, request: Request, reply: Reply) -> None:
        """Encode ``reply`` as it is now; long lists go in pieces."""
        caller, number = request.caller, request.number
        if isinstance(reply, OrdersReply) and len(reply.orders) > REPLY_PIECE_COUNT:
            *pieces, reply = _cut(reply)
            self._answers += [_Answer(caller, FrameKind.REPLY_PIECE, number, encode(piece)) for piece in pieces]
        self.add_encoded(request, encode(reply))

    def add_encoded(self, request: Request, body: bytes) -> None:
        """Pass on a reply as another shard encoded it."""
        self._answers.append(_Answer(request.caller, FrameKind.REPLY, request.number, body))

    def send(self, mailbox: Mailbox, last_numbers: Mapping[int, int]) -> None:
        """Send what may leave. ``last_numbers``: per peer, the newest link message made so far."""
        if self._answers:
            needs = {peer: number for peer, number in last_numbers.items() if not self._peers[peer].has_sent(number)}
            self._parked.append(_Parked(needs, self._answers))
            self._answers = []
        while self._parked and self._may_leave(self._parked[0]):
            callers = dict.fromkeys(answer.caller for answer in self._parked[0].answers)
            for caller, kind, number, body in self._parked.popleft().answers:
                caller.send(kind, number, body=body)
            for caller in callers:
                mailbox.send(caller)

    def _may_leave(self, parked: _Parked) -> bool:
        return all(self._peers[peer].has_sent(number) for peer, number in parked.needs.items())

    def __len__(self) -> int:
        return len(self._answers) + sum(len(parked.answers) for parked in self._parked)


def _cut(reply: OrdersReply) -> list[OrdersReply]:
    orders, size = reply.orders, REPLY_PIECE_COUNT
    return [OrdersReply(orders[start : start + size]) for start in range(0, len(orders), size)]
