"""The record of a load: every call with its response, appended to a file by each load process.

A call is written when its response has arrived, or when it is certain that none will; also when its user is stopped
while waiting. So whatever an exchange may have done is in the record.
"""

import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from loadtest.outcome import Outcome, error_of, outcome_of

_LINE = msgspec.json.Encoder()


class Call(msgspec.Struct, array_like=True):
    """One call and its response."""

    account: str
    what: str  # product and verb: "spot place", "futures cancel_batch"
    sent: dict[str, Any]
    started: float  # Unix s
    seconds: float
    status: int  # 0: no response
    body: Any  # None: no response; text: a response that is not JSON
    fault: str = ""  # what was malformed about the response
    interrupted: bool = False  # its user was stopped while it waited

    @property
    def ended(self) -> float:
        """When the response had arrived, Unix s."""
        return self.started + self.seconds

    @property
    def product(self) -> str:
        """Spot or futures."""
        return self.what.partition(" ")[0]

    @property
    def verb(self) -> str:
        """The kind of call."""
        return self.what.partition(" ")[2]

    @property
    def error(self) -> str:
        """The error text, on futures the code; "" if there is none."""
        return error_of(self.body)

    @property
    def outcome(self) -> Outcome:
        """What the client may conclude."""
        return outcome_of(self.verb.startswith("cancel"), self.status, self.error)

    def __str__(self) -> str:
        return f"{self.account}: {self.what} {self.sent}: {self.status or 'no answer'} {self.error}".rstrip()


class Recorder:
    """The record of one process."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is created if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"{platform.node()}-{os.getpid()}.jsonl").open("ab")

    def append(self, call: Call) -> None:
        self._file.write(_LINE.encode(call) + b"\n")

    def close(self) -> None:
        self._file.close()


def read_records(folder: Path) -> Iterator[Call]:
    """Every call of every process; those of one account in order."""
    decode = msgspec.json.Decoder(Call).decode
    calls = [decode(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    return iter(sorted(calls, key=lambda call: call.started))
