"""A shard that stands still (SIGSTOP): its mailbox fills to its bound and not beyond, and empties again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from loadtest.signing import bearer
from shards.clock import now_ms
from shards.ipc.client import Client
from shards.ipc.threaded_channel import ThreadedShardChannel
from shards.model.codec import decode_reply, encode
from shards.model.queries import GetBalances
from shards.model.reasons import RejectReason
from shards.model.replies import BalancesReply, Rejected
from tests.crash.capacity import fill
from tests.crash.floor import Account, Floor, Market
from tests.crash.processes import BACK_S, QUIET_S, check_quiet, connected, stopped
from tests.crash.settings import times
from tests.exchange import Exchange, until

STILL = 1  # the shard that is stopped
ON = 0  # one that goes on
PATIENTS_COUNT = 3  # callers who wait for the shard that is stopped
OTHERS_COUNT = 10  # orders placed and canceled elsewhere meanwhile
FILLS_COUNT = 10  # how often the mailbox is filled in CI
ORDERS = "/api/v1/spot/orders"


class Scene:
    """Two shards; an account and a market on each."""

    def __init__(self, exchange: Exchange, client: Client) -> None:
        self.exchange = exchange
        self.client = client
        self._floor = Floor(exchange)
        self.markets = self._floor.markets
        self.accounts = [self._floor.accounts_of(shard) for shard in range(2)]
        self._numbers = count(1)
        self.placed: list[str] = []  # client ids of orders that must never come to be

    def call(self, method: str, path: str, account: Account, body: dict[str, str] | None = None) -> Any:
        """One HTTP call."""
        return self.exchange.call(method, path, body, None, bearer(account))

    def place(self, account: Account, market: Market) -> Any:
        """A new order far from any other; its client id is noted if it was refused."""
        client_id = f"c{next(self._numbers)}"
        body = {"symbol": market.symbol, "side": "buy", "type": "limit", "price": "1.00", "quantity": "10.000"}
        response = self.call("POST", ORDERS, account, {**body, "client_order_id": client_id})
        if response.status_code != 200:
            self.placed.append(client_id)
        return response

    def trade_elsewhere(self) -> None:
        """Who needs the shards that go on only is served as ever."""
        for _ in range(OTHERS_COUNT):
            placed = self.place(self.accounts[ON], self.markets[ON])
            assert placed.status_code == 200, placed.text
            canceled = self.call("DELETE", f"{ORDERS}/{placed.json()['id']}", self.accounts[ON])
            assert canceled.status_code == 200, canceled.text

    def check_busy(self) -> None:
        """Whatever needs the shard that stands still is refused at once, and told when to come again."""
        account, market = self.accounts[STILL], self.markets[STILL]
        answers = (
            self.place(account, market),
            self.place(self.accounts[ON], market),
            self.place(account, self.markets[ON]),  # its money cannot be asked for
            self.call("GET", "/api/v1/spot/balances", account),
            self.call("DELETE", f"{ORDERS}/by-client-id/{market.symbol}/none", account),
            self.call("DELETE", ORDERS, self.accounts[ON]),  # all shards or none
        )
        for answer in answers:
            assert (answer.status_code, answer.json()) == (503, {"error": "ENGINE_BUSY"}), answer.request.url
            assert int(answer.headers["Retry-After"]) >= 1

    def check_never_placed(self) -> None:
        """Nothing that was refused or timed out exists."""
        for account in self.accounts:
            for market in self.markets:
                for client_id in self.placed:
                    path = f"{ORDERS}/by-client-id/{market.symbol}/{client_id}"
                    assert self.call("GET", path, account).status_code == 404


class Patient:
    """A caller in a thread of its own who waits for the answer, however long it takes."""

    def __init__(self, scene: Scene) -> None:
        self.answer: Any = None
        self._scene = scene
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.answer = self._scene.place(self._scene.accounts[STILL], self._scene.markets[STILL])

    def join(self) -> Any:
        """Its answer."""
        self._thread.join()
        return self.answer


@pytest.fixture(params=[32, None], ids=["depth-32", "depth-default"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    settings = {"SHARDEX_QUEUE_DEPTH": str(request.param)} if request.param else {}
    yield from make_scene(settings)


@pytest.fixture
def short_scene() -> Iterator[Scene]:
    yield from make_scene({"SHARDEX_QUEUE_DEPTH": "32"})


@pytest.fixture
def deep_scene() -> Iterator[Scene]:
    yield from make_scene({"SHARDEX_QUEUE_DEPTH": "20000"})


def make_scene(settings: dict[str, str]) -> Iterator[Scene]:
    with Exchange(2, settings) as exchange, connected(exchange) as client:
        yield Scene(exchange, client)


def await_serving(channel: ThreadedShardChannel) -> None:
    until(channel.serving, BACK_S, "connected")


def test_busy_others_go_on_and_nothing_is_done_late(scene: Scene) -> None:
    channel = ThreadedShardChannel(scene.exchange.folder, f"shard-{STILL}")
    await_serving(channel)
    depth_max = scene.client.depth_max(STILL)
    for _ in range(times(1)):
        with stopped(scene.exchange.shard_pid(STILL)):
            patients = [Patient(scene) for _ in range(PATIENTS_COUNT)]
            until(lambda: scene.client.depth(STILL) == PATIENTS_COUNT, QUIET_S, "all are waiting")
            assert len(fill(channel, scene.accounts[STILL].account)) == depth_max - PATIENTS_COUNT
            scene.check_busy()
            scene.trade_elsewhere()
            for patient in patients:
                answer = patient.join()
                assert (answer.status_code, answer.json()) == (504, {"error": "ENGINE_TIMEOUT"})
            scene.check_busy()  # who has gone still has a place
        until(lambda: scene.client.depth(STILL) == 0, QUIET_S, "the mailbox is empty")
        with stopped(scene.exchange.shard_pid(STILL)):
            assert len(fill(channel, scene.accounts[STILL].account)) == depth_max, "slots were lost"
        until(lambda: scene.client.depth(STILL) == 0, QUIET_S, "the mailbox is empty")
        scene.check_never_placed()
        assert scene.place(scene.accounts[STILL], scene.markets[STILL]).status_code == 200
    channel.close()
    check_quiet(scene.exchange)


def test_only_its_own_markets_are_busy(short_scene: Scene) -> None:
    """Filled and emptied again and again: each time all its places are there, and others never notice."""
    channel = ThreadedShardChannel(short_scene.exchange.folder, f"shard-{STILL}")
    await_serving(channel)
    for _ in range(times(FILLS_COUNT)):
        with stopped(short_scene.exchange.shard_pid(STILL)):
            assert len(fill(channel, short_scene.accounts[STILL].account)) == short_scene.client.depth_max(STILL)
            short_scene.check_busy()
            short_scene.trade_elsewhere()
        until(lambda: short_scene.client.depth(STILL) == 0, QUIET_S, "the mailbox is empty")
        placed = short_scene.place(short_scene.accounts[STILL], short_scene.markets[STILL])
        assert placed.status_code == 200, placed.text
        canceled = short_scene.call("DELETE", f"{ORDERS}/{placed.json()['id']}", short_scene.accounts[STILL])
        assert canceled.status_code == 200, canceled.text
    short_scene.check_never_placed()
    channel.close()
    check_quiet(short_scene.exchange)


def test_more_than_the_socket_takes(deep_scene: Scene) -> None:
    """Many threads on one connection, far beyond the socket's buffer: every message arrives whole and once."""
    channel = ThreadedShardChannel(deep_scene.exchange.folder, f"shard-{STILL}")
    await_serving(channel)
    account = deep_scene.accounts[STILL]
    for _ in range(times(1)):
        with ThreadPoolExecutor(4) as pool, stopped(deep_scene.exchange.shard_pid(STILL)):
            askers = [pool.submit(ask_often, channel, account) for _ in range(4)]
            until(lambda: deep_scene.client.depth(STILL) > 5_000, QUIET_S, "more than a socket's buffer waits")
        for waiter in (waiter for asker in askers for waiter in asker.result()):
            assert waiter.wait(QUIET_S) and waiter.bodies, "a message got no answer"
            reply = decode_reply(waiter.bodies[0])  # one account may have only so many queries waiting
            assert isinstance(reply, BalancesReply) or reply == Rejected(RejectReason.BUSY)
        until(lambda: deep_scene.client.depth(STILL) == 0, QUIET_S, "the mailbox is empty")
    channel.close()


def ask_often(channel: ThreadedShardChannel, account: Account) -> list[Any]:
    """4,000 queries; their waiters."""
    return [channel.put_nowait(encode(GetBalances(account.account)), now_ms() + 60_000)[1] for _ in range(4_000)]
