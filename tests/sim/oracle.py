"""Compares actual with expected results: every reply, row and link with the model, acknowledgements with the disk."""

from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from shards.engine.outbox import ARCHIVE
from shards.engine.state import dump_state
from shards.model.codec import decode_input, decode_reply, encode
from shards.model.commands import Command, FundsHold, MarginHold, Modify, Place
from shards.model.links import Granted, LinkMessage
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import AmountReply, MarginReply, Rejected
from shards.runtime.admission import COMMANDS
from shards.runtime.recovery import apply_record, engine_at
from shards.verify.invariants import find_violations
from storage.journal import Record
from storage.snapshot import Snapshot
from tests.model.futures_steps import brief
from tests.sim.disk import SimJournal
from tests.sim.model import Model, Predicted
from tests.sim.network import Life

if TYPE_CHECKING:
    from tests.sim.call import Call
    from tests.sim.simulation import Simulation

_BUSY = encode(
    Rejected(RejectReason.BUSY)
)  # a modification whose order fired before it was applied: on disk, but not executed


class _Written(NamedTuple):
    """A record on disk that the model has not applied yet."""

    record: Record
    archived: int
    written_ms: int  # true time


class Applied(NamedTuple):
    """An input that a shard has applied: live, or again after a restart."""

    message: Command | LinkMessage
    reply: bytes | None
    rows: list[bytes]
    sent: dict[int, int]
    live: bool


class Oracle:
    """The expected state."""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.model = Model(simulation.plan.shard_count)
        self._written = [deque[_Written]() for _ in range(simulation.plan.shard_count)]
        self._predicted: dict[tuple[int, int], Predicted] = {}  # by shard and record
        self._ahead: dict[tuple[int, int], Applied] = {}  # applied, but not on disk: must be empty at the end
        self.calls: defaultdict[bytes, list[Call]] = defaultdict(list)  # by message sent
        self.acknowledged: list[Call] = []
        self.executed: Counter[bytes] = Counter()  # commands, as sent by callers

    # Inputs

    def written(self, shard: int, record: Record, archived: int) -> None:
        """A record has reached the disk; ``archived``: the rows that the shard knows to be archived."""
        self.simulation.note(f"shard {shard}", f"journals {record.sequence}:", record.body)
        self._written[shard].append(_Written(record, archived, self.simulation.true_ms))
        early = self._ahead.pop((shard, record.sequence), None)
        if early is not None:
            self.applied(shard, record.sequence, early)

    def _predict(self, shard: int, sequence: int, sent: dict[int, int]) -> None:
        """Apply records on disk to the model, up to ``sequence``: in step with the shard, as a batch takes time."""
        written = self._written[shard]
        while written and written[0].record.sequence <= sequence:
            self._take(shard, sent, *written.popleft())

    def _take(self, shard: int, sent: dict[int, int], record: Record, archived: int, written_ms: int) -> None:
        message = decode_input(record.body)
        placed = self.model.placed.total()
        predicted = self._predicted[shard, record.sequence] = self.model.apply(shard, record, archived, sent)
        if self.model.placed.total() > placed:
            assert isinstance(message, Place | Granted)
            self._executed(encode(Place(message.order)), message, written_ms)
        elif type(message) in COMMANDS - {FundsHold, MarginHold, Place} and predicted.reply != _BUSY:
            self._executed(record.body, message, written_ms)

    def _executed(self, body: bytes, message: Any, written_ms: int) -> None:
        """A command sent as ``body`` was executed, possibly again."""
        self.executed[body] += 1
        calls = self.calls.get(body)
        if calls and written_ms > max(call.until_ms for call in calls) + self.simulation.stepped_back_ms:
            self.simulation.violated(f"executed past its deadline: {brief(message)}", *touched_by(message))

    def applied(self, shard: int, sequence: int, found: Applied) -> None:
        """A shard has applied an input."""
        self._predict(shard, sequence, found.sent)
        if (shard, sequence) in self._predicted:
            self._compare(shard, sequence, found)
        else:
            self._ahead[shard, sequence] = found

    def _compare(self, shard: int, sequence: int, found: Applied) -> None:
        message, reply, rows, sent, live = found
        expected = self._predicted[shard, sequence]
        model = self.model.shards[shard]
        if live and reply != expected.reply:
            self._differ(message, f"shard {shard}, record {sequence}: the reply to", reply, expected.reply)
        if sorted(rows) != sorted(expected.rows):
            what = f"shard {shard}, record {sequence}: the rows of"
            only_is = [row for row in rows if row not in expected.rows]
            only_must_be = [row for row in expected.rows if row not in rows]
            self._differ(message, what, b"\n".join(only_is), b"\n".join(only_must_be))
        if len(model.rows) < expected.sent[ARCHIVE]:  # for the first time
            model.number_rows(rows)
        if rows != model.rows[expected.sent[ARCHIVE] - len(rows) : expected.sent[ARCHIVE]]:
            self._differ(message, f"shard {shard}, record {sequence}: the order of rows", b"", b"".join(rows))
        if sent != expected.sent:
            what = f"shard {shard}, record {sequence}: the newest link messages after"
            self._differ(message, what, encode(sent), encode(expected.sent))

    def _differ(self, message: Any, what: str, found: bytes | None, expected: bytes | None) -> None:
        is_, must_be = ("nothing" if body is None else body.decode() for body in (found, expected))
        self.simulation.violated(f"{what} {brief(message)} is {is_}, must be {must_be}", *touched_by(message))

    # Answers

    def answered(self, call: "Call | None", shard: int, sequence: int) -> None:
        """A reply to ``call`` is sent after this input."""
        if call is not None:
            call.records.append((shard, sequence))

    def rejected_early(self, shard: int, message: Place | Modify, reply: bytes, archived: int) -> None:
        """A reply without an input: a rejection before funds are requested."""
        if isinstance(message, Modify) or self._ahead:
            return
        expected = self.model.shards[shard].rejection_of(message.order, archived)
        if expected is None or encode(expected) != reply:
            told = None if expected is None else encode(expected)
            self._differ(message, "why it would be rejected", reply, told)

    def queried(self, shard: int, query: Query, reply: bytes, archived: int) -> None:
        """A query was answered."""
        if self._ahead:
            return
        expected: Any = self.model.shards[shard].answer(query, archived)
        found: Any = decode_reply(reply)
        if isinstance(found, MarginReply):
            found = AmountReply(found.free)
        if hasattr(found, "update_id"):
            found.update_id = expected.update_id
        if found != expected:
            self._differ(query, f"shard {shard}: the answer to", encode(found), encode(expected))

    # Periodic checks

    def check_together(self) -> None:
        """Invariants of all shards at one moment; all must be up."""
        engines = [node.engine for node in self.simulation.nodes]
        for text in find_violations(engines):
            account = next((account for account in self.simulation.accounts if f" {account} " in f" {text} "), "")
            self.simulation.violated(text, account)

    def check_recovery(self, shard: int) -> None:
        """A shard's disk yields, from each of its snapshots, its current state."""
        node = self.simulation.nodes[shard]
        snapshots: list[Snapshot | None] = [*node.disk.snapshots]
        for snapshot in snapshots or [None]:
            engine, position = engine_at(snapshot, shard, self.simulation.plan.shard_count)
            journal = SimJournal(node.disk, Life(self.simulation.machine, None), lambda records: None)
            for record in journal.read(position):
                apply_record(engine, record)
            if dump_state(engine) != dump_state(node.engine):
                self.simulation.violated(f"shard {shard} is not what its disk makes")

    # At the end

    def check_wallets(self) -> None:
        """Every wallet and every open order is as in the model."""
        for node, model in zip(self.simulation.nodes, self.model.shards, strict=True):
            wallets = node.engine.accounts.wallets.by_account
            found = {(account, asset): own for account, assets in wallets.items() for asset, own in assets.items()}
            for key in found.keys() | model.wallets.keys():
                if found.get(key) != model.wallets.get(key):
                    text = f"wallet {key}: is {found.get(key)}, must be {model.wallets.get(key)}"
                    self.simulation.violated(text, key[0])

    def check_margins(self) -> None:
        """Every futures wallet, position and hold is as in the model."""
        for node, model in zip(self.simulation.nodes, self.model.shards, strict=True):
            account_shard = model.accounts
            for account, margin in node.engine.accounts.margins.by_account.items():
                found = {0: (margin.wallet,)} | {
                    number: (own.position.amount, own.position.cost, own.position.margin, own.hold)
                    for number, own in margin.markets.items()
                }
                expected: dict[int, tuple[int, ...]] = {0: (account_shard.wallet(account),)}
                for number in margin.markets:
                    own = account_shard.position(account, number)
                    expected[number] = own.size, own.cost, own.margin, account_shard.hold(account, number)
                if found != expected:
                    self.simulation.violated(f"margins of {account}: are {found}, must be {expected}", account)

    def check_archive(self) -> None:
        """The archive has every row of the model once and in order."""
        for shard, (stored, model) in enumerate(zip(self.simulation.archive.stored, self.model.shards, strict=True)):
            if stored != model.rows:
                self.simulation.violated(f"the archive has {len(stored)} rows of shard {shard}, not {len(model.rows)}")

    def check_acknowledged(self) -> None:
        """What was acknowledged is on disk where it was executed; what was reported as not executed is not."""
        for call in self.acknowledged:
            if not any(self._is_on_disk(call, *place) for place in call.records):
                text = f"acknowledged, and not on disk in its place {call.records}: {brief(call.message)}"
                self.simulation.violated(text, *touched_by(call.message))
        for body, count in self.executed.items():
            calls = self.calls.get(body, [])
            possible = sum(call.may_be_executed for call in calls)
            if calls and count > possible:
                text = (
                    f"executed {count} times, {possible} of {len(calls)} calls may have been: {brief(calls[0].message)}"
                )
                self.simulation.violated(text, *touched_by(calls[0].message))

    def _is_on_disk(self, call: "Call", shard: int, sequence: int) -> bool:
        history = self.simulation.nodes[shard].disk.history
        if sequence > len(history):
            return False
        message = decode_input(history[sequence - 1][0].body)
        if isinstance(message, Granted):
            requested: object = message.modifies if message.modifies else Place(message.order)
            return bool(requested == (call.message.id if message.modifies else call.message))
        return bool(message == call.message)

    def check_drained(self) -> None:
        """Nothing is pending."""
        for node in self.simulation.nodes:
            for receiver, outbox in node.engine.outboxes.items():
                if len(outbox):
                    where = "the archive" if receiver == ARCHIVE else f"shard {receiver}"
                    self.simulation.violated(f"{len(outbox)} messages of {node.name} never reached {where}")


def touched_by(message: Any) -> tuple[str, int]:
    """(account, market) of a message; "" and 0 if it has none."""
    order = getattr(message, "order", message)
    market = getattr(order, "market", 0) or getattr(message, "id", 0) >> 40
    return getattr(order, "account", ""), market if isinstance(market, int) else market.number
