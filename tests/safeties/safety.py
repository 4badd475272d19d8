"""What a safety is: a line of the product that keeps a promise, and the test that notices when it is gone."""

import ast
from pathlib import Path
from typing import NamedTuple


class Stale(Exception):
    """The catalog does not fit the source any more; the text says where."""


class Safety(NamedTuple):
    """One safety, how it is taken away, and what must go red then."""

    name: str
    file: str  # the one source file that is changed
    old: str  # stands in it exactly once
    new: str
    test: str  # a pytest node; or "sim 4": what `make sim SEEDS=1 SEED=4` runs, and of which there may be several

    @property
    def seeds(self) -> list[int]:
        """The seeds of the simulation; none for a pytest node."""
        return [int(seed) for seed in self.test.split()[1:]] if self.test.startswith("sim ") else []

    def removed(self, source: str) -> str:
        """``source`` without the safety. Raises Stale."""
        count = source.count(self.old)
        if count != 1:
            raise Stale(f"{self.name}: what is to be removed stands {count} times in {self.file}, not once")
        changed = source.replace(self.old, self.new)
        try:
            ast.parse(changed)
        except SyntaxError as fault:
            raise Stale(f"{self.name}: {self.file} is no Python any more: {fault}") from fault
        if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
            raise Stale(f"{self.name}: nothing changes in {self.file}")
        return changed

    def read(self, root: Path) -> str:
        """The source that it stands in."""
        return (root / self.file).read_text()
