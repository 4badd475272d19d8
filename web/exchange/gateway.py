"""The typed interface to the shards: routing, and a reply of the expected type or an EngineRejected."""

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
"""Whether this request has sent a command: after that, an internal error leaves its outcome unknown."""


def _ignore(shard: int, reason: RejectReason) -> None:
    pass


class ExchangeGateway:
    """A typed client: a command that returns has been executed."""

    def __init__(self, client: Client, on_refusal: Callable[[int, RejectReason], None] = _ignore) -> None:
        """``on_refusal`` is called for every rejected message, with its shard."""
        self.client = client
        self._on_refusal = on_refusal

    @property
    def shards(self) -> range:
        return range(self.client.shard_count)

    def market_shard(self, market: Market) -> int:
        """The shard that owns the market's book."""
        return self.symbol_shard(market.symbol)

    def symbol_shard(self, symbol: str) -> int:
        """The shard that journals the immutable facts of a market or an asset."""
        return shard_of_symbol(symbol, self.client.shard_count)

    def account_shard(self, account: str) -> int:
        """The shard that keeps the account's funds."""
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
        """All replies; raises EngineRejected if any is a rejection, TIMEOUT in preference to more certain reasons."""
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
        """All the replies, rejections included. Messages to the same shard keep their order."""
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
    """``reply`` as a ``kind``; raises EngineRejected if it is a rejection."""
    if isinstance(reply, Rejected):
        raise EngineRejected(reply)
    assert isinstance(reply, kind), f"{type(reply).__name__} where {kind.__name__} was to come"
    return reply


def _note(message: Command | Query) -> None:
    if isinstance(message, Command):
        COMMANDED.set(True)
