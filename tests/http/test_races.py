"""Callers at the same moment: an order is canceled once, a cancel and a fill never both win, the money adds up."""

import random
from collections.abc import Callable
from functools import partial

from tests.http.venue import Json, User, Venue, at_once, total
from tests.model.seeds import read_seed

CALLERS = 12
ROUNDS = 8


def test_simultaneous_cancels_of_one_order(venue: Venue) -> None:
    """By id and by client id, by token and by key: exactly one 200, the others 404."""
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="100")
    user.key  # noqa: B018 (made before the race)
    for number in range(ROUNDS):
        order = user.place(pair, "buy", "1", "10", client_order_id=f"c-{number}")["id"]
        by_id = partial(user.cancel, order)
        by_key = partial(user.key.call, "DELETE", f"/spot/orders/{order}")
        by_client_id = partial(user.by_client_id, "DELETE", pair, f"c-{number}")
        answers = at_once([by_id, by_key, by_client_id] * (CALLERS // 3))
        told = sorted(answer.brief() for answer in answers)
        assert told == ["200"] + ["404 ORDER_NOT_FOUND"] * (CALLERS - 1)
        assert user.wallets() == {"USDT": "100 0"}


def test_simultaneous_cancel_alls(venue: Venue) -> None:
    """Together they cancel each order once; so does one of them beside cancels of single orders."""
    pairs = [venue.pair(shard) for shard in (*venue.shards, 0)]
    user = venue.user(0, USDT="1000")
    for _ in range(ROUNDS // 2):
        placed = [user.place(pair, "buy", "1", "2")["id"] for _ in range(10) for pair in pairs]
        cancel_alls: list[Callable[[], list[Json]]] = [user.cancel_all] * 3
        told = at_once(cancel_alls)
        assert sorted(order["id"] for orders in told for order in orders) == sorted(placed)
        assert user.wallets() == {"USDT": "1000 0"}


def test_cancel_all_beside_single_cancels(venue: Venue) -> None:
    pair, user = venue.pair(), venue.user(None, USDT="1000")
    for _ in range(ROUNDS // 2):
        placed = [user.place(pair, "buy", "1", "2")["id"] for _ in range(20)]

        def one_by_one(placed: list[str] = placed) -> list[Json]:
            answers = [user.cancel(order) for order in reversed(placed)]
            assert {answer.brief() for answer in answers} <= {"200", "404 ORDER_NOT_FOUND"}
            return [answer.json for answer in answers if answer.status == 200]

        cancels: list[Callable[[], list[Json]]] = [one_by_one, user.cancel_all]
        told = at_once(cancels)
        assert sorted(order["id"] for orders in told for order in orders) == sorted(placed)
        assert user.wallets() == {"USDT": "1000 0"}


def test_cancel_races_a_fill(venue: Venue) -> None:
    """Either the cancel was first and the taker rests, or the fill was first and the cancel finds nothing."""
    pairs = [venue.pair(shard) for shard in venue.shards]
    maker, taker = venue.user(0, DF="1000"), venue.user(venue.shard_count - 1, USDT="1000")
    outcomes, sold = [], 0
    for number in range(5 * ROUNDS):
        pair = pairs[number % len(pairs)]
        ask = maker.place(pair, "sell", "1", "10")["id"]

        take, cancel = partial(taker.try_place, pair, "buy", "1", "10"), partial(maker.cancel, ask)
        canceled, taken = at_once([cancel, take]) if number % 2 else reversed(at_once([take, cancel]))
        bought = taken.ok()
        if canceled.status == 200:
            assert (canceled.json["filled_qty"], bought["status"], bought["fills"]) == ("0", "open", [])
            assert taker.cancel(bought["id"]).ok()["filled_qty"] == "0"
            moved = 0
        else:
            assert canceled.brief() == "404 ORDER_NOT_FOUND"
            assert (bought["status"], maker.order(ask)["status"]) == ("filled", "filled")
            moved = 10
        outcomes.append(canceled.status)
        sold += moved
        assert maker.wallets()["DF"] == taker.wallets()["USDT"] == f"{1000 - sold} 0"
    assert total((maker, taker), "DF") == total((maker, taker), "USDT") == 1000
    print(f"the cancel was first {outcomes.count(200)} times of {len(outcomes)}")


def test_cancel_races_a_partial_fill(venue: Venue) -> None:
    pair = venue.pair(venue.shard_count - 1)
    maker, taker = venue.user(0, DF="1000"), venue.user(0, USDT="1000")
    sold = 0
    for _ in range(2 * ROUNDS):
        ask = maker.place(pair, "sell", "1", "10")["id"]

        take, cancel = partial(taker.try_place, pair, "buy", "1", "4", tif="ioc"), partial(maker.cancel, ask)
        taken, canceled = (answer.ok() for answer in at_once([take, cancel]))
        assert canceled["filled_qty"] == taken["filled_qty"]
        assert taken["filled_qty"] in ("0", "4")
        sold += int(taken["filled_qty"])
        assert maker.wallets()["DF"] == taker.wallets()["USDT"] == f"{1000 - sold} 0"


def test_everybody_at_once(venue: Venue) -> None:
    """Users of all shards place and cancel on all markets at the same time; in the end not a unit is lost."""
    seed = read_seed()
    pairs = [venue.pair(shard) for shard in venue.shards]
    users = [venue.user(number % venue.shard_count, USDT="500", DF="500") for number in range(6)]

    def act(number: int) -> int:
        rng, user = random.Random(seed + number), users[number]
        canceled = 0
        for _ in range(60):
            pair = rng.choice(pairs)
            answer = user.try_place(pair, rng.choice(("buy", "sell")), rng.choice(("0.9", "1", "1.1")), "7.5")
            assert answer.brief() in ("200", "400 SELF_TRADE", "400 INSUFFICIENT_BALANCE")
            if rng.random() < 0.3:
                canceled += len(user.cancel_all(rng.choice((pair, None))))
        return canceled

    at_once([partial(act, number) for number in range(len(users))])
    for user in users:
        open_orders = user.orders(limit=200, status="open") + user.orders(limit=200, status="partially_filled")
        assert sorted(order["id"] for order in user.cancel_all()) == sorted(order["id"] for order in open_orders)
        assert_nothing_frozen(user)
    assert total(users, "USDT") == total(users, "DF") == 3000
    assert all(venue.depth(pair) == {"bids": [], "asks": []} for pair in pairs)


def assert_nothing_frozen(user: User) -> None:
    assert all(frozen == 0 for _, frozen in user.balances().values())
