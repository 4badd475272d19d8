"""The README's lines of ccxt run as they stand: only the address is another one."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.clients import PYTHON, TEST_S
from tests.clients.environments import python_program
from tests.http.venue import Venue
from web.cli.service import ROOT


@pytest.mark.timeout(TEST_S)
@pytest.mark.parametrize("lock", [client.name for client in PYTHON if client.name.startswith("ccxt")])
def test_an_unmodified_ccxt(venue: Venue, lock: str, tmp_path: Path) -> None:
    (lines,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "data").symlink_to(venue.exchange.data)
    (*command, _), environment = python_program("serve.py", lock)
    program = lines.replace("http://127.0.0.1:8000", venue.exchange.base_url)
    done = subprocess.run(
        [*command, "-c", program],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "canceled\n"), done.stderr
