"""Seeds and counts of random tests: printed, and reproducible through the environment."""

import os
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import hypothesis

Test = TypeVar("Test", bound=Callable[..., None])


def read_seed(default: int | None = None) -> int:
    """SHARDEX_TEST_SEED, or ``default``, or a random one; printed, so that a failure can be reproduced."""
    seed = _seed(default)
    print(_advice(seed))
    return seed


def read_count(name: str, default: int) -> int:
    """The size of a random test; ``default`` is used in CI."""
    return int(os.environ.get(name, "") or default)


def repeatable(test: Test) -> Test:
    """Seed a hypothesis test; its failure message says how to reproduce it."""
    seed = _seed()
    handle: Any = test
    inner = handle.hypothesis.inner_test

    @wraps(inner)
    def noted(*args: Any, **named: Any) -> None:
        hypothesis.note(_advice(seed))
        inner(*args, **named)

    handle.hypothesis.inner_test = noted
    return hypothesis.seed(seed)(test)


def _seed(default: int | None = None) -> int:
    text = os.environ.get("SHARDEX_TEST_SEED", "")
    if text:
        return int(text)
    return secrets.randbits(32) if default is None else default


def _advice(seed: int) -> str:
    return f"run again with SHARDEX_TEST_SEED={seed}"
