"""One message of a caller, and what it may conclude from the result."""

from collections.abc import Callable
from typing import Any

from shards.model.commands import Cancel, CancelAll, CancelBatch, CancelByClientId, Command
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import OrderReply, Rejected, Reply
from shards.runtime.admission import COMMANDS

CANCELS = Cancel | CancelByClientId | CancelAll | CancelBatch
_NOT_EXECUTED = (RejectReason.BUSY, RejectReason.RESTARTING, RejectReason.STORAGE_FULL)
_UNKNOWN = (RejectReason.TIMEOUT, *_NOT_EXECUTED)


class Call:
    """One message to one shard and its reply."""

    def __init__(self, message: Command | Query, shard: int, asked_ms: int, until_ms: int) -> None:
        self.message: Any = message
        self.shard = shard
        self.asked_ms, self.until_ms = asked_ms, until_ms  # true time
        self.reply: Reply | None = None
        self.lost = False  # the shard died while processing it, or the caller did
        self.bodies: list[bytes] = []
        self.records: list[tuple[int, int]] = []  # (shard, record) that the reply is based on
        self.then: Callable[[Call], None] | None = None

    @property
    def is_command(self) -> bool:
        return type(self.message) in COMMANDS

    @property
    def decided(self) -> bool:
        """Whether the caller knows the outcome."""
        return self.reply is not None and not (isinstance(self.reply, Rejected) and self.reply.reason in _UNKNOWN)

    @property
    def acknowledged(self) -> bool:
        """Whether this call's reply says that it was executed."""
        if not self.is_command or self.reply is None or isinstance(self.reply, Rejected):
            return False
        return not (isinstance(self.reply, OrderReply) and self.reply.repeated)

    @property
    def may_be_executed(self) -> bool:
        """Whether its caller must expect it to be executed: unless the reply rules that out."""
        if self.lost or self.reply is None:
            return True
        return not (isinstance(self.reply, Rejected) and self.reply.reason in _NOT_EXECUTED)
