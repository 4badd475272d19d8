"""The real exchange of the tests, shared with the load test."""

import os
from pathlib import Path
from typing import Final

from loadtest.exchange import OWN_SETTINGS, Exchange, group_members, has_open, hold_port, kill, until

__all__ = [
    "OWN_SETTINGS",
    "WITHOUT_PARSER",
    "Exchange",
    "clean_environment",
    "free_port",
    "group_members",
    "has_open",
    "hold_port",
    "kill",
    "until",
]

_FIRST: Final = (str(Path(__file__).parent / "without_parser"), *filter(None, [os.environ.get("PYTHONPATH")]))
WITHOUT_PARSER: Final = {"PYTHONPATH": os.pathsep.join(_FIRST)}
"""Settings of an exchange without the fast HTTP parser, as where ``gunicorn_h1c`` cannot be compiled."""


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of this process with ``settings`` in place of its own ones."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)} | settings


def free_port() -> int:
    """A port of the loopback interface on which nothing listens."""
    holder, port = hold_port()
    holder.close()
    return port
