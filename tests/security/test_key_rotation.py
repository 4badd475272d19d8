"""Keys of tokens come and go with a reload; no request fails for it, and a bad file changes nothing."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Final

import jwt
import pytest

from tests.crash.faults import reload_workers
from tests.exchange import Exchange, kill, until
from tests.fuzz.wire import Connection
from tests.security.test_weak_secrets import start
from web.cli.run import WEB

OLD: Final = {"2026-01": 4 * "89abcdef01234567"}
NEW: Final = {"2026-07": 4 * "76543210fedcba98"}
WORKERS: Final = 2
LOOKS: Final = 40  # each on a connection of its own: every worker is among those who answer
CALLERS: Final = 3
PATIENCE_S: Final = 30.0
BAD: Final[dict[str, tuple[str, int]]] = {
    "cut": (json.dumps(NEW)[:-2], 0o600),
    "a sample": (json.dumps({"2026-07": f"example-{NEW['2026-07']}"}), 0o600),
    "open to others": (json.dumps(NEW), 0o644),
}


def put(path: Path, text: str, mode: int = 0o600) -> None:
    """In one step, as an operator should: a worker may start at any moment."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.chmod(mode)
    aside.rename(path)


@contextmanager
def running(keys: Path) -> Iterator[Exchange]:
    with Exchange(1, {"SHARDEX_JWT_KEYS_FILE": str(keys), "SHARDEX_WORKERS": str(WORKERS)}) as exchange:
        yield exchange
        assert "Traceback" not in exchange.log()


class Caller:
    """Asks for the balances of its account with a token of its own under the one key of ``keys``."""

    def __init__(self, exchange: Exchange, keys: Mapping[str, str]) -> None:
        ((kid, secret),) = keys.items()
        claims = {"sub": exchange.accounts[0].id, "exp": int(time.time()) + 600}
        token = jwt.encode(claims, secret, "HS256", headers={"kid": kid})
        self._port = exchange.port
        self._request = f"GET /api/v1/spot/balances HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"

    def ask(self) -> int:
        """The status of one answer."""
        with Connection(self._port) as connection:
            return connection.ask(self._request.encode()).status

    def statuses(self) -> set[int]:
        """What all workers say."""
        return {self.ask() for _ in range(LOOKS)}

    @contextmanager
    def asking(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        """Ask without a break; fails if any answer is not 200."""
        over = Event()
        runs = [pool.submit(self._ask_until, over) for _ in range(CALLERS)]
        try:
            yield
        finally:
            over.set()
        for run in runs:
            assert set(run.result()) == {200}

    def _ask_until(self, over: Event) -> list[int]:
        answers = []
        while not over.is_set():
            answers.append(self.ask())
        return answers


def test_rotation_under_load(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    put(keys, json.dumps(OLD))
    with running(keys) as exchange, ThreadPoolExecutor() as pool:
        old, new = Caller(exchange, OLD), Caller(exchange, NEW)
        with old.asking(pool):
            assert new.statuses() == {401}
            put(keys, json.dumps({**OLD, **NEW}))
            assert new.statuses() == {401}
            reload_workers(exchange)
            assert new.statuses() == {200}
        with new.asking(pool):
            put(keys, json.dumps(NEW))
            assert old.statuses() == {200}
            reload_workers(exchange)
            assert old.statuses() == {401}
        assert "stay in use" not in exchange.log()


def test_a_bad_file_at_a_reload(tmp_path: Path) -> None:
    """The log says what is wrong with it, the service goes on with the keys it has, and a good file is taken up."""
    keys = tmp_path / "keys.json"
    put(keys, json.dumps(OLD))
    with running(keys) as exchange, ThreadPoolExecutor() as pool:
        old, new = Caller(exchange, OLD), Caller(exchange, NEW)
        with old.asking(pool):
            for count, (text, mode) in enumerate(BAD.values(), 1):
                put(keys, text, mode)
                reload_workers(exchange)
                assert (old.statuses(), new.statuses()) == ({200}, {401})
                assert exchange.log().count("stay in use") == count * (1 + WORKERS)  # the master says so, too
        keys.unlink()
        killed = exchange.worker_pids()[0]
        kill(killed)
        until(lambda: len(set(exchange.worker_pids()) - {killed}) == WORKERS, PATIENCE_S, "another worker")
        assert (old.statuses(), new.statuses()) == ({200}, {401})
        put(keys, json.dumps({**OLD, **NEW}))
        reload_workers(exchange)
        assert new.statuses() == {200}
        assert NEW["2026-07"] not in exchange.log()


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_at_the_start(tmp_path: Path, what: str) -> None:
    keys = tmp_path / "keys.json"
    put(keys, *BAD[what])
    status, output = start(WEB, tmp_path / "data", {"SHARDEX_JWT_KEYS_FILE": str(keys)})
    assert status != 0
    assert f"SHARDEX_JWT_KEYS_FILE={str(keys)!r}" in output
    assert NEW["2026-07"] not in output
