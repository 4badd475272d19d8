"""Bugs that a shard could have, planted by name in a copy of the project: the simulation must find each."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.safeties.catalog import CATALOG, read_blocks
from tests.safeties.checkout import Checkout, copied
from tests.safeties.safety import Safety

_SAFETIES: Final = ("sync_before_reply", "links_before_a_decision")  # whose removal is such a bug, too


def _collect() -> dict[str, list[Safety]]:
    """The changes of the source by which each is planted."""
    plants = defaultdict(list)
    others = (safety for safety in CATALOG if safety.name in _SAFETIES)
    for change in (*read_blocks(Path(__file__).with_suffix(".txt")), *others):
        plants[change.name].append(change)
    return dict(plants)


PLANTS: Final = _collect()


@contextmanager
def planted(name: str) -> Iterator[Checkout]:
    """A copy of the project with that bug."""
    with copied() as checkout, ExitStack() as changed:
        for change in PLANTS[name]:
            changed.enter_context(checkout.without(change))
        yield checkout
