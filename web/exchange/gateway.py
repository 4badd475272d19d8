"""Asking the shards: which shard owns what, and a reply of the expected type or an EngineRefusal."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final, TypeVar

from shards import limits
from shards.ipc.client import Client
from shards.model.commands import Command
from shards.model.markets import Market, shard_of_account, shard_of_symbol
from shards.model.queries import Question
from shards.model.reasons import Reason
from shards.model.replies import Refused, Reply
from web.http.errors import EngineRefusal

R = TypeVar("R", bound=Reply)

COMMANDED: Final[ContextVar[bool]] = ContextVar("commanded", default=False)
"""Whether this request has sent a command: a fault of ours after that leaves its outcome unknown."""


def _ignore(shard: int, reason: Reason) -> None:
    pass


class Engine:
    """The client with types: every call that returns has been carried out."""

    def __init__(self, client: Client, on_refusal: Callable[[int, Reason], None] = _ignore) -> None:
        """``on_refusal`` is told of every refused message, with its shard."""
        self.client = client
        self._on_refusal = on_refusal

    @property
    def shards(self) -> range:
        """All shards."""
        return range(self.client.shard_count)

    def owner(self, market: Market) -> int:
        """The shard that owns the market's book."""
        return self.owner_of(market.symbol)

    def owner_of(self, symbol: str) -> int:
        """The shard that journals what is fixed of a market or an asset."""
        return shard_of_symbol(symbol, self.client.shard_count)

    def home(self, account: str) -> int:
        """The shard that keeps the account's money."""
        return shard_of_account(account, self.client.shard_count)

    def ask(self, kind: type[R], shard: int, message: Command | Question, deadline_ms: int = limits.DEADLINE_MS) -> R:
        """The shard's reply; raises EngineRefusal."""
        _note(message)
        reply = self.client.call(shard, message, deadline_ms)
        self._count(shard, reply)
        return expect(kind, reply)

    def ask_each(
        self,
        kind: type[R],
        messages: Sequence[tuple[int, Command | Question]],
        deadline_ms: int = limits.DEADLINE_BULK_MS,
    ) -> list[R]:
        """All the replies; raises EngineRefusal if any is one, and says TIMEOUT rather than anything more certain."""
        replies = self.try_each(kind, messages, deadline_ms)
        refusals = [reply for reply in replies if isinstance(reply, Refused)]
        if refusals:
            raise EngineRefusal(
                next((refused for refused in refusals if refused.reason is Reason.TIMEOUT), refusals[0])
            )
        return [expect(kind, reply) for reply in replies]

    def try_each(
        self,
        kind: type[R],
        messages: Sequence[tuple[int, Command | Question]],
        deadline_ms: int = limits.DEADLINE_BULK_MS,
    ) -> list[R | Refused]:
        """All the replies, refusals among them. What one shard is asked it is asked in this order."""
        for _, message in messages:
            _note(message)
        replies = self.client.call_each(messages, deadline_ms)
        for (shard, _), reply in zip(messages, replies, strict=True):
            self._count(shard, reply)
        return [reply if isinstance(reply, Refused) else expect(kind, reply) for reply in replies]

    def ask_archive(self, kind: type[R], question: Question, deadline_ms: int = limits.DEADLINE_MS) -> R:
        """The archive's reply; raises EngineRefusal."""
        return expect(kind, self.client.ask_archive(question, deadline_ms))

    def _count(self, shard: int, reply: Reply) -> None:
        if isinstance(reply, Refused):
            self._on_refusal(shard, reply.reason)


def expect(kind: type[R], reply: Reply) -> R:
    """``reply``, which is of ``kind``; raises EngineRefusal if it is a refusal."""
    if isinstance(reply, Refused):
        raise EngineRefusal(reply)
    assert isinstance(reply, kind), f"{type(reply).__name__} where {kind.__name__} was to come"
    return reply


def _note(message: Command | Question) -> None:
    if isinstance(message, Command):
        COMMANDED.set(True)
