"""Asking the shards: which shard owns what, and a reply of the expected type or an EngineRejected."""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Final, TypeVar

from shards import limits
from shards.ipc.client import Client
from shards.model.commands import Command
from shards.model.markets import Market, shard_of_account, shard_of_symbol
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import Rejected, Reply
from web.http.errors import EngineRejected

R = TypeVar("R", bound=Reply)

COMMANDED: Final[ContextVar[bool]] = ContextVar("commanded", default=False)
"""Whether this request has sent a command: a fault of ours after that leaves its outcome unknown."""


def _ignore(shard: int, reason: RejectReason) -> None:
    pass


class ExchangeGateway:
    """The client with types: every call that returns has been carried out."""

    def __init__(self, client: Client, on_refusal: Callable[[int, RejectReason], None] = _ignore) -> None:
        """``on_refusal`` is told of every refused message, with its shard."""
        self.client = client
        self._on_refusal = on_refusal

    @property
    def shards(self) -> range:
        """All shards."""
        return range(self.client.shard_count)

    def market_shard(self, market: Market) -> int:
        """The shard that owns the market's book."""
        return self.symbol_shard(market.symbol)

    def symbol_shard(self, symbol: str) -> int:
        """The shard that journals what is fixed of a market or an asset."""
        return shard_of_symbol(symbol, self.client.shard_count)

    def account_shard(self, account: str) -> int:
        """The shard that keeps the account's money."""
        return shard_of_account(account, self.client.shard_count)

    def ask(self, kind: type[R], shard: int, message: Command | Query, deadline_ms: int = limits.DEADLINE_MS) -> R:
        """The shard's reply; raises EngineRejected."""
        _note(message)
        reply = self.client.call(shard, message, deadline_ms)
        self._count(shard, reply)
        return expect(kind, reply)

    def ask_each(
        self,
        kind: type[R],
        messages: Sequence[tuple[int, Command | Query]],
        deadline_ms: int = limits.DEADLINE_BULK_MS,
    ) -> list[R]:
        """All the replies; raises EngineRejected if any is one, and says TIMEOUT rather than anything more certain."""
        replies = self.try_each(kind, messages, deadline_ms)
        refusals = [reply for reply in replies if isinstance(reply, Rejected)]
        if refusals:
            raise EngineRejected(
                next((rejected for rejected in refusals if rejected.reason is RejectReason.TIMEOUT), refusals[0])
            )
        return [expect(kind, reply) for reply in replies]

    def try_each(
        self,
        kind: type[R],
        messages: Sequence[tuple[int, Command | Query]],
        deadline_ms: int = limits.DEADLINE_BULK_MS,
    ) -> list[R | Rejected]:
        """All the replies, refusals among them. What one shard is asked it is asked in this order."""
        for _, message in messages:
            _note(message)
        replies = self.client.call_each(messages, deadline_ms)
        for (shard, _), reply in zip(messages, replies, strict=True):
            self._count(shard, reply)
        return [reply if isinstance(reply, Rejected) else expect(kind, reply) for reply in replies]

    def ask_archive(self, kind: type[R], query: Query, deadline_ms: int = limits.DEADLINE_MS) -> R:
        """The archive's reply; raises EngineRejected."""
        return expect(kind, self.client.ask_archive(query, deadline_ms))

    def _count(self, shard: int, reply: Reply) -> None:
        if isinstance(reply, Rejected):
            self._on_refusal(shard, reply.reason)


def expect(kind: type[R], reply: Reply) -> R:
    """``reply``, which is of ``kind``; raises EngineRejected if it is a refusal."""
    if isinstance(reply, Rejected):
        raise EngineRejected(reply)
    assert isinstance(reply, kind), f"{type(reply).__name__} where {kind.__name__} was to come"
    return reply


def _note(message: Command | Query) -> None:
    if isinstance(message, Command):
        COMMANDED.set(True)
