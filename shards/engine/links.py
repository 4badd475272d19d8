"""A shard's ends of its links: which shard keeps an account, and the messages to other shards and the archive."""

from shards.engine.outbox import ARCHIVE, Outbox
from shards.model.codec import encode
from shards.model.links import LinkMessage
from shards.model.markets import shard_of_account


class Links:
    """The links from one shard to all others and to the archive."""

    def __init__(self, shard: int, shard_count: int) -> None:
        self.shard = shard
        self.shard_count = shard_count
        peers = [peer for peer in range(shard_count) if peer != shard]
        self.outboxes = {receiver: Outbox() for receiver in (*peers, ARCHIVE)}
        self.received = dict.fromkeys(peers, 0)  # number of the last link message applied, per sender

    def account_shard(self, account: str) -> int:
        """Return the shard that keeps the account's balances."""
        return shard_of_account(account, self.shard_count)

    def is_account_shard(self, account: str) -> bool:
        """Whether this shard keeps the account's balances."""
        return shard_of_account(account, self.shard_count) == self.shard

    def post(self, receiver: int, message: LinkMessage, now_ms: int) -> None:
        self.outboxes[receiver].post(now_ms, encode(message))

    def post_to_all(self, message: LinkMessage, now_ms: int) -> None:
        for peer in self.received:
            self.post(peer, message, now_ms)
