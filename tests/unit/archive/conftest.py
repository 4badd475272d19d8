"""An archive for each test, and one shared by a module."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.archive.service import History
from tests.unit.archive.samples import KEY


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.duckdb"


@pytest.fixture
def history(path: Path, request: pytest.FixtureRequest) -> Iterator[History]:
    """Parametrized, with other bounds."""
    opened = History(path, KEY, getattr(request, "param", None))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    opened = History(tmp_path_factory.mktemp("shared") / "history.duckdb", KEY)
    yield opened
    opened.close()
