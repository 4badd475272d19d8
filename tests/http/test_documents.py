"""What the documentation prints can be typed: every command is there with these options, every statement runs.

Commands of ``shardex`` run on an exchange, with names in place of ACCOUNT, DIR and their like, and give what stands in
``documented.py``; README's two walks, with all calls that are printed, run in test_readme. Of what takes minutes
(``make`` and ``python -m``: simulation, crash, fuzz, overload, soak, load, bench, safeties) and of commands printed
without what they need it is checked that they are there and take these arguments.
"""

import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import click
import pytest

from tests.exchange import Exchange
from tests.http.documented import faults_of, happen
from tests.http.shell import shardex
from tests.http.venue import Venue
from web.cli import main as cli
from web.cli.service import ROOT

DOCUMENTS: Final = (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md")))
OF_OTHERS: Final = ("pytest", "locust", "py_spy", "venv", "pip", "http.server")  # their options are not ours to check
OF_MAKE: Final = ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "ARGS")  # of the one that runs the tests
PROCESSES: Final = ("run", "engine", "shard", "archive", "gunicorn")  # what processes are called, not commands
STANDS_FOR: Final = {"ACCOUNT": "alice", "ASSET": "USDT", "AMOUNT": "12.5", "SYMBOL": "DFUSDT"}
NAMED: Final = (  # without what they need
    *(["asset", "add"], ["market", "add"], ["market", "status"], ["futures", "add"], ["futures", "status"]),
    *(["futures", "mark"], ["futures", "risk"], ["backup"], ["restore"], ["token"]),
)
_FENCED: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"^ {4}((?:shardex|make|\.venv/bin/\w+) .*)$", re.MULTILINE)
_INLINE: Final = re.compile(r"(?<!`)`((?:shardex|make|python -m|\.venv/bin/\w+) [^`]+)`")


def lines_of(text: str) -> Iterator[str]:
    """The printed lines of shell, those that go on in the next one as one, without comments."""
    for block in _FENCED.findall(text):
        yield from block.replace("\\\n", " ").splitlines()
    without = _FENCED.sub("", text)
    yield from (line.replace("\\$", "$") for line in _INDENTED.findall(without))
    yield from (" ".join(command.split()) for command in _INLINE.findall(without))


def printed() -> Iterator[tuple[str, str]]:
    """(document, command), each once."""
    found: dict[str, str] = {}
    for document in DOCUMENTS:
        for line in lines_of(document.read_text(encoding="utf-8")):
            command = re.sub(r"^(\w+=\S+ )*(\.venv/bin/)?", "", line.strip())
            if command.startswith(("shardex ", "make ", "python -m ")) and command != "shardex sql":  # its name alone
                found.setdefault(command, document.name)
    yield from ((document, command) for command, document in found.items())


COMMANDS: Final = list(printed())


def words_of(command: str) -> list[str]:
    """As a shell parts it; without a comment, and without the column beside it that says what it does."""
    alone = re.split(r" {2,}(?!\|)", command, maxsplit=1)[0]
    if "$" not in alone:
        return shlex.split(alone, comments=True)
    parted = subprocess.run(["sh", "-c", f"printf '%s\\0' {alone}"], capture_output=True, text=True, check=True)
    return parted.stdout.split("\0")[:-1]


def test_something_is_printed() -> None:
    assert len([command for _, command in COMMANDS if command.startswith("shardex sql ")]) >= 8
    assert len(COMMANDS) >= 40


@pytest.mark.parametrize(("document", "command"), [each for each in COMMANDS if each[1].startswith("make ")])
def test_make(document: str, command: str) -> None:
    """The target is there, and what it starts takes what is given to it."""
    words = words_of(command)[1:]
    inherited = {name: value for name, value in os.environ.items() if name not in OF_MAKE}
    done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, env=inherited, capture_output=True, text=True)
    assert done.returncode == 0, (document, done.stderr)
    text = (ROOT / "Makefile").read_text()
    for name in (word.partition("=")[0] for word in words if "=" in word):
        assert f"$({name})" in text or f"$(or $({name})" in text or f"{name} ?=" in text, (document, name)
    for line in done.stdout.replace("\\\n", " ").splitlines():
        check_module(line)


@pytest.mark.parametrize(("document", "command"), [each for each in COMMANDS if each[1].startswith("python -m ")])
def test_python(document: str, command: str) -> None:
    check_module(command)


def check_module(line: str) -> None:
    """What ``python -m`` starts in this line has these options."""
    found = re.search(r"python -m ([\w.]+)(.*)", line)
    if found is None or found[1].partition(".")[0] in OF_OTHERS:
        return
    options = {word.partition("=")[0] for word in shlex.split(found[2], comments=True) if word.startswith("--")}
    arguments = [word for word in shlex.split(found[2], comments=True) if word in ("run", "open", "audit")]
    help_text = help_of(found[1], *arguments) if options else ""
    assert {option for option in options if option not in help_text} == set(), line
    path = ROOT / found[1].replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), line


@cache
def help_of(module: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, (module, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with Exchange(1) as made:
        happen(Venue(made))
        yield made


def commands_of_shardex() -> list[tuple[str, str]]:
    return [each for each in COMMANDS if each[1].startswith("shardex ") and each[1].split()[1] not in PROCESSES]


@pytest.mark.parametrize(("document", "command"), commands_of_shardex())
def test_shardex(
    exchange: Exchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str, command: str
) -> None:
    """It takes these arguments, and does what it is for unless it is but named."""
    monkeypatch.chdir(tmp_path)  # files go there
    words = words_of(command)[1:]
    if "…" in command or words[-1].startswith("{"):
        words = [word for word in words if "…" not in word] + (["SELECT 1"] if "sql" in words else [])
    folder, words = (words[1], words[2:]) if words[0] == "--data" else ("", words)
    if words[0] == "restore" or folder == "DIR":
        run(document, str(exchange.data), "backup", str(tmp_path / "DIR"))
    data = str(tmp_path / (folder or "NEW")) if folder or words[0] == "restore" else str(exchange.data)
    if words[1:2] == ["add"] and len(words) > 2:
        words[2] = "OTHERUSDT"  # the demonstration has the one that is printed
    for each in alternatives(words):
        check_arguments(each)
        if each not in NAMED and "FILE" not in each and "-" not in each:
            run(
                document,
                data,
                *(str(tmp_path / word) if word == "DIR" else STANDS_FOR.get(word, word) for word in each),
            )
    if words[-1] == "halted":
        run(document, data, *(STANDS_FOR.get(word, word) for word in words[:-1]), "listed")


def test_calls_are_printed_where_they_are_run() -> None:
    assert [path.name for path in DOCUMENTS if re.search(r"\bcurl -", path.read_text())] == ["README.md"]


def test_the_nightly_backup(exchange: Exchange, tmp_path: Path) -> None:
    """The line for cron, with our folders in place of those: two weeks are kept, and what was made is whole."""
    (line,) = re.findall(r"^ {4}0 2 \* \* \* (.*)$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    programs, backups = tmp_path / "shardex" / ".venv" / "bin", tmp_path / "backups"
    programs.mkdir(parents=True)
    for days in (13, 16):
        (backups / f"{days}-days-old").mkdir(parents=True)
        then = time.time() - days * 86_400
        os.utime(backups / f"{days}-days-old", (then, then))
    (programs / "shardex").write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec {sys.executable} -m web.cli "$@"\n')
    (programs / "shardex").chmod(0o755)
    places = {"/opt/shardex": tmp_path / "shardex", "/backups": backups, "/var/lib/shardex": exchange.data}
    command = line.replace("\\%", "%")  # cron's own
    for printed_path, path in places.items():
        assert printed_path in command
        command = command.replace(printed_path, str(path))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    made = sorted(each.name for each in backups.iterdir())
    assert len(made) == 2 and made[0] == "13-days-old" and re.fullmatch(r"\d{4}-\d\d-\d\d", made[1])
    copied, verified = done.stdout.splitlines()
    assert faults_of("backup DIR", copied.replace(made[1], "DIR", 1)) == faults_of("verify", verified) == []


def run(document: str, data: str, *words: str) -> None:
    done = shardex(Path(data), *words)
    assert done.exit_code == 0, (document, words, done.output)
    command = " ".join("DIR" if Path(word).name == "DIR" else word for word in words)
    assert faults_of(command, done.stdout) == [], (document, done.stdout)


def alternatives(words: list[str]) -> Iterator[list[str]]:
    """``market add|list`` stands for two."""
    for index, word in enumerate(words):
        if re.fullmatch(r"\w+(\|\w+)+", word):
            for one in word.split("|"):
                yield [*words[:index], one]
            return
    yield words


def check_arguments(words: list[str]) -> None:
    """The command is there, and has these options and room for these arguments."""
    command: click.Command = cli.main
    rest = words
    context = click.Context(command)
    while isinstance(command, click.Group) and rest and rest != ["--help"]:
        name, *rest = rest
        found = command.get_command(context, name)
        assert found is not None, words
        command = found
    assert not isinstance(command, click.Group) or words == ["--help"], words
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    assert {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)} - known == {*()}, words
    values = [word for word in rest if not word.startswith("-")]
    assert len(values) <= sum(2 if isinstance(p, click.Option) and not p.is_flag else 1 for p in command.params), words


def test_no_document_names_a_file_that_is_not_there() -> None:
    """Links between documents, and to folders of the code."""
    missing = [
        (document.name, target)
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
        if not Path(document.parent / target).exists()
    ]
    assert missing == []
