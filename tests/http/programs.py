"""Programs that a machine may lack: what needs them is skipped there."""

import shutil
import subprocess
from typing import Final

import pytest

_HAS_CURL: Final = bool(shutil.which("curl") and shutil.which("openssl"))
_HAS_MILLISECONDS: Final = subprocess.run(["date", "+%s%3N"], capture_output=True, text=True).stdout.strip().isdigit()

needs_curl: Final = pytest.mark.skipif(not _HAS_CURL, reason="there is no curl or openssl on this machine")
needs_curl_and_milliseconds: Final = pytest.mark.skipif(
    not (_HAS_CURL and _HAS_MILLISECONDS),
    reason="there is no curl or openssl on this machine, or its date knows no milliseconds",
)
