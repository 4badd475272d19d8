"""What the Python programs share: calls come in, one a line, and what came of each goes out.

A program runs in its client's own environment, with nothing of this project but what lies in this folder.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Call = Callable[[str, dict[str, Any]], Any]

_now_s, _now_ns = time.time, time.time_ns


def serve(connect: Callable[[str, str, str], Call], code_of: Callable[[Exception], object]) -> None:
    """``connect(url, key, secret)`` gives what makes a call by name; ``code_of`` reads the code of what it raised."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a client prints is no answer
    call: Call | None = None
    for line in sys.stdin:
        requested = json.loads(line)
        set_clock(requested["clock_s"])
        try:
            if requested["name"] == "connect":
                call, result = connect(**requested["params"]), None
            else:
                assert call is not None
                result = call(requested["name"], requested["params"])
            told = {"result": result}
        except Exception as error:
            told = {"raised": type(error).__name__, "code": code_of(error), "text": repr(error)}
        answers.write(json.dumps(told, default=str) + "\n")
        answers.flush()


def set_clock(ahead_s: float) -> None:
    """Let this program's clock be so far ahead; what a client does about time it does with that."""
    time.time = lambda: _now_s() + ahead_s
    time.time_ns = lambda: _now_ns() + int(ahead_s * 1_000_000_000)


def by_method(client: object, methods: Mapping[str, str]) -> Call:
    """For a client whose methods take the API's own parameters."""
    return lambda name, params: getattr(client, methods[name])(**params)
