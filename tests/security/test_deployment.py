"""How it is meant to run: not as root, with no more than it needs, and as the Procfile says."""

from configparser import ConfigParser
from pathlib import Path

import pytest

from web.cli.run import ROOT, read_procfile

UNITS = sorted((ROOT / "docs" / "systemd").glob("*.service"))


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_sample_units(path: Path) -> None:
    unit = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    service = unit["Service"]
    assert service["User"] not in ("", "root", "0") and service["Group"] not in ("", "root", "0")
    assert service["UMask"] == "0077" and service["StateDirectoryMode"] == "0700"
    assert service["NoNewPrivileges"] == "true" and service["ProtectSystem"] == "strict"


def test_sample_units_start_what_the_procfile_names() -> None:
    texts = {path.stem.removeprefix("shardex-"): path.read_text() for path in UNITS}
    for name, words in read_procfile().items():
        assert f"ExecStart=/opt/shardex/.venv/bin/{' '.join(words)}\n" in texts[name]
