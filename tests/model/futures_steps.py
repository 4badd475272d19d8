"""A sequence of commands on a futures market as a value: replayed with parts left out, and printed."""

from enum import IntEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from shards.model.commands import Cancel, CancelBatch, Command, Modify, Place


class Step(NamedTuple):
    """A command at ``now_ms``; ``placed``: the number of orders before it, in the whole sequence."""

    now_ms: int
    command: Command
    placed: int


class Numbering:
    """Maps order numbers of a whole sequence to those with parts left out."""

    def __init__(self) -> None:
        self._now: dict[int, int] = {}

    def note(self, step: Step, before: int, after: int, market: int) -> None:
        """``step`` has just placed orders, from number ``before`` to ``after``."""
        for index in range(1, after - before + 1):
            self._now[(market << 40) + step.placed + index] = (market << 40) + before + index

    def renumber(self, command: Command) -> Command:
        """``command``, with order ids as they are numbered now."""
        match command:
            case Cancel(number) | Modify(number):
                return replace(command, id=self._now.get(number, number))
            case CancelBatch(_, _, ids):
                return replace(command, ids=[self._now.get(number, number) for number in ids])
            case Place(order) if order.trigger:
                parent = self._now.get(order.trigger.parent, order.trigger.parent)
                return Place(replace(order, trigger=replace(order.trigger, parent=parent)))
        return command


def brief(value: object) -> str:
    """A message without default fields."""
    if not isinstance(value, msgspec.Struct):
        return value.name if isinstance(value, IntEnum) else repr(value)
    fields = ((name, getattr(value, name)) for name in value.__struct_fields__)
    return f"{type(value).__name__}({', '.join(f'{name}={brief(each)}' for name, each in fields if each)})"
