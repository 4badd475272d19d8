"""A copy of the checkout that may be mutated: its tracked files, and this interpreter running them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.safeties.safety import Safety
from web.cli.run import ROOT

OWN_SETTINGS: Final = (
    "PORT",
    "SHARDEX_",
    "PYTEST_",
    "PYTHON",
)  # of the caller's environment: not for us
_WHERE: Final = "import shards, storage, web; print(*(each.__file__ for each in (shards, storage, web)), sep='\\n')"


class Checkout:
    """A copy of the project in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        self._environment["PYTHONPATH"] = str(root)

    def run(self, arguments: Sequence[str], seconds: float | None) -> "subprocess.CompletedProcess[str]":
        """Run this interpreter in the copy. Raises subprocess.TimeoutExpired."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )

    def check_imports(self) -> None:
        """Fails unless it is the copy that programs run here import."""
        found = self.run(["-c", _WHERE], 60).stdout.split()
        assert len(found) == 3 and all(Path(path).is_relative_to(self.root) for path in found), found

    @contextmanager
    def without(self, safety: Safety) -> Iterator[None]:
        """The copy without one safety; raises Stale."""
        with self.replaced(safety.file, safety.removed(safety.read(self.root))):
            yield

    @contextmanager
    def replaced(self, file: str, text: str) -> Iterator[None]:
        """The copy with another text of one file."""
        source = (self.root / file).read_text()
        self._write(file, text)
        try:
            yield
        finally:
            self._write(file, source)

    def _write(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_text(text)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):  # a second is too coarse to tell them apart
            compiled.unlink()


@contextmanager
def copied() -> Iterator[Checkout]:
    """A copy of the tracked files as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory(prefix="safeties-", dir="/tmp") as folder:
        root = Path(folder).resolve()
        for name in filter(None, listed.split("\0")):
            source = ROOT / name
            if source.is_file():  # not one that was deleted and not committed
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, root / name)
        checkout = Checkout(root)
        checkout.check_imports()
        yield checkout
