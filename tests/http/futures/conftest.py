"""What the futures tests share: the application in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.futures.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """The application without limits."""
    made = Site(tmp_path)
    yield made
    made.reference.close()
