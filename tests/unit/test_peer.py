"""The sending end toward another shard, turn by turn, against a real mailbox."""

import selectors
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.engine.outbox import Outbox
from shards.folder import Folder
from shards.ipc.errors import LinkBroken, NotServing
from shards.ipc.mailbox import Mailbox
from shards.ipc.network import Network
from shards.ipc.protocol import Confirmed
from shards.runtime.peer import Peer, PeerCall

OWN, OTHER = 0, 1


class Pair:
    """A shard's peer, and the mailbox of that one."""

    def __init__(self, path: Path, received: int = 0) -> None:
        self.folder = Folder.open(path / "d", 2)
        self.outbox = Outbox()
        self.selector = selectors.DefaultSelector()
        self.peer = Peer(self.folder, OTHER, OWN, self.outbox, self.selector, Network())
        self.receiving = selectors.DefaultSelector()
        self.mailbox = Mailbox(self.folder, "shard-1", 4, {OWN: received}, selector=self.receiving)
        self.mailbox.serving = True

    def connect(self) -> None:
        self.peer.connect()
        for _ in range(2):  # accept, hear
            self.turn()
        assert self.peer.handle() == [] and self.peer.connected

    def turn(self) -> None:
        """The mailbox's."""
        assert not list(self.mailbox.poll(0))
        self.mailbox.flush()

    def ask(self, number: int) -> None:
        """A command comes to the mailbox and is refused there."""
        self.peer.put_nowait(number, 99, b"hold")
        self.peer.pump()
        self.turn()
        (request,) = self.mailbox.get(1)
        request.reply([b"no"])
        self.mailbox.flush()

    def close(self) -> None:
        self.mailbox.close()
        self.peer.pump()
        self.peer.handle()
        assert not self.peer.connected
        self.receiving.close()
        self.selector.close()


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("p"))  # a socket's path must be short
    yield made
    made.close()


def test_an_absent_receiver_takes_nothing(pair: Pair) -> None:
    with pytest.raises(NotServing):
        pair.peer.put_nowait(7, 99, b"hold")
    assert pair.peer.has_sent(1), "it will take it up"


def test_messages_go_once_and_confirmations_and_refusals_come_back(pair: Pair) -> None:
    pair.outbox.post(5, b"first")
    pair.connect()
    pair.outbox.post(6, b"second")
    for _ in range(2):
        pair.peer.pump()
        pair.turn()
    assert [(frame.number, frame.stamp_ms, frame.body) for frame in pair.mailbox.take_arrived()] == [
        (1, 5, b"first"),
        (2, 6, b"second"),
    ]
    assert pair.peer.has_sent(2) and [pair.mailbox.lagging({OWN: applied}) for applied in (0, 1)] == [[OWN], []]
    pair.mailbox.confirm({OWN: 2})
    pair.ask(7)
    assert pair.peer.handle() == [Confirmed(2), PeerCall(7, [b"no"])]
    assert pair.peer.take_lost() == set()


@pytest.mark.parametrize("heard", [False, True])
def test_a_command_whose_receiver_died_is_reported_lost_once(pair: Pair, heard: bool) -> None:
    """Also if its refusal comes, and sending finds the connection gone before anybody has looked."""
    pair.connect()
    pair.peer.put_nowait(6, 99, b"hold")
    pair.peer.put_nowait(8, 99, b"hold")
    pair.peer.mark_answered(8)
    pair.ask(7) if heard else pair.peer.put_nowait(7, 99, b"hold")
    for caller in pair.mailbox.callers:
        caller.close()
    pair.mailbox.flush()
    pair.outbox.post(5, b"finds it gone")
    pair.peer.pump()
    assert not pair.peer.connected
    assert (pair.peer.take_lost(), pair.peer.take_lost()) == ({6, 7}, set())


def test_a_receiver_that_has_more_than_was_ever_sent(tmp_path_factory: pytest.TempPathFactory) -> None:
    pair = Pair(tmp_path_factory.mktemp("p"), received=3)
    with pytest.raises(LinkBroken, match="has message 3 of this shard, which made only 0"):
        pair.connect()
    pair.close()
