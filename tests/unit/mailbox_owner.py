"""Processes for the tests of mailbox and client: an owner that takes or leaves messages as it is told, and callers."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import Full

from shards.clock import now_ms
from shards.engine.engine import Engine
from shards.folder import Folder
from shards.ipc.errors import NotServing
from shards.ipc.mailbox import Mailbox
from shards.limits import BATCH_COUNT_MAX
from shards.model.codec import decode_request, encode
from shards.model.queries import CountOpen, ListOrders, RunSql
from shards.model.replies import CountReply, OrdersReply, Reply, TableReply
from shards.runtime.reply_queue import Replies
from tests.unit.orders import make_order

spawn = multiprocessing.get_context("spawn")


def _answer(message: object) -> Reply:
    match message:
        case ListOrders(_, limit):
            return OrdersReply([make_order(number, client_id="client-id-of-some-length") for number in range(limit)])
        case RunSql(text):
            return TableReply([], [[len(text)]])
        case CountOpen(account):
            return CountReply(int(account))
    return CountReply(0)


def own(data: Path, name: str, maxsize: int, control: Connection) -> None:
    """Serve a mailbox; ``control`` says whether to take messages from it."""
    mailbox = Mailbox(Folder.open(data), name, maxsize, {})
    replies = Replies(Engine(0, 1), {})
    taking = True

    def hear() -> None:
        nonlocal taking
        taking = control.recv()
        control.send("heard")

    mailbox.watch(control, hear)
    mailbox.serving = True
    control.send("ready")
    while True:
        for act in mailbox.poll(None):
            act()
        while taking and mailbox.waiting():
            for request in mailbox.get(BATCH_COUNT_MAX):
                replies.add(request, _answer(decode_request(request.body)), "")
        replies.send(mailbox)
        mailbox.flush()


def call_without_end(data: Path, control: Connection) -> None:
    """A caller that fills the mailbox as fast as it can, until it is killed."""
    from shards.ipc.threaded_channel import ThreadedShardChannel

    channel = ThreadedShardChannel(Folder.open(data), "shard-0")
    channel.connected.wait()
    control.send("calling")
    while True:
        try:
            channel.put_nowait(encode(CountOpen("1")), now_ms() + 60_000)
        except (Full, NotServing):
            pass


class Process:
    """A process of this file, and the pipe to it. Only this process is ever signaled."""

    def __init__(self, target: object, *args: object) -> None:
        self.control, other = spawn.Pipe()
        self.process: BaseProcess = spawn.Process(target=target, args=(*args, other), daemon=True)  # type: ignore[arg-type]
        self.process.start()
        other.close()
        assert self.control.recv() in ("ready", "calling")

    def take(self, taking: bool) -> None:
        self.control.send(taking)
        assert self.control.recv() == "heard"

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


@contextmanager
def running(target: object, *args: object) -> Iterator[Process]:
    """A process for the length of a block."""
    process = Process(target, *args)
    try:
        yield process
    finally:
        if process.process.is_alive():
            process.signal(signal.SIGCONT)
        process.kill()
