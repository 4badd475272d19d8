"""The real exchange of the tests, shared with the load test."""

import os
from pathlib import Path
from typing import Final

from loadtest.exchange import OWN_SETTINGS, Exchange, group_members, has_open, hold_port, kill, until

__all__ = ["OWN_SETTINGS", "WITHOUT_PARSER", "Exchange", "group_members", "has_open", "hold_port", "kill", "until"]

_FIRST: Final = (str(Path(__file__).parent / "without_parser"), *filter(None, [os.environ.get("PYTHONPATH")]))
WITHOUT_PARSER: Final = {"PYTHONPATH": os.pathsep.join(_FIRST)}
"""Settings of an exchange without the fast HTTP parser, as where ``gunicorn_h1c`` cannot be compiled."""
