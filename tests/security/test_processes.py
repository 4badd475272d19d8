"""Between the processes: typed messages, never pickle; and noise on their sockets harms nobody."""

import ast
import os
import pickle
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import pytest

from shards.ipc.frames import FrameKind
from shards.model.codec import (
    Undecodable,
    decode_event,
    decode_input,
    decode_link,
    decode_reply,
    decode_request,
    encode,
)
from shards.model.queries import GetArchiveStatus, GetStatus
from tests.exchange import Exchange
from tests.model.seeds import read_seed
from tests.unit.ends import pack
from web.cli.run import ROOT

FORBIDDEN: Final = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
UNSAFE_CALLS: Final = {"eval", "exec", "compile", "__import__"}
QUEUES: Final = {"Queue", "SimpleQueue", "JoinableQueue", "Pipe", "Manager", "Listener", "Client"}  # these pickle
CODE: Final = sorted(path for folder in ("web", "shards", "storage") for path in (ROOT / folder).rglob("*.py"))
CUT_OFF_S: Final = 10.0
NOISES: Final = 100  # connections to each socket


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """(module, name) of everything that is imported; "" for a module as a whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def test_code_has_no_pickle() -> None:
    assert len(CODE) > 100
    for path in CODE:
        check_code(ast.parse(path.read_text()), path)


def check_code(tree: ast.AST, path: Path) -> None:
    for module, name in imports(tree):
        root = module.partition(".")[0]
        assert root not in FORBIDDEN and name not in FORBIDDEN, f"{path} imports {module} {name}"
        assert root != "multiprocessing" or name not in QUEUES, f"{path} imports {module} {name}"
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & UNSAFE_CALLS, f"{path} calls {called & UNSAFE_CALLS}"
    requested = {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_multiprocessing(node.value)
    }
    assert not requested & QUEUES, f"{path} uses {requested & QUEUES}"


def _is_multiprocessing(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("multiprocessing", "_context")


class Trap:
    """Leaves a file behind where anybody unpickles it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._path),)


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with Exchange(2) as made:
        yield made


def noises(chance: random.Random, trap: bytes) -> Iterator[bytes]:
    """What is not a word of the protocol between our processes, and what breaks off."""
    hello = pack(FrameKind.HELLO, 0)
    for turn in range(NOISES):
        noise = chance.randbytes(chance.randrange(1, 2_000))
        yield (
            noise,
            trap,
            pack(FrameKind.REQUEST, turn, 2**63, trap),  # before any hello
            hello + b"\xff" * chance.randrange(4, 100),  # a frame longer than any may be
            hello + pack(FrameKind.REQUEST, turn, 2**63, noise),  # no message
            hello + pack(FrameKind.REQUEST, turn, 2**63, trap),
            hello + pack(FrameKind.REQUEST, turn, 2**63, b"[" * 100_000),
            pack(FrameKind.HELLO, 2 + chance.randrange(2, 2**40)),  # a shard that there is not
            hello[: chance.randrange(1, len(hello))],
            hello + pack(FrameKind.REQUEST, turn, 2**63, noise)[: -chance.randrange(1, len(noise) + 1)],
        )[turn % 10]


def test_noise_on_the_sockets_of_the_engine(exchange: Exchange, tmp_path: Path) -> None:
    """Only our own processes can reach them; and yet nothing that comes there is run, and nobody dies of it."""
    chance = random.Random(read_seed())
    folder = exchange.folder
    before = engine_pids(exchange)
    for name in ("shard-0", "shard-1", "archive"):
        for noise in noises(chance, pickle.dumps(Trap(tmp_path / "sprung"))):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.connect(folder.socket(name))
                try:
                    caller.sendall(noise)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # it was turned away before all was sent
    exchange.wait_ready()
    assert engine_pids(exchange) == before
    assert not (tmp_path / "sprung").exists()
    assert "Traceback" not in exchange.log()


@pytest.mark.parametrize("name", ["shard-0", "archive"])
@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[" * 100_000, b'["Cancel", "x"]'], ids=range(5))
def test_a_malformed_message_is_cut_off(exchange: Exchange, name: str, body: bytes) -> None:
    """It alone: who said nothing wrong keeps its connection."""
    before = engine_pids(exchange)
    with socket.socket(socket.AF_UNIX) as caller, socket.socket(socket.AF_UNIX) as other:
        for each in (caller, other):
            each.settimeout(CUT_OFF_S)
            each.connect(exchange.folder.socket(name))
            each.sendall(pack(FrameKind.HELLO, 0))
            assert each.recv(1_000), "it is not welcome"
        caller.sendall(pack(FrameKind.REQUEST, 1, 2**63, body))
        assert caller.recv(1_000) == b""
        other.sendall(
            pack(FrameKind.REQUEST, 1, 2**63, encode(GetStatus() if name != "archive" else GetArchiveStatus()))
        )
        assert other.recv(1_000)
    assert engine_pids(exchange) == before


def engine_pids(exchange: Exchange) -> list[int]:
    """The shards and the archive."""
    shards = range(exchange.folder.shard_count)
    return [*map(exchange.shard_pid, shards), exchange.archive_pid()]


def test_a_pickle_is_no_message(tmp_path: Path) -> None:
    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    for decode in (decode_request, decode_input, decode_link, decode_event, decode_reply):
        with pytest.raises((msgspec.DecodeError, Undecodable)):
            decode(trap)
    assert not (tmp_path / "sprung").exists()
