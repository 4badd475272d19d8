"""Orders whose account is kept on another shard: requested there, placed here when granted.

The request goes into the account shard's mailbox, unnumbered and not journaled here: if lost, nothing has happened. The
grant comes back over the link. A ticket identifies the waiting caller; it does not survive a restart and need not.
"""

import queue
import secrets
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from shards.engine.engine import Engine
from shards.ipc.errors import NotServing
from shards.ipc.protocol import Request
from shards.limits import REPEAT_COUNT_MAX, TICKET_COUNT_MAX
from shards.model.codec import encode_hold
from shards.model.commands import FundsHold, MarginHold, Modify, Place
from shards.model.ids import market_of
from shards.model.links import Granted
from shards.model.markets import shard_of_account
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply
from shards.runtime.peer import Peer
from shards.runtime.reply_queue import Numbers, Replies

Name = tuple[int, str, str]
"""Market, account, client id or order."""


class _Waiting(NamedTuple):
    """A caller whose command waits for its hold."""

    request: Request
    command: Place | Modify
    deadline_ms: int  # on this shard's clock

    @property
    def account(self) -> str:
        return self.command.order.account if isinstance(self.command, Place) else self.command.account

    @property
    def name(self) -> Name | None:
        """Key that at most one pending command may have: a client id, or the order to be modified."""
        if isinstance(self.command, Modify):
            return market_of(self.command.id), self.command.account, f"order {self.command.id}"  # cannot be a client id
        if not self.command.order.client_id:
            return None
        new = self.command.order
        return new.market, new.account, new.client_id


class Holds:
    """The commands pending at their accounts' shards."""

    def __init__(
        self, engine: Engine, peers: Mapping[int, Peer], replies: Replies, first_ticket: int | None = None
    ) -> None:
        """``first_ticket``: unlike the tickets before a restart; by default at random."""
        self._engine = engine
        self._peers = peers
        self._replies = replies
        self.returned: list[tuple[Request, Place | Modify]] = []
        """Commands rejected meanwhile, to be processed like any other, so that the rejection is recorded."""
        self._waiting: dict[int, _Waiting] = {}  # by ticket
        self._named: dict[Name, deque[_Waiting]] = {}  # keys of pending commands → later commands with the same key
        self._next_ticket = secrets.randbits(40) << 20 if first_ticket is None else first_ticket

    def ask(self, request: Request, command: Place | Modify) -> None:
        """Ask the account's shard to hold what the command needs, unless it is rejected here."""
        # after a clock step back, stamps stand still until the clock catches up, and may already be past the deadline
        deadline_ms = max(request.deadline_ms, self._engine.now_ms)
        self._ask(_Waiting(request, command, deadline_ms))

    def _ask(self, waiting: _Waiting) -> None:
        if waiting.name in self._named:  # a repeat must find the first one's result, not request funds twice
            repeats = self._named[waiting.name]
            if len(repeats) < REPEAT_COUNT_MAX:
                repeats.append(waiting)
            else:
                self._replies.refuse(waiting.request, RejectReason.BUSY)
            return
        self._send(waiting)

    def _send(self, waiting: _Waiting, since: Numbers | None = None) -> bool:
        """Send the request; False if the command was answered or returned instead."""
        ticket = self._next_ticket
        hold = self._engine.asking[type(waiting.command)].ask(waiting.command, ticket, waiting.deadline_ms)
        if isinstance(hold, Rejected):
            self.returned.append((waiting.request, waiting.command))
            return False
        if not isinstance(hold, (FundsHold, MarginHold)):
            self._replies.add(waiting.request, hold, waiting.account, since)
            return False
        failed = self._put(waiting, ticket, hold)
        if failed is not None:
            self._replies.add(waiting.request, Rejected(failed), waiting.account, since)
            return False
        self._next_ticket += 1
        self._waiting[ticket] = waiting
        if waiting.name is not None:
            self._named.setdefault(waiting.name, deque())
        return True

    def _put(self, waiting: _Waiting, ticket: int, hold: FundsHold | MarginHold) -> RejectReason | None:
        if len(self._waiting) >= TICKET_COUNT_MAX:
            return RejectReason.BUSY
        try:
            self._account_shard(waiting).put_nowait(ticket, waiting.request.deadline_ms, encode_hold(hold))
        except queue.Full:
            return RejectReason.BUSY
        except NotServing:
            return RejectReason.RESTARTING
        return None

    def _account_shard(self, waiting: _Waiting) -> Peer:
        return self._peers[shard_of_account(waiting.account, self._engine.shard_count)]

    def refused(self, ticket: int, body: bytes) -> None:
        """Pass on the account shard's rejection; ``body`` is its encoded reply."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None:
            self._replies.add_encoded(waiting.request, body, waiting.account)
            self._go_on(waiting)

    def granted(self, granted: Granted, reply: Reply, since: Numbers) -> None:
        """Handle a grant that was applied with ``reply``; ``since``: the newest link messages before it."""
        waiting = self._waiting.pop(granted.ticket, None)
        if waiting is not None:
            self._account_shard(waiting).mark_answered(granted.ticket)
            if _fell_short(reply):
                under_way = self._send(waiting, since)
            else:
                self._replies.add(waiting.request, reply, waiting.account, since)
                under_way = False
            if not under_way:
                self._go_on(waiting)

    def lose(self) -> None:
        """Answer callers whose account shard died while processing: whether the order is placed is unknown."""
        for peer in self._peers.values():
            for ticket in peer.take_lost():
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    self._replies.refuse(waiting.request, RejectReason.TIMEOUT)
                    self._go_on(waiting)

    def _go_on(self, done: _Waiting) -> None:
        """Request holds for later commands with the same key."""
        if done.name is not None:
            for waiting in self._named.pop(done.name):
                self._ask(waiting)


def _fell_short(reply: Reply) -> bool:
    """Whether book, mark or fills have changed meanwhile and the grant is too little: request again."""
    return reply == Rejected(RejectReason.INSUFFICIENT_MARGIN)
