"""Orders whose money lies on another shard: asked for there, placed here when it is granted.

The command goes into the account shard's mailbox, unnumbered and not journaled here: lost, nothing has happened. The
grant comes back over the link. A ticket remembers who waits; it does not survive a restart, and need not.
"""

import queue
import secrets
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from shards.engine.engine import Engine
from shards.ipc.errors import NotServing
from shards.ipc.protocol import Request
from shards.limits import TICKET_COUNT_MAX
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
    """A caller whose command waits for money."""

    request: Request
    command: Place | Modify
    deadline_ms: int  # by this shard's stamps

    @property
    def account(self) -> str:
        return self.command.order.account if isinstance(self.command, Place) else self.command.account

    @property
    def name(self) -> Name | None:
        """What no other command may have under way at the same time: a client id, or the order that is to change."""
        if isinstance(self.command, Modify):
            return market_of(self.command.id), self.command.account, f"order {self.command.id}"  # no client id
        if not self.command.order.client_id:
            return None
        new = self.command.order
        return new.market, new.account, new.client_id


class Holds:
    """The commands under way to their accounts' shards and back."""

    def __init__(self, engine: Engine, peers: Mapping[int, Peer], replies: Replies) -> None:
        self._engine = engine
        self._peers = peers
        self._replies = replies
        self.returned: list[tuple[Request, Place | Modify]] = []
        """What is refused by now, to be decided like any other command: so its refusal is on record."""
        self._waiting: dict[int, _Waiting] = {}  # by ticket
        self._named: dict[Name, deque[_Waiting]] = {}  # names under way → who came later with the same
        self._next_ticket = secrets.randbits(40) << 20  # not one of an earlier life

    def ask(self, request: Request, command: Place | Modify) -> None:
        """Ask the account's shard to hold what the command needs, unless something stands against it here."""
        # where the clock has stepped back, stamps stand still until it has caught up, and may be past the deadline now
        deadline_ms = max(request.deadline_ms, self._engine.now_ms)
        self._ask(_Waiting(request, command, deadline_ms))

    def _ask(self, waiting: _Waiting) -> None:
        if waiting.name in self._named:  # it shall find what becomes of the first, not ask for money twice
            self._named[waiting.name].append(waiting)
            return
        self._send(waiting)

    def _send(self, waiting: _Waiting, since: Numbers | None = None) -> bool:
        """Whether it is under way; else its caller is told, or it has been returned."""
        ticket = self._next_ticket
        hold = self._engine.entry.ask_account_shard(waiting.command, ticket, waiting.deadline_ms)
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
        """The account shard refused; ``body`` is its encoded reply."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None:
            self._replies.add_encoded(waiting.request, body, waiting.account)
            self._go_on(waiting)

    def granted(self, granted: Granted, reply: Reply, since: Numbers) -> None:
        """The grant has been applied with ``reply``; ``since``: the newest link messages before it."""
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
        """Tell those whose account shard died with their order in its hands: whether it is placed is unknown."""
        for peer in self._peers.values():
            for ticket in peer.take_lost():
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    self._replies.refuse(waiting.request, RejectReason.TIMEOUT)
                    self._go_on(waiting)

    def _go_on(self, done: _Waiting) -> None:
        """Ask for those that came later with the same name."""
        if done.name is not None:
            for waiting in self._named.pop(done.name):
                self._ask(waiting)


def _fell_short(reply: Reply) -> bool:
    """Whether book, mark or fills have come between, so that what was granted is too little: ask again."""
    return reply == Rejected(RejectReason.INSUFFICIENT_MARGIN)
