"""The capacity of a mailbox: all its slots, no matter which senders were killed with pending messages."""

import queue
from typing import Any

from shards.clock import now_ms
from shards.ipc.client import ThreadedShardChannel
from shards.limits import DEADLINE_MS
from shards.model.codec import encode
from shards.model.queries import GetBalances
from tests.crash.processes import BACK_S, QUIET_S, connected, shard_process, stopped
from tests.exchange import Exchange, until


def fill(channel: ThreadedShardChannel, account: str) -> list[Any]:
    """Send queries until the mailbox is full; returns the pending ones."""
    waiting = []
    while True:
        try:
            waiting.append(channel.put_nowait(encode(GetBalances(account)), now_ms() + DEADLINE_MS)[1])
        except queue.Full:
            return waiting


def check_capacity(exchange: Exchange) -> None:
    """With no other load, the mailbox of a stopped shard takes exactly its number of slots, for each shard."""
    with connected(exchange) as client:
        for shard in range(client.shard_count):
            channel = ThreadedShardChannel(exchange.folder, f"shard-{shard}")
            until(channel.serving, BACK_S, f"shard {shard} serves")
            with stopped(shard_process(exchange, shard)):
                taken = len(fill(channel, "nobody"))
            assert taken == client.depth_max(shard), f"the mailbox of shard {shard} takes {taken} only"
            until(lambda shard=shard: client.depth(shard) == 0, QUIET_S, "the mailbox is empty")  # type: ignore[misc]
            channel.close()
