"""Whether the processes of an exchange of our own survived a load, and what they printed."""

from collections.abc import Iterator, Mapping
from typing import Final

from loadtest.exchange import Exchange

Processes = Mapping[str, set[int]]  # kind → pids
_TRACEBACK: Final = "Traceback"
_SHOWN: Final = 2_000  # characters


def read_processes(exchange: Exchange) -> Processes:
    """The current processes; the exchange must be ready."""
    return {
        "master": {service.pid for service in (exchange.engine, exchange.web) if service.pid is not None},
        "shard": {exchange.shard_pid(shard) for shard in range(exchange.folder.shard_count)},
        "archive": {exchange.archive_pid()},
        "worker": set(exchange.worker_pids()),
    }


def find_changes(before: Processes, after: Processes, killed: str | None) -> Iterator[str]:
    """Processes that ended without being killed; ``killed``: the kind of the one that was."""
    for kind, ids in before.items():
        ended = ids - after[kind]
        if len(ended) > (kind == killed) or len(after[kind]) != len(ids):
            yield f"{kind}: were {sorted(ids)}, are {sorted(after[kind])}, and killed was one {killed}"


def find_traceback(exchange: Exchange) -> Iterator[str]:
    """The first traceback in the exchange's output."""
    _, found, rest = exchange.log().partition(_TRACEBACK)
    if found:
        yield f"the log: {found}{rest[:_SHOWN]}"
