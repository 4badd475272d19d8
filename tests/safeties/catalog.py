"""All safeties that are taken away: what stands in ``removed/``, a block each, as a patch would say it.

    name: file
      the test that must go red
     a line that stays
    -a line that is removed
    +a line instead

The lines that stay, with those that are removed, are there once in the file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.safeties.safety import Safety

_FOLDER: Final = Path(__file__).with_name("removed")


def read_blocks(path: Path) -> Iterator[Safety]:
    """The safeties in a file."""
    _, *blocks = path.read_text().rstrip("\n").split("\n\n")  # what they are about comes first
    for head, test, *lines in (block.split("\n") for block in blocks):
        name, file = head.split(": ")
        old, new = ("".join(f"{line[1:]}\n" for line in lines if line[0] in kept) for kept in (" -", " +"))
        yield Safety(name, file, old, new, test.strip())


CATALOG: Final = tuple(safety for path in sorted(_FOLDER.glob("*.txt")) for safety in read_blocks(path))
