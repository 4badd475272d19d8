"""Orders whose money lies on another shard: asked for there, placed here when it is granted.

The command goes into the home shard's mailbox, unnumbered and not journaled here: lost, nothing has happened. The grant
comes back over the link. A ticket remembers who waits; it does not survive a restart, and need not.
"""

import queue
import secrets
from collections.abc import Mapping

from shards.codec import encode
from shards.engine import Engine
from shards.limits import TICKET_COUNT_MAX
from shards.mailbox import Request
from shards.markets import shard_of_account
from shards.messages import Granted, Hold, Modify, Place, Reason, Refused, Reply
from shards.peer import NotServing, Peer
from shards.replies import Numbers, Replies


class Holds:
    """The orders under way to their accounts' home shards and back."""

    def __init__(self, engine: Engine, peers: Mapping[int, Peer], replies: Replies) -> None:
        self._engine = engine
        self._peers = peers
        self._replies = replies
        self._waiting: dict[int, tuple[Request, str]] = {}  # ticket → who waits, and the account
        self._next_ticket = secrets.randbits(40) << 20  # not one of an earlier life

    def ask(self, request: Request, command: Place | Modify, now_ms: int) -> None:
        """Ask the account's home shard to hold what the command needs, unless something stands against it here."""
        account = command.order.account if isinstance(command, Place) else command.account
        refused = self._send(request, command, account, now_ms)
        if refused is not None:
            self._replies.add(request, refused, account)

    def _send(self, request: Request, command: Place | Modify, account: str, now_ms: int) -> Reply | None:
        if len(self._waiting) >= TICKET_COUNT_MAX:
            return Refused(Reason.BUSY)
        ticket = self._next_ticket
        # the grant is judged by this shard's stamps, which do not follow a clock that steps back
        deadline_ms = max(now_ms, self._engine.now_ms) + request.deadline_ms - now_ms
        hold = self._engine.ask_home(command, ticket, deadline_ms)
        if not isinstance(hold, Hold):
            return hold
        home = shard_of_account(account, self._engine.shard_count)
        try:
            self._peers[home].put_nowait(ticket, request.deadline_ms, encode(hold))
        except queue.Full:
            return Refused(Reason.BUSY)
        except NotServing:
            return Refused(Reason.RESTARTING)
        self._next_ticket += 1
        self._waiting[ticket] = request, account
        return None

    def refused(self, ticket: int, body: bytes) -> None:
        """The home shard refused; ``body`` is its encoded reply."""
        waiting = self._waiting.pop(ticket, None)
        if waiting is not None:
            request, account = waiting
            self._replies.add_encoded(request, body, account)

    def granted(self, granted: Granted, reply: Reply, since: Numbers) -> None:
        """The grant has been applied with ``reply``; ``since``: the newest link messages before it."""
        waiting = self._waiting.pop(granted.ticket, None)
        if waiting is not None:
            request, account = waiting
            self._peers[shard_of_account(account, self._engine.shard_count)].settle(granted.ticket)
            self._replies.add(request, reply, account, since)

    def lose(self) -> None:
        """Tell those whose home shard died with their order in its hands: whether it is placed is unknown."""
        for peer in self._peers.values():
            for ticket in peer.take_lost():
                waiting = self._waiting.pop(ticket, None)
                if waiting is not None:
                    self._replies.refuse(waiting[0], Reason.TIMEOUT)
