"""Ways to mutate a request before it is signed: its parameters, path, method, body and time."""

import random
from collections.abc import Callable
from typing import Any, Final

from tests.fuzz.draft import Draft, Pairs, Place
from tests.fuzz.values import KINDS, NAMES, NUMBERS, TEXTS

Json = Any
Chance = random.Random

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
JUNK: Final = (
    *(
        b"",
        b" ",
        b"{",
        b"}",
        b"{}",
        b"[]",
        b"null",
        b"7",
        b'"a"',
        b"{}{}",
        b"a=1",
        b"&&&",
        b"=",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
    ),
    *(b"\xef\xbb\xbf{}", b'{"a":"\xff"}', b"[" * 8_000, b'{"a":' * 3_000, b'"' * 2_000, b"x" * 65_536, b"x" * 65_537),
    *('{"symbol":"BTCUSDT"}'.encode(codec) for codec in ("utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")),
)


def drop(chance: Chance, draft: Draft) -> None:
    """A parameter less."""
    pairs = _some(chance, draft)
    pairs.pop(_index(chance, pairs))


def double(chance: Chance, draft: Draft) -> None:
    """A parameter twice, the second time perhaps with another value."""
    pairs = _some(chance, draft)
    name, value = chance.choice(pairs)
    pairs.insert(chance.randrange(len(pairs) + 1), (name, chance.choice([value, chance.choice(NUMBERS)])))


def swap(chance: Chance, draft: Draft) -> None:
    """Two parameters with each other's values."""
    pairs = _some(chance, draft)
    one, other = _index(chance, pairs), _index(chance, pairs)
    (first, value), (second, other_value) = pairs[one], pairs[other]
    pairs[one], pairs[other] = (first, other_value), (second, value)


def shuffle(chance: Chance, draft: Draft) -> None:
    """In another order."""
    chance.shuffle(_some(chance, draft))


def renumber(chance: Chance, draft: Draft) -> None:
    """A number at or beyond an edge."""
    _replace(chance, draft, chance.choice(NUMBERS))


def retype(chance: Chance, draft: Draft) -> None:
    """A value of another kind."""
    _replace(chance, draft, chance.choice(KINDS))


def retext(chance: Chance, draft: Draft) -> None:
    """A text nobody expects."""
    _replace(chance, draft, chance.choice(TEXTS))


def wrap(chance: Chance, draft: Draft) -> None:
    """The value in a list or an object, or as text."""
    pairs = _some(chance, draft)
    place = _index(chance, pairs)
    name, value = pairs[place]
    pairs[place] = (name, chance.choice([[value], {name: value}, [value, value], str(value)]))


def splice(chance: Chance, draft: Draft) -> None:
    """A hard text within a good one."""
    pairs = _some(chance, draft)
    place = _index(chance, pairs)
    name, value = pairs[place]
    text = str(value)
    cut = chance.randrange(len(text) + 1)
    pairs[place] = (name, text[:cut] + chance.choice(TEXTS) + text[cut:])


def rename(chance: Chance, draft: Draft) -> None:
    """Another name, or the same in other letters."""
    pairs = _some(chance, draft)
    place = _index(chance, pairs)
    name, value = pairs[place]
    pairs[place] = (chance.choice([name.upper(), name.lower(), name.swapcase(), chance.choice(NAMES)]), value)


def add(chance: Chance, draft: Draft) -> None:
    """A parameter more."""
    pairs = draft.query if draft.body is None or chance.random() < 0.2 else draft.body
    value = chance.choice([*NUMBERS, *KINDS, *TEXTS])
    pairs.insert(chance.randrange(len(pairs) + 1), (chance.choice(NAMES), value))


def deepen(chance: Chance, draft: Draft) -> None:
    """Within an element of a list of orders or ids."""
    pairs = _some(chance, draft)
    places = [place for place, (_, value) in enumerate(pairs) if isinstance(value, list) and value]
    if not places:
        retype(chance, draft)
        return
    place = chance.choice(places)
    name, items = pairs[place]
    worse = chance.choice([*NUMBERS, *KINDS, *TEXTS])
    mutated = chance.randrange(len(items))
    item = items[mutated]
    if isinstance(item, dict) and item and chance.random() < 0.8:
        worse = {**item, chance.choice(list(item)): worse}
    pairs[place] = (name, [*items[:mutated], worse, *items[mutated + 1 :]])


def move(chance: Chance, draft: Draft) -> None:
    """The parameters of a futures call elsewhere."""
    draft.place = chance.choice(list(Place))


def repath(chance: Chance, draft: Draft) -> None:
    """A part of the path: another one, one more, one less."""
    draft.segments = draft.segments or [""]
    place = chance.randrange(len(draft.segments))
    match chance.randrange(4):
        case 0:
            draft.segments[place] = chance.choice(TEXTS)
        case 1:
            draft.segments.insert(place, chance.choice(["", ".", "..", "v1", "orders", "x"]))
        case 2:
            draft.segments.pop(place)
        case _:
            draft.segments[place] += chance.choice(TEXTS)


def remethod(chance: Chance, draft: Draft) -> None:
    """Another method."""
    draft.method = chance.choice(METHODS)


def litter(chance: Chance, draft: Draft) -> None:
    """A body that is none."""
    draft.junk = chance.choice(JUNK)


def mistime(chance: Chance, draft: Draft) -> None:
    """Signed at another time."""
    draft.clock_ms = chance.choice([-70_000, -5_100, -900, 900, 5_100, 70_000, -(10**12), 10**12, 2**62])


BEFORE: Final[tuple[Callable[[Chance, Draft], None], ...]] = (
    *(renumber, retype, retext, splice, wrap, drop, double, swap, shuffle, rename, add, deepen, move),
    *(renumber, retype, retext, repath, remethod, litter, mistime),
)
"""What is done to a draft: its signature is good whatever comes of it."""


def _some(chance: Chance, draft: Draft) -> Pairs:
    """Pairs of the draft; it gets one if it has none."""
    lists = draft.lists()
    if not lists:
        draft.query.append(("symbol", "BTCUSDT"))
        return draft.query
    return chance.choice(lists)


def _replace(chance: Chance, draft: Draft, value: Json) -> None:
    pairs = _some(chance, draft)
    place = _index(chance, pairs)
    pairs[place] = (pairs[place][0], value)


def _index(chance: Chance, pairs: list[Any]) -> int:
    return chance.randrange(len(pairs))
