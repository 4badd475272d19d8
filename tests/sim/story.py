"""A short report of a run: its events, and which of them concern the violation."""

import zlib
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from shards.model.codec import encode
from tests.model.futures_steps import brief

KEPT_COUNT = 20_000
TOLD_COUNT = 30


class Violation(AssertionError):
    """A violated invariant. ``account`` and ``market``: where it was violated; "" and 0 if unknown."""

    def __init__(self, text: str, account: str = "", market: int = 0) -> None:
        super().__init__(text)
        self.account = account
        self.market = market


class Event(NamedTuple):
    """One event. ``what`` is formatted only if it is printed; None: it concerns everyone."""

    time_ms: int
    who: str
    did: str
    what: bytes | msgspec.Struct | None


class Story:
    """The newest events of a run."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT_COUNT)
        self.digest = 0  # of all events, in order: equal for two runs of one seed

    def note(self, time_ms: int, who: str, did: str, what: bytes | msgspec.Struct | None = None) -> None:
        """Record an event."""
        told = what if isinstance(what, bytes) else b"" if what is None else encode(what)
        self.digest = zlib.crc32(b"%d,%s,%s," % (time_ms, who.encode(), did.encode()) + told, self.digest)
        self._events.append(Event(time_ms, who, did, what))

    def tell(self, about: Violation, start_ms: int) -> Iterator[str]:
        """The last events that concern the account or the market, and those that concern everyone."""
        touching = [event for event in self._events if _touches(event, about)]
        for event in touching[-TOLD_COUNT:]:
            words = "" if event.what is None else f" {_words(event.what)}"
            yield f"{event.time_ms - start_ms:>7} ms  {event.who:<9} {event.did}{words}"


def _words(what: Any) -> str:
    return what.decode() if isinstance(what, bytes) else brief(what)


def _touches(event: Event, about: Violation) -> bool:
    if event.what is None or not (about.account or about.market):
        return True
    values = list(_values(event.what))
    return about.account in values if about.account else about.market in values


def _values(what: Any) -> Iterator[Any]:
    """Every plain value in a message; for an order id, its market too."""
    if isinstance(what, bytes):
        what = msgspec.json.decode(what)
    if isinstance(what, msgspec.Struct):
        what = msgspec.structs.astuple(what)
    if isinstance(what, dict):
        what = list(what.items())
    if isinstance(what, list | tuple):
        for each in what:
            yield from _values(each)
    else:
        yield what
        if isinstance(what, int) and what >= 1 << 40:
            yield what >> 40
