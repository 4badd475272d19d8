"""A client's program as a process of its own: calls go in, and what came of each comes back."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Final

Json = Any
NO_PROXY: Final = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


class Raised(Exception):
    """What the client raised: the name of its class, the exchange's code as the client tells it, and its text."""

    def __init__(self, name: str, code: int | None, text: str) -> None:
        super().__init__(f"{name} {code}: {text}")
        self.name = name
        self.code = code


class Program:
    """A running program."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (as long as the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **NO_PROXY, **environment},
            text=True,
            bufsize=1,
        )

    def call(self, name: str, clock_s: float = 0, **params: Json) -> Json:
        """What the client returned. Raises Raised for what it raised."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"name": name, "clock_s": clock_s, "params": params}) + "\n")
        line = self._process.stdout.readline()
        assert line, f"the program ended: {self._printed()}"
        told = json.loads(line)
        if "raised" in told:
            raise Raised(told["raised"], told["code"], told["text"])
        return told["result"]

    def close(self) -> None:
        """End it; it ends by itself when nobody calls any more."""
        self._process.communicate(timeout=10)
        self._log.close()

    def _printed(self) -> str:
        self._log.seek(0)
        return self._log.read()[-4_000:]
