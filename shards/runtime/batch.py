"""The work of one turn, and where each input comes from."""

from typing import NamedTuple

from shards.engine.engine import MAILBOX
from shards.ipc.protocol import LinkFrame, Request
from shards.model.commands import Command, Modify, Place
from shards.model.links import LinkMessage


class Timer(NamedTuple):
    """An input created by the shard itself when something is due."""

    body: bytes


class Input(NamedTuple):
    """A message to be journaled and applied, and its origin."""

    origin: Request | LinkFrame | Timer
    message: Command | LinkMessage


class Batch(NamedTuple):
    """The work of one turn, in this order."""

    inputs: list[Input]
    holds: list[tuple[Request, Place | Modify]]  # commands that need funds held on another shard


def source_of(origin: Request | LinkFrame | Timer) -> tuple[int, int]:
    """Return the sending shard and the number of a link message; MAILBOX and 0 for anything else."""
    return (origin.source, origin.number) if isinstance(origin, LinkFrame) else (MAILBOX, 0)
