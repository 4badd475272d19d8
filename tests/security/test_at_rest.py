"""What a run has written: no secret in any of it, nothing that others may read, and nothing pickled."""

import base64
import hashlib
import json
import os
import re
import secrets
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import duckdb
import pytest
from cryptography.fernet import Fernet

from shards.ipc.frames import FrameKind
from shards.ipc.protocol import Callee
from storage.operations import PutMarket
from storage.reference_file import ReferenceFile
from tests.exchange import Exchange, kill, until
from tests.fuzz.campaign import Campaign
from tests.model.seeds import read_seed
from tests.unit.ends import pack

SHARDS: Final = 2
REQUESTS: Final = 1_000
SNAPSHOT_RECORDS: Final = 20  # so often that there are some
ARCHIVE_S: Final = 30.0
BACK_S: Final = 30.0
MAY_HOLD: Final = ("demo.json", "secrets.json")  # what they are for; only their owner may read them
PART: Final = 24  # characters of a secret that nobody else can have by chance
PICKLE_HEADS: Final = tuple(b"\x80" + bytes([protocol, 0x95]) for protocol in (4, 5))


def plant() -> dict[str, str]:
    """Secrets as an operator may set them, each one known to nobody else."""
    return {
        "SHARDEX_JWT_SECRET": secrets.token_hex(48),
        "SHARDEX_JWT_KEYS": json.dumps({"2026": secrets.token_hex(48)}),
        "SHARDEX_ADMIN_KEY": secrets.token_hex(32),
        "SHARDEX_STORAGE_KEY": Fernet.generate_key().decode(),
        "SHARDEX_ID_KEY": secrets.token_hex(32),
    }


class Run:
    """A run of an exchange with planted secrets, and all that it has left."""

    def __init__(self) -> None:
        self.planted = plant()
        settings = {"SHARDEX_SNAPSHOT_RECORDS": str(SNAPSHOT_RECORDS), "SHARDEX_ACCESS_LOG": "-"}
        self.exchange = Exchange(SHARDS, {**self.planted, **settings})
        self.secrets: dict[str, str] = {}
        self.metrics = ""

    def live(self) -> None:
        """Everything that may write anything: good and mutated requests, faults, deaths, restarts."""
        exchange = self.exchange
        for name, value in self.planted.items():
            os.environ[name] = value  # so this process takes the same ones: it mints the demo's tokens
        exchange.start()
        campaign = Campaign(exchange, read_seed())
        print(f"seed {campaign.report.seed}")
        campaign.run(REQUESTS)
        self._fault_of_the_http_side()
        self._fault_of_the_engine()
        kill(exchange.worker_pids()[0])
        kill(exchange.shard_pid(0))
        until(lambda: len(exchange.worker_pids()) == len(campaign.arena.callers), BACK_S, "the worker is back")
        exchange.wait_ready()
        self.metrics = exchange.call("GET", "/metrics", account=None).text
        self._note_secrets()
        until(lambda: not any(shard["archive_lag"] for shard in self._shards()), ARCHIVE_S, "archived")

    def _fault_of_the_http_side(self) -> None:
        """It cannot read its markets any more: a traceback for each request, whatever credentials are in it."""
        exchange, account = self.exchange, self.exchange.accounts[0]
        with closing(ReferenceFile(exchange.folder.reference)) as file:
            markets = file.facts().markets
            for market in markets:
                file.change(PutMarket(market.number, b"nonsense").apply)
            try:
                answers = [
                    exchange.call("GET", f"/api/v1/spot/markets?secret={account.api_secret}"),
                    exchange.call("GET", "/fapi/v1/exchangeInfo", headers={"X-MBX-APIKEY": account.api_secret}),
                    exchange.operate("GET", f"/accounts/{account.id}"),
                ]
            finally:
                for market in markets:
                    file.change(PutMarket(market.number, market.spec).apply)
        assert [answer.status_code for answer in answers] == [500] * 3

    def _fault_of_the_engine(self) -> None:
        """A link message that is none ends a shard with a traceback; no caller's request ever comes to it so."""
        before = self.exchange.shard_pid(1)
        until(lambda: self._send_nonsense() or not _lives(before), BACK_S, "the shard has ended")
        until(lambda: not _lives(before), BACK_S, "the shard has ended")
        self.exchange.wait_ready()

    def _send_nonsense(self) -> bool:
        """To shard 1, in the name of shard 0; False if that has been faster to take its place again."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(BACK_S)
            try:
                caller.connect(self.exchange.folder.socket("shard-1"))
                callee = Callee[Any](0)
                caller.sendall(callee.chunk())
                (welcome,) = callee.receive(caller.recv(65_536))
                body = b"[1," + self.exchange.accounts[0].api_secret.encode()
                caller.sendall(pack(FrameKind.LINK, welcome.received + 1, 0, body))
                return not caller.recv(1)  # it ends
            except (OSError, ValueError):
                return False

    def _shards(self) -> list[dict[str, int]]:
        shards: list[dict[str, int]] = self.exchange.operate("GET", "/shards").json()["shards"]
        return shards

    def _note_secrets(self) -> None:
        self.secrets = {name: value for name, value in self.planted.items() if name != "SHARDEX_JWT_KEYS"}
        self.secrets["a key of another kid"] = json.loads(self.planted["SHARDEX_JWT_KEYS"])["2026"]
        for account in self.exchange.accounts:
            self.secrets[f"API secret of {account.id}"] = account.api_secret
            self.secrets[f"token of {account.id}"] = account.jwt
        made = self.exchange.call("POST", "/api/v1/api-keys", {"label": "planted"}).json()
        self.secrets["API secret shown once"] = made["api_secret"]

    def files(self) -> Iterator[tuple[Path, bytes]]:
        """Every file and what is in it; what DuckDB has compressed, as text."""
        root = self.exchange.path
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield path.relative_to(root), path.read_bytes()
        with duckdb.connect(self.exchange.folder.history, read_only=True) as history:
            for schema, table in history.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall():
                rows = history.execute(f"SELECT * FROM {schema}.{table}").fetchall()
                yield Path(f"history.duckdb {schema}.{table}"), repr(rows).encode()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """The same run for all that is asked of it; it had a mask that hides nothing."""
    before, mask = dict(os.environ), os.umask(0)
    made = Run()
    try:
        made.live()
        modes = dict(_modes(made.exchange.path / "data"))
        made.exchange.stop()
        made.exchange.path.joinpath("modes.json").write_text(json.dumps(modes))
        yield made
    finally:
        os.umask(mask)
        made.exchange.close()
        os.environ.clear()
        os.environ.update(before)


def _modes(root: Path) -> Iterator[tuple[str, str]]:
    """Every path of the data folder and its mode, as it was while the exchange ran."""
    for path in [root, *sorted(root.rglob("*"))]:
        yield str(path.relative_to(root.parent)), oct(stat.S_IMODE(path.lstat().st_mode))


def spellings(secret: str) -> set[bytes]:
    """How a secret may stand in a file: as it is, its best part, escaped, encoded, reversed, as bytes."""
    plain = secret.encode()
    found = {plain, plain[4 : 4 + PART], plain[::-1], base64.b64encode(plain)[:PART], plain.hex().encode()[:PART]}
    found |= {quote(secret, safe="").encode(), secret.encode("utf-16-le"), secret.upper().encode()}
    if all(letter in "0123456789abcdef" for letter in secret):
        found.add(bytes.fromhex(secret))
    return found


def hidden_part(secret: str) -> str:
    """Of a token, its signature: the rest is no secret, and its header is everybody's."""
    return secret.rpartition(".")[2]


def test_no_secret_in_anything_written(run: Run) -> None:
    assert len(run.secrets) == 10
    files = [(path, content) for path, content in run.files() if path.name not in MAY_HOLD]
    names = {path.name for path, _ in files}
    assert {"log", "journal.sqlite", "reference.sqlite", "history.duckdb"} <= names and len(files) > 20
    assert any(name.startswith("snapshot-") for name in names)
    assert any(name.startswith("history.duckdb stored.") for name in names)
    for fault in ("fault in GET /api/v1/spot/markets", "fault in GET /fapi/v1/exchangeInfo", "Process shard-1:"):
        assert re.search(f"{re.escape(fault)}[^\n]*\nTraceback", run.exchange.log()), fault
    assert run.exchange.log().count(" /fapi/v1/") > REQUESTS // 10, "requests are not in the log"
    for name, secret in run.secrets.items():
        for spelling in spellings(hidden_part(secret)):
            found = [str(path) for path, content in files if spelling in content]
            assert not found, f"{name} stands in {found} as {spelling[:6]!r}…"


def test_the_search_finds_what_is_there(run: Run) -> None:
    """What may hold a secret does, so it would have been found elsewhere, too."""
    demo = (run.exchange.data / "demo.json").read_bytes()
    for name in ("API secret of demo-1", "token of demo-1", "SHARDEX_ADMIN_KEY"):
        assert any(spelling in demo for spelling in spellings(hidden_part(run.secrets[name]))), name


def test_no_secret_and_no_account_in_metrics(run: Run) -> None:
    assert "shardex_requests_total" in run.metrics
    for secret in run.secrets.values():
        assert not any(spelling.decode("latin-1") in run.metrics for spelling in spellings(hidden_part(secret)))
    assert "demo-" not in run.metrics


def test_api_secrets_are_encrypted(run: Run) -> None:
    """The reference file is of no use to whoever has it without the storage key."""
    content = (run.exchange.data / "reference.sqlite").read_bytes()
    secret = run.secrets["API secret of demo-1"].encode()
    for digest in (hashlib.sha256(secret), hashlib.md5(secret), hashlib.sha1(secret)):  # no digest to guess by either
        assert digest.digest() not in content and digest.hexdigest().encode() not in content


def test_nobody_else_may_read(run: Run) -> None:
    """Folders 0700, all else 0600, sockets too, whatever the caller's mask is."""
    modes = json.loads((run.exchange.path / "modes.json").read_text())
    assert len(modes) > 20
    wrong = {path: mode for path, mode in modes.items() if int(mode, 8) & 0o077}
    assert not wrong


def test_nothing_is_pickled(run: Run) -> None:
    for path, content in run.files():
        assert not content.startswith(PICKLE_HEADS), path
