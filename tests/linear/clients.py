"""Sixteen clients of one market on a real exchange, each call noted as they saw it."""

import random
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from loadtest import reader as accounts
from loadtest.outcome import Outcome
from loadtest.spot_audit import ORDERS
from shards.limits import DEADLINE_BULK_MS, DEADLINE_MS
from shards.model.commands import AddMarket, Cancel, CancelAll, CancelByClientId, Deposit, Place
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetDepth, GetOrder
from storage.reference import Reference
from tests.crash.calls import PAUSE_S, READABLE_S, Call, SpotCaller, encode, now
from tests.crash.floor import FUNDS, QUOTE, Account, Floor
from tests.linear.history import UNKNOWN, Op, Reader, Requested
from tests.linear.market import MarketModel
from web.exchange.catalog import Catalog

CLIENTS: Final = 16
ACCOUNTS: Final = 8  # so that clients meet on one account, too
NEWEST: Final = 40  # orders of an account that are still asked for or canceled
DEPTH: Final = 1_000
DECIDED_S: Final = DEADLINE_MS / 1_000 + 0.5  # after so long an unconfirmed order has been placed or never will be
BULK_DECIDED_S: Final = DEADLINE_BULK_MS / 1_000 + 0.5
_WHAT: Final[dict[type[Requested], str]] = {  # the outcome depends on it: a restart leaves that of a cancel unknown
    Place: "place",
    Cancel: "cancel",
    CancelByClientId: "cancel_by_client_id",
    CancelAll: "cancel_all",
    GetOrder: "get",
    GetDepth: "get",
}
_TIMES_IN_FORCE: Final = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "post_only": TimeInForce.POST_ONLY}


class Scene:
    """A new market whose book lies on shard 0, and new accounts on all shards; and the model of the same."""

    def __init__(self, floor: Floor) -> None:
        listed = floor.open_market(0)
        floor.markets = [listed]
        folder = floor.exchange.folder
        reference = Reference(folder.reference, folder.secrets().storage_key)
        try:
            self.market: Market = Catalog(reference.facts()).spot[listed.symbol]
        finally:
            reference.close()
        self.url = floor.exchange.base_url
        self.reader = Reader(self.market, bytes.fromhex(folder.secrets().id_key))
        self.accounts = [floor.accounts_of(number % floor.shard_count) for number in range(ACCOUNTS)]
        self.model = MarketModel()
        self.model.apply(AddMarket(self.market), 0)
        for account in self.accounts:
            for asset, decimals in ((QUOTE, self.market.quote_decimals), (self.market.base, self.market.base_decimals)):
                self.model.apply(Deposit(account.account, asset, int(FUNDS) * 10**decimals, f"f-{asset}"), 0)


class LinearClient:
    """One thread's connection. It asks one thing after the other."""

    def __init__(self, scene: Scene, account: Account, orders: list[str], name: str, rnd: random.Random) -> None:
        """``orders``: ids, shared by all clients of the account."""
        self._scene = scene
        self._account = account
        self._orders = orders
        self._name = name
        self._rnd = rnd
        self._numbers = count(1)
        self._caller = SpotCaller(scene.url, account, lambda call: None)
        self.ops: list[Op] = []

    def step(self) -> Call:
        """One call, noted unless it is certain that it was not executed."""
        acts = self._place, self._cancel, self._cancel_by_client_id, self._cancel_all, self._get, self._depth
        (act,) = self._rnd.choices(acts, (45, 16, 5, 2, 14, 18))
        return act()

    def wait(self) -> None:
        """Until the market is there again: what is tried meanwhile has unknown outcomes, and says nothing."""
        end = time.monotonic() + READABLE_S
        while self._depth().status != 200:
            assert time.monotonic() < end, "the market does not come back"
            time.sleep(PAUSE_S)

    def resolve(self) -> None:
        """Once nothing is under way: what became of orders without an answer, found by their client ids."""
        ops, self.ops = self.ops, []
        for op in ops:
            if isinstance(op.requested, Place) and not op.is_known:
                self._look_for(op, op.requested)
            else:
                self.ops.append(op)

    def _look_for(self, op: Op, requested: Place) -> None:
        started = now()
        with accounts.Reader(self._scene.url, self._account, READABLE_S) as reader:
            order = reader.spot(f"/orders/by-client-id/{self._scene.market.symbol}/{requested.order.client_id}")
        if order is not None:
            number = self._scene.reader.number(order["id"])
            self.ops.append(op._replace(number=number))
            self.ops.append(Op(GetOrder(number), self._scene.reader.read(200, order), started, now()))

    def close(self) -> None:
        """Drop the connection."""
        self._caller.close()

    def _call(self, requested: Requested, method: str, path: str, sent: dict[str, Any] | None = None) -> Call:
        call = self._caller.call(_WHAT[type(requested)], method, path, (), encode(sent) if sent else b"")
        if call.outcome is Outcome.DECIDED and call.status < 500:
            answer = self._scene.reader.read(call.status, call.body)
            self.ops.append(Op(requested, answer, call.started, call.ended))
        elif call.outcome is Outcome.UNKNOWN:
            self._note_unknown(requested, call.started)
        return call

    def _note_unknown(self, requested: Requested, called: float) -> None:
        if not isinstance(requested, GetOrder | GetDepth):
            decided_s = BULK_DECIDED_S if isinstance(requested, CancelAll) else DECIDED_S
            self.ops.append(Op(requested, UNKNOWN, called, called + decided_s))

    def _place(self) -> Call:
        rnd, market = self._rnd, self._scene.market
        side, price, lots = rnd.choice(list(Side)), rnd.randint(9_990, 10_010), rnd.randint(100, 5_000)
        tif = rnd.choices(list(_TIMES_IN_FORCE), (8, 1, 1))[0]
        client_id = f"{self._name}-{next(self._numbers)}"
        sent = {
            "symbol": market.symbol,
            "side": side.name.lower(),
            "type": "limit",
            "tif": tif,
            "price": market.format_price(price),
            "quantity": market.format_quantity(lots),
            "client_order_id": client_id,
        }
        terms = side, Kind.LIMIT, _TIMES_IN_FORCE[tif], price, lots, 0, client_id
        call = self._call(Place(NewOrder(market.number, self._account.account, *terms)), "POST", ORDERS, sent)
        if call.status == 200:
            self._orders.append(call.body["id"])
        return call

    def _order(self) -> str:
        """One of the account's, open or not."""
        return self._rnd.choice(self._orders[-NEWEST:])

    def _cancel(self) -> Call:
        if not self._orders:
            return self._place()
        order = self._order()
        requested = Cancel(self._scene.reader.number(order), self._account.account)
        return self._call(requested, "DELETE", f"{ORDERS}/{order}")

    def _cancel_by_client_id(self) -> Call:
        market, client_id = self._scene.market, f"{self._name}-{next(self._numbers) - self._rnd.randint(1, 5)}"
        path = f"{ORDERS}/by-client-id/{market.symbol}/{client_id}"
        return self._call(CancelByClientId(market.number, self._account.account, client_id), "DELETE", path)

    def _cancel_all(self) -> Call:
        market = self._scene.market
        return self._call(CancelAll(self._account.account, market.number), "DELETE", f"{ORDERS}?symbol={market.symbol}")

    def _get(self) -> Call:
        if not self._orders:
            return self._depth()
        order = self._order()
        return self._call(GetOrder(self._scene.reader.number(order)), "GET", f"{ORDERS}/{order}")

    def _depth(self) -> Call:
        market = self._scene.market
        path = f"/api/v1/spot/depth?symbol={market.symbol}&limit={DEPTH}"
        return self._call(GetDepth(market.number, DEPTH), "GET", path)


def record(scene: Scene, rnd: random.Random, ops: int, meanwhile: Callable[[Callable[[], int]], None]) -> list[Op]:
    """About so many operations of all clients at once; ``meanwhile`` is given what counts them."""
    orders: dict[str, list[str]] = {account.account: [] for account in scene.accounts}
    clients = []
    for number in range(CLIENTS):
        account = scene.accounts[number % ACCOUNTS]
        clients.append(LinearClient(scene, account, orders[account.account], f"c{number}", random.Random(rnd.random())))

    def noted() -> int:
        return sum(len(client.ops) for client in clients)

    def work(client: LinearClient) -> None:
        while noted() < ops:
            if client.step().outcome is not Outcome.DECIDED:
                client.wait()

    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    meanwhile(noted)
    for thread in threads:
        thread.join()
    time.sleep(max((0.0, *(op.ended - now() for client in clients for op in client.ops if not op.is_known))))
    for client in clients:
        client.resolve()
        client.close()
    return [op for client in clients for op in client.ops]
