"""A whole exchange with a random mix of trading, late delivery, crashes and recovery, as a state machine."""

from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from shards.limits import DEADLINE_MS, REPLAY_WINDOW_MS
from shards.model.accounting import Wallet
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelByClientId,
    Command,
    Deposit,
    Place,
    SetMarketStatus,
)
from shards.model.events import OrderEnded
from shards.model.markets import MarketStatus
from shards.model.orders import Kind, NewOrder, Order, Side, Status, TimeInForce
from shards.model.replies import BatchReply, OrderReply, OrdersReply, Rejected
from tests.model.seeds import read_count, read_seed
from tests.model.world import Call, World, make_market

ACCOUNTS = ("alice", "bob", "carol", "dave", "erin")
MARKETS = {2: "DFUSDT", 1: "BTCUSDT", 3: "ETHUSDT"}  # opened in this order
ASSETS = ("DF", "BTC", "USDT")

accounts = st.sampled_from((*ACCOUNTS[:4] * 3, ACCOUNTS[4]))  # the last one has no funds
markets = st.sampled_from((*(2, 1) * 5, 3))
client_ids = st.sampled_from(("one", "two"))
some = st.integers(1, 3)
shards = st.integers(0, 3)
eager = st.booleans()  # whether everything is delivered at once, as in normal operation
limit_orders = st.builds(
    NewOrder,
    market=markets,
    account=accounts,
    side=st.sampled_from(Side),
    kind=st.just(Kind.LIMIT),
    tif=st.sampled_from((*[TimeInForce.GTC] * 4, TimeInForce.IOC, TimeInForce.POST_ONLY)),
    price=st.integers(99, 101),
    quantity=st.sampled_from((*(1, 2, 3, 5, 8) * 3, 90_000)),
    quote_quantity=st.just(0),
    client_id=st.sampled_from(("", "", "one", "two")),
    signed_ms=st.sampled_from((0, 1, 2)),
)
market_orders = {
    "market": markets,
    "account": accounts,
    "kind": st.just(Kind.MARKET),
    "tif": st.just(TimeInForce.IOC),
    "price": st.just(0),
    "quantity": st.just(0),
    "quote_quantity": st.just(0),
}
market_buys = st.builds(
    NewOrder, **market_orders | {"side": st.just(Side.BUY), "quote_quantity": st.sampled_from((999, 99_000, 500_000))}
)
market_sells = st.builds(NewOrder, **market_orders | {"side": st.just(Side.SELL), "quantity": st.sampled_from((1, 4))})
orders = st.one_of(limit_orders, limit_orders, limit_orders, market_buys, market_sells)


class Exchange(RuleBasedStateMachine):
    """One run. Every caller's rule may leave its message in the mailbox or have everything delivered."""

    requests = Bundle("requests")  # new orders sent; some are repeated

    @initialize(shard_count=st.integers(1, 4), queue_depth=st.sampled_from((1_000, 1_000, 1_000, 4)))
    def open(self, shard_count: int, queue_depth: int) -> None:
        self.world = World(shard_count, queue_depth)
        self.calls: list[Call] = []
        self.references = 0
        self.prepare()

    def prepare(self) -> None:
        """Initial markets and funds."""
        for number in (2, 1):
            fees = {"maker_fee_bps": 10 * number, "taker_fee_bps": 25}
            self.world.call(AddMarket(make_market(number, MARKETS[number], **fees)))
        for account in ACCOUNTS[:4]:
            for asset in ASSETS:
                self.world.call(Deposit(account, asset, 10**8 if asset == "USDT" else 10**10, "opening-" + asset))

    # Callers

    @rule(target=requests, batch=st.lists(orders, min_size=1, max_size=6), eager=eager)
    def place(self, batch: list[NewOrder], eager: bool) -> Any:
        """Several at once: they meet in the book, and on their way to it."""
        second_ms = self.world.now_ms - self.world.now_ms % 1_000
        messages = []
        for new in batch:
            signed_ms = second_ms + new.signed_ms if new.signed_ms else 0
            messages.append(Place(replace(new, signed_ms=signed_ms)))
        self._send(eager, *messages)
        return multiple(*(place for place in messages if place.order.client_id))

    @rule(batch=st.lists(limit_orders, min_size=2, max_size=8))
    def trade(self, batch: list[NewOrder]) -> None:
        self._send(True, *map(Place, batch))

    @rule(batch=st.lists(limit_orders, min_size=2, max_size=8))
    def rest(self, batch: list[NewOrder]) -> None:
        """Orders that mostly do not match."""
        distance = {Side.BUY: -2, Side.SELL: 2}
        self._send(True, *(Place(replace(new, price=new.price + distance[new.side])) for new in batch))

    @rule(place=requests, eager=eager)
    def place_again(self, place: Place, eager: bool) -> None:
        self._send(eager, place)

    @rule(data=st.data(), foreign=st.sampled_from((False, False, True)), eager=eager)
    def cancel(self, data: st.DataObject, foreign: bool, eager: bool) -> None:
        machines = [machine for engine in self.world.engines for machine in engine.markets.values()]
        known = [order for call in self.calls for order in _orders(call)][-4:]
        known += [order for machine in machines for order in machine.open.values()]
        if known:
            order = data.draw(st.sampled_from(known))
            self._send(eager, Cancel(order.id, "bob" if foreign else order.account))

    @rule(market=markets, account=accounts, client_id=client_ids, eager=eager)
    def cancel_by_client_id(self, market: int, account: str, client_id: str, eager: bool) -> None:
        self._send(eager, CancelByClientId(market, account, client_id))

    @rule(account=accounts, market=st.sampled_from((0, 0, 1, 2)), eager=eager)
    def cancel_all(self, account: str, market: int, eager: bool) -> None:
        for shard in range(self.world.shard_count):
            self.calls.append(self.world.submit(CancelAll(account, market), shard))
        self._send(eager)

    @rule(
        account=accounts,
        asset=st.sampled_from(ASSETS),
        amount=st.sampled_from((10**8, 7, -5, -(10**8))),
        wallet=st.sampled_from((Wallet.SPOT, Wallet.SPOT, Wallet.FUTURES)),
        eager=eager,
    )
    def deposit_or_withdraw(self, account: str, asset: str, amount: int, wallet: Wallet, eager: bool) -> None:
        self.references += 1
        asset = asset if wallet is Wallet.SPOT else "USDT"
        self._send(eager, Deposit(account, asset, amount, f"reference-{self.references}", wallet))

    @rule(market=st.sampled_from(list(MARKETS)), end=st.sampled_from((False, False, False, True)), eager=eager)
    def operate(self, market: int, end: bool, eager: bool) -> None:
        """List a halted market again, or delist it; add one that does not exist yet."""
        machines = [engine.markets[market] for engine in self.world.engines if market in engine.markets]
        if not machines:
            self._send(eager, AddMarket(make_market(market, MARKETS[market])))
        elif machines[0].market.status is MarketStatus.LISTED:
            self._send(eager, SetMarketStatus(market, MarketStatus.HALTED))
        else:
            self._send(eager, SetMarketStatus(market, MarketStatus.DELISTED if end else MarketStatus.LISTED))

    # Delivery

    @rule(steps=st.lists(st.tuples(st.sampled_from("tttppppas"), shards, shards, some), min_size=1, max_size=8))
    def deliver_some(self, steps: list[tuple[str, int, int, int]]) -> None:
        """A turn, a few link messages, a confirmation, a few rows: in any order."""
        world = self.world
        for step, one, other, count in steps:
            shard, peer = one % world.shard_count, other % world.shard_count
            if step == "t":
                world.turn(shard, count)
            elif step == "p" and shard != peer:
                world.pump(shard, peer, count)
            elif step == "a":
                world.acknowledge(shard)
            elif step == "s":
                world.store(shard, count, confirm=other > 0)
            assert world.violations() == []

    @rule()
    def deliver_all(self) -> None:
        self.world.drain()

    # Time, crashes, disk

    @rule(elapsed_ms=st.sampled_from((1, 1, 50, 900, 900, 3_000, -700, DEADLINE_MS + 1, REPLAY_WINDOW_MS)))
    def pass_time(self, elapsed_ms: int) -> None:
        self.world.now_ms += elapsed_ms

    @rule(shard=shards)
    def take_snapshot(self, shard: int) -> None:
        self.world.take_snapshot(shard % self.world.shard_count)

    @rule(shard=shards, from_snapshot=st.booleans())
    def restart(self, shard: int, from_snapshot: bool) -> None:
        self.world.restart(shard % self.world.shard_count, from_snapshot=from_snapshot)
        assert self.world.unfaithful() == []

    @rule(shard=shards, from_snapshot=st.booleans())
    def die_between_journal_and_apply(self, shard: int, from_snapshot: bool) -> None:
        number = shard % self.world.shard_count
        self.world.turn(number, die_journaled=True)
        if not self.world.nodes[number].up:
            self.world.start(number, from_snapshot=from_snapshot)

    @rule(shard=shards)
    def work_on_a_full_disk(self, shard: int) -> None:
        node = self.world.nodes[shard % self.world.shard_count]
        node.full = True
        self.world.drain()
        node.full = False

    # Invariants

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "world"):
            assert self.world.violations() == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.drain()
        assert world.violations() == []
        assert world.unfaithful() == []
        assert all(call.reply is not None for call in self.calls), "somebody was never answered"
        for shard in range(world.shard_count):
            world.restart(shard)
        assert world.unfaithful() == []
        world.drain()
        assert world.violations() == []
        assert world.unfaithful() == []
        self._check_orders()

    def _check_orders(self) -> None:
        """Every order is exactly once in the archive or in a book; acknowledged ones exist; none was executed twice."""
        ended = [event.order for event in self.world.events() if isinstance(event, OrderEnded)]
        machines = [machine for engine in self.world.engines for machine in engine.markets.values()]
        orders = ended + [order for machine in machines for order in machine.open.values()]
        by_id = {order.id: order for order in orders}
        assert len(by_id) == len(orders), "an order ended twice"
        for call in self.calls:
            for order in _orders(call):
                now = by_id[order.id]
                assert now.account == order.account and now.filled >= order.filled
                assert order.market not in MARKETS or (now.price, now.quantity) == (order.price, order.quantity)
                assert order.status in (Status.OPEN, Status.PARTIALLY_FILLED) or now == order
        self._check_replays(orders)

    def _check_replays(self, orders: list[Order]) -> None:
        placed: dict[tuple[object, ...], int] = {}
        for order in sorted(orders, key=lambda order: (order.created_ms, order.id)):
            if order.client_id and order.signed_ms and order.market in MARKETS:  # elsewhere orders are modified
                what = order.side, order.kind, order.tif, order.price, order.quantity
                key = order.market, order.account, order.client_id, order.signed_ms, *what
                assert order.created_ms - placed.get(key, -REPLAY_WINDOW_MS) >= REPLAY_WINDOW_MS, "placed twice"
                placed[key] = order.created_ms

    def _send(self, eager: bool, *messages: Command) -> None:
        self.calls += [self.world.submit(message) for message in messages]
        if eager:
            self.world.drain()


def _orders(call: Call) -> list[Order]:
    """The orders in a call's reply."""
    reply = call.reply
    if isinstance(reply, OrdersReply):
        return reply.orders
    if isinstance(reply, BatchReply):
        return [each for each in reply.found if isinstance(each, Order)]
    if isinstance(reply, OrderReply | Rejected) and reply.order is not None:
        return [reply.order]
    return []


def run(machine: type[RuleBasedStateMachine], example_count: int) -> None:
    """Run a state machine on random examples; a failure is minimized, with instructions to reproduce it."""
    hypothesis.seed(read_seed())(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=read_count("SHARDEX_TEST_EXAMPLES", example_count),
            stateful_step_count=read_count("SHARDEX_TEST_STEPS", 50),
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
