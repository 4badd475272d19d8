"""What a simulation may watch a shard do."""

from typing import Protocol

from shards.engine.order_entry import AskAccountShard
from shards.ipc.protocol import Request
from shards.model.commands import Command
from shards.model.links import LinkMessage
from shards.model.replies import Reply


class Observer(Protocol):
    """Is called with the engine in the state after it."""

    def applied(self, message: Command | LinkMessage, reply: Reply | AskAccountShard | None) -> None:
        """An input was applied."""

    def replied(self, request: Request, reply: Reply, *, to_input: bool) -> None:
        """A reply was made; ``to_input``: to what was applied just before, not to a query or a command not executed."""
