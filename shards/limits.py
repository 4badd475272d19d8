"""Every bound of the engine, with its unit and its reason.

Units come last in the names: ``_count``, ``_bytes``, ``_ms``, ``_s``. What an operator may change is read
from the environment in :mod:`shards.settings`; the defaults stand here.
"""

from typing import Final

# Identity
MARKET_NUMBER_MAX: Final = 4_095  # 12 bits of an order id
SEQUENCE_BITS: Final = 40  # of an order id: 10^12 orders a market; with the market's 12 bits below 2^53
SHARD_COUNT_MAX: Final = 64  # more than the cores of any machine this design fits

# Money
AMOUNT_MAX: Final = 10**38 - 1  # smallest units; what DECIMAL(38) and HUGEINT of the archive hold

# Mailbox and connections
QUEUE_DEPTH_MAX: Final = 1_024  # messages in front of one shard: under a second of work
CONNECTIONS_MAX: Final = 256  # per shard: every web worker, peer and command-line tool takes one
FRAME_BYTES_MAX: Final = 16 * 2**20  # one message; larger answers go in pieces
RECEIVE_BYTES: Final = 64 * 1024  # one read of a socket; larger buffers are mapped and unmapped for each
SEND_BYTES: Final = 256 * 1024  # given to a socket at a time, or one frame: more than it takes at once
SEND_BUFFER_BYTES_MAX: Final = 256 * 2**20  # waiting for a reader that does not read; beyond: it is cut off
UNREAD_BYTES_MAX: Final = 4 * 2**20  # of answers, with which a reader gets no further ones: it is behind
LINK_WINDOW_BYTES: Final = 2**20  # of link messages given to a socket ahead of its reader
RECONNECT_MS: Final = 20  # between two tries to reach a process that is down
RECONNECT_MS_MAX: Final = 200  # the pause grows to this while it stays down
REPLY_PIECE_COUNT: Final = 1_000  # orders in one piece of a large answer: about 150 kB

# The loop
BATCH_COUNT_MAX: Final = 256  # commands under one sync: enough to hide it, few enough to answer soon
QUERY_MS: Final = 10  # of a turn, for answering queries; what is left waits until commands have had theirs
QUERY_COUNT_MAX: Final = BATCH_COUNT_MAX  # of one account, waiting; of all together as many as the mailbox holds
LINK_WAIT_MS: Final = 3_000  # a starting shard waits so long for its peers' links before it serves
LINK_WAIT_TURN_MS: Final = 100  # of it one turn counts for at most: one in which the process stood still is no waiting
TICKET_COUNT_MAX: Final = 65_536  # orders waiting for a hold on another shard
STOP_MS: Final = 2_000  # a stopping shard brings out what it owes for so long at most
SNAPSHOT_STOP_MS: Final = 5_000  # and takes a snapshot within so long, or none: about a million open orders
RESTART_PAUSE_MIN_S: Final = 0.1  # before a process that died soon after its start is started again; doubles up to
RESTART_PAUSE_MAX_S: Final = 5.0
RESTART_STABLE_S: Final = 10.0  # one that ends after living so long is started again at once
STORAGE_RETRY_MS: Final = 100  # between two tries to write while the disk is full
STORAGE_LOOK_MS: Final = 1_000  # a disk that refused nothing for so long, and takes a record then, has room again

# Signs of life
BEAT_S: Final = 1.0  # between two of a process that has nothing to do
STILL_TOLD_S: Final = 5.0  # without one: logged, and told as stopped. The longest deadline of a single command is past
STILL_REPLACED_S: Final = 30  # standing still for so long: replaced. Every deadline is long past
LOOK_TURN_S: Final = 0.5  # of it one look counts for at most: in a longer one the supervisor itself stood still
CLOCK_JUMP_MS: Final = 500  # what clocks are slewed by is a thousandth of that between two looks

# Deadlines
DEADLINE_MS: Final = 4_000  # a command
DEADLINE_BULK_MS: Final = 8_000  # cancel-all and lists

# Books
OPEN_ORDERS_MAX: Final = 100_000  # per account and market
TRIGGERS_MAX: Final = 1_000  # waiting, per account and futures market
CHILDREN_MAX: Final = 10  # of these per parent
REPLAY_WINDOW_MS: Final = 11_000  # a signed request can come again for so long, if it does not say how long
REPLAY_CLOCK_MS: Final = 2_000  # if it does, for so long beyond: its sender's clock may be ahead

# Journal and snapshots
RULES: Final = 2
"""By which a shard decides; raised when an input comes to something else. 1: see docs/decisions/0018; 2: see 0004."""
SNAPSHOT_RECORD_COUNT: Final = 100_000  # records between snapshots: about two seconds of replay
SNAPSHOTS_KEPT_COUNT: Final = 2  # the older one lets `verify` prove the newer one by replay

# Archive
ARCHIVE_BACKLOG_MAX: Final = 1_000_000  # rows a shard keeps while the archive is down; beyond: cancels of open orders
ARCHIVE_BATCH_COUNT_MAX: Final = 20_000  # rows in one DuckDB transaction
ARCHIVE_BATCH_MS: Final = 100  # the oldest row waits so long for company
ARCHIVE_BATCH_BUSY_MS: Final = 500  # and so long under load: a transaction costs as much as 600 rows of it
ARCHIVE_BUSY_COUNT: Final = 500  # rows of the batch before from which on this is load
ARCHIVE_ROOM_BYTES: Final = 32 * 2**20  # free space below which it stores nothing: the last room is for the journals
QUERY_THREADS_COUNT: Final = 2  # history queries answered at a time, but for lookups of orders: one, of all together
SQL_THREADS_COUNT: Final = 4  # operators' statements in hand: two that run, the verifier's, and one to be refused
QUERY_UNDER_WAY_MAX: Final = 32  # all of these, and what is next: a lookup need not wait for lists that came before it
QUERY_MS_MAX: Final = 5_000  # one history query
SQL_MS_MAX: Final = 30_000  # one operator's SQL statement
SQL_PATIENCE_MS: Final = SQL_MS_MAX + 2_000  # so long its caller waits: what the archive says of its end arrives
SQL_PIECE_MS: Final = 60_000  # of an answer in pieces: from one to the query for the next, and to the next
SQL_PIECE_PATIENCE_MS: Final = SQL_PIECE_MS + 2_000
SQL_ROW_COUNT_MAX: Final = 100_000  # rows of one operator's answer
ARCHIVE_MEMORY: Final = "1GB"  # DuckDB's memory limit

assert (MARKET_NUMBER_MAX + 1) << SEQUENCE_BITS <= 2**53, "order ids must stay exact in JavaScript"
assert DEADLINE_MS <= DEADLINE_BULK_MS
