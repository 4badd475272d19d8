"""Callers: connections as web workers have them, calls, and what a caller may conclude from each result."""

import queue
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from shards.ipc.counters import Slot
from shards.ipc.errors import NotServing
from shards.ipc.protocol import Callee, Confirmed, Welcome
from shards.limits import RECEIVE_BYTES
from shards.model.codec import decode_reply, encode
from shards.model.commands import AddMarket, CancelAll, Deposit, SetLeverage, Transfer
from shards.model.markets import shard_of_account, shard_of_symbol
from shards.model.queries import GetBalances, GetMargin, ListOrders
from shards.model.reasons import RejectReason
from shards.model.replies import OrdersReply, Rejected, Reply
from tests.sim.call import CANCELS, Call
from tests.sim.network import Killed, Life, SimSocket

if TYPE_CHECKING:
    from tests.sim.simulation import Simulation


class SimChannel:
    """A connection to one shard, reconnected whenever it is lost."""

    def __init__(self, client: "Client", name: str) -> None:
        self._client = client
        self._path = client.simulation.folder.socket(name)
        self.callee = Callee[Call]()
        self.socket: SimSocket | None = None
        self._slot: Slot | None = None
        self._unsent = bytearray()
        self._numbers = count(1)

    def poll(self, life: Life) -> None:
        """Connect, receive, send what is waiting."""
        try:
            if self.socket is None:
                self.socket = cast(SimSocket, life.connect(self._path))
                self.callee = Callee()
                self._write()
            if self.socket.readable():
                self._receive()
            if self._unsent:
                self._write()
        except OSError:
            self.lose()

    def claim(self) -> Slot | RejectReason:
        """Reserve a mailbox slot, or return the reason why not."""
        try:
            if self._slot is None:
                raise NotServing
            self._slot.claim()
        except NotServing:
            return RejectReason.RESTARTING
        except queue.Full:
            return RejectReason.BUSY
        return self._slot

    def unclaim(self, slot: Slot) -> None:
        """Return an unused reservation."""
        if slot is self._slot:
            slot.unclaim()

    def send(self, call: Call, body: bytes, deadline_ms: int) -> bool:
        """Send into a reserved slot; whether anything was sent."""
        number = next(self._numbers)
        self.callee.request(number, call, deadline_ms, body)
        try:
            self._write()
        except OSError:
            del self.callee.calls[number]
            return False
        return True

    def lose(self) -> None:
        """The connection is lost, with all pending calls."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        if self._slot is not None:
            self._slot.close()
            self._slot = None
        self._unsent.clear()
        for call in self.callee.end():
            call.lost = True
            repeatable = isinstance(call.message, CANCELS) or not call.is_command
            self._client.answered(call, Rejected(RejectReason.RESTARTING if repeatable else RejectReason.TIMEOUT))

    def _write(self) -> None:
        assert self.socket is not None
        self._unsent += self.callee.chunk()
        self.callee.sent(self.callee.unsent_bytes)
        try:
            del self._unsent[: self.socket.send(bytes(self._unsent))]
        except BlockingIOError:
            pass

    def _receive(self) -> None:
        assert self.socket is not None
        try:
            chunk = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            raise ConnectionResetError
        for event in self.callee.receive(chunk):
            self._hear(event)

    def _hear(self, event: Welcome | Confirmed | Call) -> None:
        if isinstance(event, Welcome):
            self._slot = Slot(self._client.simulation.folder.run / event.counters, event.slot)
        elif isinstance(event, Call):
            replies = [decode_reply(each) for each in event.bodies]
            pieces = [order for piece in replies if isinstance(piece, OrdersReply) for order in piece.orders]
            self._client.answered(event, replies[0] if len(replies) == 1 else OrdersReply(pieces))


class Client:
    """A web worker with its callers. Subclasses decide what it sends."""

    PATIENCES_MS = (60, 400, 4_000, 4_000)

    def __init__(self, simulation: "Simulation", name: str) -> None:
        self.simulation = simulation
        self.name = name
        self.chance = simulation.chance
        self.open: list[Call] = []
        self._begin()

    def _begin(self) -> None:
        self.life = Life(self.simulation.machine, self)
        shards = range(self.simulation.plan.shard_count)
        self.channels = [SimChannel(self, f"shard-{shard}") for shard in shards]

    def call_numbered(self, sock: SimSocket, number: int) -> Call | None:
        """The pending call with that number on a connection."""
        return next((channel.callee.calls.get(number) for channel in self.channels if channel.socket is sock), None)

    # A turn

    def turn(self, *, asks: bool) -> None:
        """Receive, time out calls, perhaps send something."""
        try:
            for channel in self.channels:
                channel.poll(self.life)
            for call in [call for call in self.open if self.simulation.true_ms > call.until_ms]:
                self._give_up(call)
            if asks:
                self.act()
            else:
                self.finish()
        except Killed:
            self.die()

    def act(self) -> None:
        """Send something, or not."""

    def finish(self) -> None:
        """Send only what is left to be sent."""

    def die(self) -> None:
        """kill -9: replies are lost. Another worker takes its place at once."""
        self.simulation.note(self.name, "is killed")
        self.life.end()
        for channel in self.channels:
            channel.lose()
        self._begin()

    def _give_up(self, call: Call) -> None:
        for channel in self.channels:
            channel.callee.calls = {number: each for number, each in channel.callee.calls.items() if each is not call}
        self.answered(call, Rejected(RejectReason.TIMEOUT))

    # Calls

    def ask(self, message: Any, then: Callable[[Call], None] | None = None, patience_ms: int = 0) -> None:
        """Send a message to its shard; if it is for all shards, to all or none."""
        simulation = self.simulation
        patience_ms = patience_ms or self.chance.choice(self.PATIENCES_MS)
        now = simulation.true_ms
        calls = [Call(message, shard, now, now + patience_ms) for shard in simulation.shards_of(message)]
        slots: list[Slot] = []
        for call in calls:
            call.then = then
            self.open.append(call)
        simulation.note(self.name, "asks", message)
        for call in calls:
            slot = self.channels[call.shard].claim()
            if isinstance(slot, RejectReason):
                for other, taken in zip(calls, slots, strict=False):
                    self.channels[other.shard].unclaim(taken)
                for each in calls:
                    self.answered(each, Rejected(slot))
                return
            slots.append(slot)
        self._send(calls, encode(message), simulation.clock() + patience_ms)

    def _send(self, calls: list[Call], body: bytes, deadline_ms: int) -> None:
        for call in calls:
            if call.is_command:
                self.simulation.commands += 1
                self.simulation.oracle.calls[body].append(call)
            if not self.channels[call.shard].send(call, body, deadline_ms):
                self.answered(call, Rejected(RejectReason.RESTARTING))

    def answered(self, call: Call, reply: Reply) -> None:
        """The caller has its reply."""
        if call not in self.open:
            return
        self.open.remove(call)
        call.reply = reply
        self.simulation.note(self.name, "is told", reply)
        if call.acknowledged:
            self.simulation.oracle.acknowledged.append(call)
        if call.then is not None:
            call.then(call)


def shards_of(message: Any, symbols: dict[int, str], shard_count: int) -> list[int]:
    """The shards a message is for."""
    if isinstance(message, AddMarket):
        return [shard_of_symbol(message.market.symbol, shard_count)]
    if isinstance(message, Deposit | Transfer | SetLeverage | GetBalances | GetMargin):
        return [shard_of_account(message.account, shard_count)]
    if isinstance(message, CancelAll | ListOrders) and not message.market:
        return list(range(shard_count))
    order = getattr(message, "order", message)
    market = getattr(order, "market", 0) or getattr(message, "id", 0) >> 40
    return [shard_of_symbol(symbols.get(market, ""), shard_count)]
