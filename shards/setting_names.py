"""The names of all settings. An unknown name is an error: what it was meant to set would silently not be set."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

PREFIX: Final = "SHARDEX_"
NAMES: Final = frozenset(
    PREFIX + name
    for name in (
        "ACCESS_LOG ADMIN_KEY CORS_ORIGINS DATA FUTURES_ORDERS FUTURES_WEIGHT HOST ID_KEY JWT_ALG JWT_KEYS "
        "JWT_KEYS_FILE JWT_SECRET QUEUE_DEPTH RATE_LIMITS SHARDS SNAPSHOT_RECORDS SQL_S STILL_S STORAGE_KEY "
        "THREADS TRUSTED_PROXIES WORKERS WORKER_CLASS"
    ).split()
)
OWN: Final = frozenset({"SHARDEX_WORKER_SLOT", "SHARDEX_AWAITED"})  # set by one of our processes for another
_OF_TESTS: Final = tuple(f"{PREFIX}{name}_" for name in ("TEST", "CRASH", "FUZZ", "LINEAR", "SIM", "SLOW"))


def find_slip(given: Iterable[str]) -> str | None:
    """Return an error message for the first unknown name, with a suggestion; None if all are known."""
    for name in sorted(given):
        if name.startswith(PREFIX) and name not in NAMES | OWN and not name.startswith(_OF_TESTS):
            near = get_close_matches(
                name.removeprefix(PREFIX), sorted(each.removeprefix(PREFIX) for each in NAMES), n=1
            )
            advice = f"did you mean {PREFIX}{near[0]}?" if near else "docs/operations.md lists them all"
            return f"{name} is not a setting: {advice}"
    return None
