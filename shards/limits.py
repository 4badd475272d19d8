"""Every limit of the engine, with its unit and its reason.

Names end with the unit: ``_count``, ``_bytes``, ``_ms``, ``_s``. What an operator may change is read from the
environment in :mod:`shards.settings`; the defaults are here.
"""

from typing import Final

# Identity
MARKET_NUMBER_MAX: Final = 4_095  # 12 bits of an order id
SEQUENCE_BITS: Final = 40  # of an order id: 10^12 orders per market; with the market's 12 bits below 2^53
SHARD_COUNT_MAX: Final = 64  # more than the cores of any machine this design targets

# Money
AMOUNT_MAX: Final = 10**38 - 1  # smallest units; fits DECIMAL(38) and HUGEINT of the archive

# Mailbox and connections
QUEUE_DEPTH_MAX: Final = 1_024  # messages waiting for one shard: less than a second of work
CONNECTIONS_MAX: Final = 256  # per shard: every web worker, peer and command-line tool uses one
FRAME_BYTES_MAX: Final = 16 * 2**20  # one message; larger replies are sent in pieces
RECEIVE_BYTES: Final = 64 * 1024  # one read of a socket; larger buffers are mapped and unmapped each time
SEND_BYTES: Final = 256 * 1024  # passed to a socket at a time, or one frame: more than it accepts at once
SEND_BUFFER_BYTES_MAX: Final = 256 * 2**20  # queued for a reader that does not read; beyond this it is disconnected
UNREAD_BYTES_MAX: Final = 4 * 2**20  # of replies not read yet; beyond this a slow reader gets no further ones
LINK_WINDOW_BYTES: Final = 2**20  # of link messages written to a socket ahead of its reader
RECONNECT_MS: Final = 20  # between two attempts to reach a process that is down
RECONNECT_MS_MAX: Final = 200  # the pause grows to this while it stays down
REPLY_PIECE_COUNT: Final = 1_000  # orders in one piece of a large reply: about 150 kB

# The loop
BATCH_COUNT_MAX: Final = 256  # commands per sync: enough to amortize it, few enough to reply soon
QUERY_MS: Final = 10  # of a turn, for answering queries; the rest waits until commands had their turn
QUERY_COUNT_MAX: Final = BATCH_COUNT_MAX  # waiting queries of one account; of all together as many as the mailbox holds
LINK_WAIT_MS: Final = 3_000  # a starting shard waits up to this for its peers' links before it serves
LINK_WAIT_TURN_MS: Final = 100  # of it one turn counts at most: one in which the process stalled is no waiting
TICKET_COUNT_MAX: Final = 65_536  # orders waiting for a hold on another shard
REPEAT_COUNT_MAX: Final = 32  # commands waiting for one with the same client id: more than a client has under way
STOP_MS: Final = 2_000  # a stopping shard flushes pending replies for at most this long
SNAPSHOT_STOP_MS: Final = 5_000  # and takes a snapshot within this time, or none: about a million open orders
RESTART_PAUSE_MIN_S: Final = 0.1  # before restarting a process that died soon after its start; doubles up to
RESTART_PAUSE_MAX_S: Final = 5.0
RESTART_STABLE_S: Final = 10.0  # one that ends after living this long is restarted immediately
STORAGE_RETRY_MS: Final = 100  # between two write attempts while the disk is full
STORAGE_LOOK_MS: Final = 1_000  # a disk without failed writes for this long that then accepts a record has room again

# Heartbeats
BEAT_S: Final = 1.0  # between two heartbeats of an idle process
SILENCE_LOGGED_S: Final = (
    5.0  # without a heartbeat: logged, reported as stopped. Longer than a single command's deadline
)
STILL_REPLACED_S: Final = 30  # stalled for this long: replaced. Longer than any deadline
LOOK_TURN_S: Final = 0.5  # of it one check counts at most: in a longer one the supervisor itself stalled
CLOCK_JUMP_MS: Final = 500  # clock slewing is a thousandth of this between two checks

# Deadlines
DEADLINE_MS: Final = 4_000  # of a command
DEADLINE_BULK_MS: Final = 8_000  # of cancel-all and lists

# Books
OPEN_ORDERS_MAX: Final = 100_000  # per account and market
TRIGGERS_MAX: Final = 1_000  # waiting, per account and futures market
CHILDREN_MAX: Final = 10  # of these per parent
REPLAY_WINDOW_MS: Final = 11_000  # a signed request can be replayed for this long, if it does not specify a window
REPLAY_CLOCK_MS: Final = 2_000  # if it does, for this long beyond it: its sender's clock may be ahead

# Journal and snapshots
RULES: Final = 3
"""Version of the decision rules; raised when an input gives another result. 1: docs/decisions/0018; 2 and 3: 0004."""
SNAPSHOT_RECORD_COUNT: Final = 100_000  # records between snapshots: about two seconds of replay
SNAPSHOTS_KEPT_COUNT: Final = 2  # with the older one `verify` checks the newer one by replay

# Archive
ARCHIVE_BACKLOG_MAX: Final = 1_000_000  # events kept while the archive is down; beyond: only cancels of open orders
ARCHIVE_BATCH_COUNT_MAX: Final = 20_000  # rows in one DuckDB transaction
ARCHIVE_BATCH_MS: Final = 100  # maximum batching delay
ARCHIVE_BATCH_BUSY_MS: Final = 500  # and under load: a transaction costs as much as 600 rows in it
ARCHIVE_BUSY_COUNT: Final = 500  # rows of the previous batch that count as load
ARCHIVE_ROOM_BYTES: Final = 32 * 2**20  # free space below which it stores nothing: the rest is for the journals
QUERY_THREADS_COUNT: Final = 2  # concurrent history queries; all order lookups share one more thread
SQL_THREADS_COUNT: Final = 4  # pending operators' statements: two that run, the verifier's, and one to be rejected
QUERY_UNDER_WAY_MAX: Final = 32  # all of these and the next: a lookup need not wait for lists that came before it
QUERY_MS_MAX: Final = 5_000  # one history query
SQL_MS_MAX: Final = 30_000  # one operator's SQL statement
SQL_PATIENCE_MS: Final = SQL_MS_MAX + 2_000  # how long its caller waits: enough to receive the archive's timeout
SQL_PIECE_MS: Final = 60_000  # of an answer in pieces: between a piece and the query for the next, and for producing it
SQL_PIECE_PATIENCE_MS: Final = SQL_PIECE_MS + 2_000
SQL_ROW_COUNT_MAX: Final = 100_000  # rows of one operator's answer
ARCHIVE_MEMORY: Final = "1GB"  # DuckDB's memory limit

assert (MARKET_NUMBER_MAX + 1) << SEQUENCE_BITS <= 2**53, "order ids must stay exact in JavaScript"
assert DEADLINE_MS <= DEADLINE_BULK_MS
