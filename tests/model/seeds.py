"""Seeds and counts of random tests: printed, and given again through the environment."""

import os
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import hypothesis

Test = TypeVar("Test", bound=Callable[..., None])


def read_seed() -> int:
    """SHARDEX_TEST_SEED, or a fresh one; printed, so that a failure can be run again."""
    seed = _seed()
    print(_advice(seed))
    return seed


def read_count(name: str, default: int) -> int:
    """How much a random test does; ``default`` is what runs in CI."""
    return int(os.environ.get(name, "") or default)


def repeatable(test: Test) -> Test:
    """Seed a hypothesis test; its failure says how to run it again."""
    seed = _seed()
    handle: Any = test
    inner = handle.hypothesis.inner_test

    @wraps(inner)
    def noted(*args: Any, **named: Any) -> None:
        hypothesis.note(_advice(seed))
        inner(*args, **named)

    handle.hypothesis.inner_test = noted
    return hypothesis.seed(seed)(test)


def _seed() -> int:
    text = os.environ.get("SHARDEX_TEST_SEED", "")
    return int(text) if text else secrets.randbits(32)


def _advice(seed: int) -> str:
    return f"run again with SHARDEX_TEST_SEED={seed}"
