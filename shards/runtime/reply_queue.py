"""Outgoing replies: encoded immediately, sent after the link messages they depend on.

A reply depends on the messages that its command created, and on all earlier ones to its account's shard, because its
content must be included in the balance that its caller reads next. A shard that stalls delays only these replies.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from shards.engine.engine import Engine
from shards.ipc.mailbox import Mailbox
from shards.ipc.protocol import Caller, Request
from shards.limits import REPLY_PIECE_COUNT
from shards.model.codec import encode
from shards.model.commands import Command, FundsHold, MarginHold, Place
from shards.model.links import LinkMessage
from shards.model.markets import shard_of_account
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, OrdersReply, Rejected, Reply
from shards.runtime.observer import Observer
from shards.runtime.peer import Peer

Numbers = Mapping[int, int]
"""Peer → number of a link message to it."""


class _Answer(NamedTuple):
    request: Request
    needs: Numbers  # must be in the peers' queues before it is sent
    bodies: list[bytes]  # a long list is sent in pieces


class Replies:
    """The replies to be sent."""

    def __init__(
        self,
        engine: Engine,
        peers: Mapping[int, Peer],
        piece_count: int = REPLY_PIECE_COUNT,
        observer: Observer | None = None,
    ) -> None:
        """``piece_count``: orders in one piece of a large reply."""
        self._engine = engine
        self._peers = peers
        self._piece_count = piece_count
        self._observer = observer
        self._answers: list[_Answer] = []
        # peer with a full queue → replies waiting for it; other replies overtake them
        self._parked: dict[int, deque[_Answer]] = {peer: deque() for peer in peers}

    def newest(self) -> Numbers:
        """Return the numbers of the newest link messages created so far."""
        return {peer: self._engine.outboxes[peer].last_number for peer in self._peers}

    def add(self, request: Request, reply: Reply, account: str, since: Numbers | None = None) -> None:
        """Encode ``reply`` in its current state.

        ``account``: the account whose balance it may reflect, "" if none. ``since``: the newest link messages before
        its command.
        """
        pieces = _cut(reply, self._piece_count) if isinstance(reply, OrdersReply) else [reply]
        self._answers.append(_Answer(request, self._needs(account, since), [encode(piece) for piece in pieces]))
        if self._observer is not None:
            self._observer.replied(request, reply, to_input=since is not None)

    def add_encoded(self, request: Request, body: bytes, account: str) -> None:
        """Pass on a reply that another shard encoded."""
        self._answers.append(_Answer(request, self._needs(account), [body]))

    def refuse(self, request: Request, reason: RejectReason) -> None:
        """Reject the request: nothing was done, or the outcome is unknown."""
        self._answers.append(_Answer(request, {}, [encode(Rejected(reason))]))

    def _needs(self, account: str, since: Numbers | None = None) -> Numbers:
        account_shard = shard_of_account(account, self._engine.shard_count) if account else self._engine.shard
        newest = self.newest()
        return {
            peer: number for peer, number in newest.items() if peer == account_shard or (since and number > since[peer])
        }

    def send(self, mailbox: Mailbox) -> None:
        """Send the replies whose link messages have been sent."""
        answers, self._answers = self._answers, []
        for peer, parked in self._parked.items():
            while parked and self._peers[peer].has_sent(parked[0].needs[peer]):
                answers.append(parked.popleft())
        callers: dict[Caller, None] = {}
        for answer in answers:
            full = self._in_its_way(answer)
            if full is None:
                answer.request.reply(answer.bodies)
                callers[answer.request.caller] = None
            else:
                self._parked[full].append(answer)
        for caller in callers:
            mailbox.send(caller)

    def _in_its_way(self, answer: _Answer) -> int | None:
        """Return a peer whose queue lacks link messages the answer depends on, if any."""
        return next((peer for peer, number in answer.needs.items() if not self._peers[peer].has_sent(number)), None)

    def __len__(self) -> int:
        return len(self._answers) + sum(map(len, self._parked.values()))


def account_of(message: Command | LinkMessage | Query, reply: Reply) -> str:
    """Return the account whose balance the reply may reflect; "" for market data and operator requests."""
    if isinstance(reply, OrderReply):
        return reply.order.account
    if isinstance(message, (Place, FundsHold, MarginHold)):
        return message.order.account
    return getattr(message, "account", "")


def _cut(reply: OrdersReply, size: int) -> list[OrdersReply]:
    """Split ``reply`` into pieces, at least one."""
    orders = reply.orders
    return [OrdersReply(orders[start : start + size]) for start in range(0, len(orders) or 1, size)]
