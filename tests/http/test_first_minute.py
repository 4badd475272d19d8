"""What a newcomer meets: one plain line for each slip, a first start that says what it is, a page for a browser."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
import requests

from shards.folder import Folder
from storage.folder import FORMAT, FolderError
from storage.formats import LAST_READER, MOVING
from storage.operations import PutAsset
from storage.reference_file import ReferenceFile
from tests.exchange import clean_environment, free_port, until
from tests.http.programs import needs_curl
from tests.http.starts import START_S, Run, refusal
from web.cli.service import ROOT
from web.settings import is_open_to_all

BROWSER: Final = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


# Slips


@pytest.mark.parametrize(
    ("program", "name", "near"),
    [
        ("make run", "SHARDEX_WORKRES", "SHARDEX_WORKERS"),
        ("engine", "SHARDEX_SHARD", "SHARDEX_SHARDS"),
        ("web", "SHARDEX_RATE_LIMIT", "SHARDEX_RATE_LIMITS"),
        ("shardex", "SHARDEX_QQQQ", ""),
    ],
)
def test_a_setting_that_is_none(program: str, name: str, near: str, folder: Path) -> None:
    said = refusal(program, folder / "data", **{name: "1"})
    assert f"{name} is not a setting" in said
    assert f"did you mean {near}?" in said if near else "docs/operations.md" in said
    assert not (folder / "data").exists()


FACTS: Final = '{"format": 2, "shards": 1}'
BROKEN: Final = {
    "no JSON": '{"format": 2, "sha',
    "empty": "",
    "a list": "[1]",
    "bytes": "\x00\x01",
    "a name missing": '{"format": 2}',
    "no number": '{"format": 2, "shards": "two"}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_shardex_json(content: str, folder: Path) -> None:
    (folder / "shardex.json").write_text(content)
    with pytest.raises(FolderError, match=r"shardex\.json"):
        Folder.open(folder, 1)
    assert (folder / "shardex.json").read_text() == content


FOUND: Final = [
    ("make run", "shardex.json", '{"format": 1, "shards": 1}', ["commit", "format 2", "operations.md"]),
    ("shardex", "shardex.json", '{"format": 3, "shards": 1}', ["newer version"]),
    ("engine", "shardex.json", '{"format": "x", "shards": 1}', ["no version"]),
    ("web", "shardex.json", '{"format": 0, "shards": 1}', ["no version"]),
    *((program, "shardex.json", "{", ["shardex.json"]) for program in ("make run", "engine", "web")),
    *((program, "secrets.json", "{", ["secrets.json"]) for program in ("make run", "engine", "web")),
]


@pytest.mark.parametrize(("program", "name", "content", "words"), FOUND)
def test_a_folder_of_another_version_or_broken(
    program: str, name: str, content: str, words: list[str], folder: Path
) -> None:
    """It says which version reads it, and where it is written how to move over; the file is not changed."""
    (folder / "shardex.json").write_text(FACTS)
    (folder / name).write_text(content)
    (folder / name).chmod(0o600)
    said = refusal(program, folder)
    assert all(word in said for word in words), said
    if name == "shardex.json":
        assert [path.name for path in folder.iterdir()] == [name]
    assert (folder / name).read_text() == content


@pytest.mark.parametrize("content", ["", "{", "[]", '{"jwt": "x"}'])
def test_a_broken_secrets_json(content: str, folder: Path) -> None:
    made = Folder.open(folder, 1)
    (folder / "secrets.json").write_text(content)
    with pytest.raises(FolderError, match=r"secrets\.json"):
        made.secrets()


@pytest.mark.parametrize("program", ["make run", "web"])
@pytest.mark.parametrize("host", ["256.1.1.1", "192.0.2.7"])
def test_an_address_that_is_not_ours(program: str, host: str, folder: Path) -> None:
    said = refusal(program, folder / "data", SHARDEX_HOST=host)
    assert f"{host} is not an address of this machine" in said and "SHARDEX_HOST" in said and "PORT" not in said


@pytest.mark.parametrize("program", ["make run", "web"])
@pytest.mark.parametrize("name", ["none/access", ""])
def test_an_access_log_that_cannot_be_written(program: str, name: str, folder: Path) -> None:
    path = str(folder / name)
    assert f"SHARDEX_ACCESS_LOG={path!r} cannot be written (" in refusal(
        program, folder / "data", SHARDEX_ACCESS_LOG=path
    )


def change_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE assets SET decimals = 4")


REFERENCES: Final[dict[str, Callable[[Path], object]]] = {
    "a row changed": change_a_row,
    "overwritten": lambda path: path.write_bytes(b"no database at all, and longer than a header" * 100),
}


@pytest.mark.parametrize("damage", REFERENCES)
@pytest.mark.parametrize("program", ("make run", "engine", "web"))
def test_a_damaged_reference_file(program: str, damage: str, folder: Path) -> None:
    made = Folder.open(folder / "data", 1)
    with closing(ReferenceFile(made.reference)) as file:
        file.change(PutAsset("USDT", 6, "", 0, "").apply)
    REFERENCES[damage](made.reference)
    assert "reference.sqlite" in refusal(program, made.path)


@pytest.mark.parametrize(
    ("name", "key"),
    [("STORAGE_KEY", "short"), ("STORAGE_KEY", "nöt"), ("ID_KEY", ""), ("ID_KEY", "z" * 64), ("ID_KEY", "0" * 130)],
)
def test_a_malformed_key(name: str, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"SHARDEX_{name}", key)
    with pytest.raises(FolderError, match=rf"SHARDEX_{name}.*openssl rand") as refused:
        Folder.open(folder, 1).secrets()
    assert not key or key not in str(refused.value)


def test_a_malformed_key_keeps_from_starting(folder: Path) -> None:
    assert "SHARDEX_ID_KEY" in refusal("web", folder / "data", SHARDEX_ID_KEY="z" * 64)


@pytest.mark.parametrize(
    ("program", "path"), [("make run", "file"), ("engine", "file/data"), ("web", "file"), ("shardex", "file")]
)
def test_a_folder_that_cannot_be(program: str, path: str, folder: Path) -> None:
    (folder / "file").write_text("")
    assert str(folder / "file") in refusal(program, folder / path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(("program", "mode"), [("make run", 0o000), ("engine", 0o500), ("web", 0o500)])
def test_a_folder_that_cannot_be_written(program: str, mode: int, folder: Path) -> None:
    data = folder / "data"
    data.mkdir()
    (data / "shardex.json").write_text(FACTS)
    data.chmod(mode)
    try:
        assert f"{data}" in refusal(program, data)
    finally:
        data.chmod(0o700)


def test_the_commit_that_reads_an_older_format_is_there() -> None:
    assert set(LAST_READER) == set(range(1, FORMAT))
    heading = re.search(r'"(.*)"', MOVING)
    assert heading and f"\n## {heading[1]}\n" in (ROOT / "docs" / "operations.md").read_text()


# The program shardex


def shardex(*words: str, code: str = "") -> subprocess.CompletedProcess[str]:
    program = (
        f"import sys; sys.argv[1:] = {list(words)}\nfrom web.cli.__main__ import main\n"
        f"try: main()\nfinally: {code or 0}"
    )
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_help_is_quick() -> None:
    """It loads nothing of what the commands need, and says the same as if it did."""
    heavy = 'print(sorted({"duckdb", "flask", "cryptography", "shards"} & set(sys.modules)), file=sys.stderr)'
    full = subprocess.run(
        [sys.executable, "-c", "from web.cli.main import main; main(['--help'], prog_name='shardex')"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for words in (["--help"], ["-h"], []):
        done = shardex(*words, code=heavy)
        assert (done.stdout or done.stderr.replace("[]\n", "")) == full.stdout
        assert "[]\n" in done.stderr


def test_version() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version and shardex("--version").stdout == f"shardex, version {version[1]}\n"


def test_every_other_word_is_a_command_s() -> None:
    assert "Show this message and exit." in shardex("sql", "--help").stdout
    assert "No such command 'sqll'" in shardex("sqll").stderr


# The first start


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A first start, which said that it was ready only once the demo was there."""
    with TemporaryDirectory(prefix="sx", dir="/tmp") as name:
        run = Run(Path(name), free_port(), SHARDEX_SHARDS="1")
        try:
            until(lambda: is_ready(run), START_S, "ready")
            run.wait_shown()
            yield run
        finally:
            run.stop()


def is_ready(run: Run) -> bool:
    """Whether it says so; fails if it does before the demo is there."""
    try:
        status = requests.get(f"{run.url}/readyz", headers={"Connection": "close"}, timeout=5).status_code
    except requests.ConnectionError:
        assert run.process.poll() is None, run.output()
        return False
    demo = (run.data / "demo.json").exists()  # looked at after the answer: it may have come in between
    assert status != 200 or demo
    return status == 200


def test_the_log_says_where_it_listens_and_on_what(first: Run) -> None:
    assert re.search(rf"Listening at: {re.escape(first.url)} \(\d+\)", first.output())
    assert " 1 shard on " in first.output()
    assert "open to every network" not in first.output()


def test_the_readme_shows_what_is_printed(first: Run) -> None:
    """Credentials are cut off there, times and process numbers left out."""
    (shown,) = re.findall(r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = [line.strip() for line in shown.splitlines() if line.strip() and not line.startswith("$")]
    assert len(lines) == 8
    printed = first.output().replace(first.url, "http://127.0.0.1:8000").replace(str(first.data), "data")
    assert [line for line in lines if re.sub(r"\S+…$", "", line) not in printed] == []


def test_a_browser_sees_a_page(first: Run) -> None:
    page = requests.get(first.url, headers={"Accept": BROWSER}, timeout=15)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    links = re.findall(r'href="([^"]+)"', page.text)
    assert {"/api/v1/openapi.json", "/fapi/v1/openapi.json"} <= set(links)
    for link in links:
        assert requests.get(first.url + link, timeout=15).status_code == 200, link


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0", "", "text/*"])
def test_a_program_finds_no_page(first: Run, accept: str) -> None:
    answer = requests.get(first.url, headers={"Accept": accept}, timeout=15)
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/"), ("GET", "/x"), ("GET", "//"), ("GET", "/api/v1/spot/none")]
)
def test_there_is_no_other_page(first: Run, method: str, path: str) -> None:
    answer = requests.request(method, first.url + path, headers={"Accept": BROWSER}, timeout=15)
    assert (answer.status_code, answer.json()) == (404, {"error": "NOT_FOUND"})


@needs_curl
@pytest.mark.parametrize("heading", ["with the token", "The same with the API key"])
def test_the_printed_examples(first: Run, heading: str) -> None:
    """Each answer ends in a newline; and they work where standard error cannot be opened by its name, as after `su`."""
    commands = re.search(rf"{heading}:\n\n(.*?)\n\n", first.output(), re.DOTALL)
    assert commands
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(["bash", "-c", commands[1]], stdout=subprocess.PIPE, stderr=theirs, text=True, timeout=60)
    assert done.stdout.endswith("\n")
    placed, canceled = map(json.loads, done.stdout.splitlines())
    assert (placed["status"], canceled["status"]) == ("open", "canceled")
    assert placed["id"] == canceled["id"]


@pytest.mark.parametrize(
    ("host", "is_open"),
    [
        *((host, True) for host in ("0.0.0.0", "0", "0x0", "::", "::0", "[::]", "::ffff:0.0.0.0")),
        *((host, False) for host in ("127.0.0.1", "127.1", "::1", "localhost")),
    ],
)
def test_an_address_that_is_open_to_all(host: str, is_open: bool) -> None:
    assert is_open_to_all(host) == is_open


def test_a_warning_of_an_address_that_is_open_to_all(folder: Path) -> None:
    """As gunicorn's master starts; without a master, for nothing here shall listen to strangers."""
    code = (
        "import logging, types; from web import gunicorn_conf; log = logging.getLogger(); log.error_log = log\n"
        "gunicorn_conf.on_starting(types.SimpleNamespace(log=log, cfg=types.SimpleNamespace(address=[])))"
    )
    environment = clean_environment(SHARDEX_HOST="0.0.0.0", SHARDEX_DATA=str(folder / "data"), SHARDEX_SHARDS="1")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert "operator API" in done.stderr and "/metrics" in done.stderr
