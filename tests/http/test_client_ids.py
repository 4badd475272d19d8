"""Client order ids, and the very same signed request once more."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from tests.http.venue import Answer, Key, Pair, User, Venue, at_once, new_order

IDS = ["a", "A", "7", ".", "..", ":", "/", "//", "_", "-", "a/b", "/a", "a/", "a//b", "../x", "a.b:c/d_e-f", "me"]
IDS += ["by-client-id", "null", "x" * 36, "/" * 36]


@pytest.fixture(scope="session")
def pair(venue: Venue) -> Pair:
    return venue.pair(venue.shard_count - 1)


@pytest.fixture
def user(venue: Venue) -> Iterator[User]:
    """Who leaves no order behind."""
    made = venue.user(0, USDT="1000", DF="1000")
    yield made
    made.cancel_all()


@pytest.fixture
def other(venue: Venue) -> Iterator[User]:
    """Somebody to trade with, who leaves no order behind either."""
    made = venue.user(None, USDT="1000", DF="1000")
    yield made
    made.cancel_all()


@pytest.mark.parametrize("client_id", IDS)
def test_shape(pair: Pair, user: User, client_id: str) -> None:
    placed = user.place(pair, "buy", "0.5", "10", client_order_id=client_id)
    assert user.by_client_id("GET", pair, client_id).ok()["id"] == placed["id"]
    assert user.place(pair, "buy", "0.5", "10", client_order_id=client_id) == placed
    other = user.try_place(pair, "buy", "0.5", "11", client_order_id=client_id)
    assert other.brief() == "409 DUPLICATE_CLIENT_ORDER_ID"
    canceled = user.by_client_id("DELETE", pair, client_id).ok()
    assert (canceled["id"], canceled["status"]) == (placed["id"], "canceled")
    assert user.by_client_id("DELETE", pair, client_id).brief() == "404 ORDER_NOT_FOUND"
    assert user.by_client_id("GET", pair, client_id).ok() == canceled
    assert user.wallets()["USDT"] == "1000 0"


@pytest.mark.parametrize("written", ["a/b:c", "a%2Fb%3Ac", "%61/b%3ac", "a%2fb:%63"])
def test_percent_encoding(pair: Pair, user: User, written: str) -> None:
    placed = user.place(pair, "buy", "0.5", "10", client_order_id="a/b:c")
    path = f"/spot/orders/by-client-id/{pair.symbol}/{written}"
    assert user.call("GET", path).ok()["id"] == placed["id"]
    assert user.key.call("GET", path).ok()["id"] == placed["id"]
    assert user.key.call("DELETE", path).ok()["status"] == "canceled"


def test_belongs_to_account_and_market(venue: Venue, pair: Pair, user: User, other: User) -> None:
    elsewhere = venue.pair()
    ids = {
        who.place(where, "buy", "0.5", "10", client_order_id="same")["id"]
        for who in (user, other)
        for where in (pair, elsewhere)
    }
    assert len(ids) == 4
    user.by_client_id("DELETE", pair, "same").ok()
    assert user.by_client_id("GET", elsewhere, "same").ok()["status"] == "open"
    assert other.by_client_id("GET", pair, "same").ok()["status"] == "open"


def test_repeat_answers_with_the_first_as_it_is_now(pair: Pair, user: User, other: User) -> None:
    first = user.place(pair, "buy", "0.5", "10", client_order_id="r-1")
    sold = other.place(pair, "sell", "0.5", "4")
    again = user.place(pair, "buy", "0.5", "10", client_order_id="r-1")
    assert (again["id"], again["status"], again["filled_qty"]) == (first["id"], "partially_filled", "4")
    assert [fill["trade_id"] for fill in again["fills"]] == [fill["trade_id"] for fill in sold["fills"]]
    assert user.wallets()["USDT"] == "995 3"
    written = user.call("POST", "/spot/orders", new_order(pair, "buy", "5e-1", "10.00", client_order_id="r-1")).ok()
    assert written == again


CHANGES: Final = {
    "side": {"side": "sell"},
    "type": {"type": "market", "quote_quantity": "5"},
    "ioc": {"tif": "ioc"},
    "post-only": {"tif": "post_only"},
    "price": {"price": "0.5001"},
    "quantity": {"quantity": "10.01"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_conflict(pair: Pair, user: User, change: dict[str, str]) -> None:
    user.place(pair, "buy", "0.5", "10", client_order_id="c-1")
    before = user.state()
    body = {**new_order(pair, "buy", "0.5", "10", client_order_id="c-1"), **change}
    assert user.call("POST", "/spot/orders", body).brief() == "409 DUPLICATE_CLIENT_ORDER_ID"
    assert user.key.call("POST", "/spot/orders", body).brief() == "409 DUPLICATE_CLIENT_ORDER_ID"
    assert user.state() == before


def test_free_again_once_the_order_has_ended(pair: Pair, user: User, other: User) -> None:
    """Canceled, filled, ended at once, rejected: each frees the id; it names the open order, else the latest."""
    ended = []

    def place(tif: str = "gtc") -> str:
        return str(user.place(pair, "buy", "0.5", "10", tif=tif, client_order_id="f-1")["id"])

    def check_latest(status: str) -> None:
        latest = user.by_client_id("GET", pair, "f-1").ok()
        assert latest["status"] == status
        ended.append(latest["id"])

    placed = [place()]
    user.cancel(placed[0]).ok()
    check_latest("canceled")
    placed.append(place())
    user.cancel_all(pair)
    check_latest("canceled")
    placed.append(place())
    other.place(pair, "sell", "0.5", "10")
    check_latest("filled")
    placed.append(place("ioc"))
    check_latest("canceled")
    other.place(pair, "sell", "0.6", "10")
    refused = user.try_place(pair, "buy", "0.6", "10", tif="post_only", client_order_id="f-1")
    assert refused.brief() == "400 POST_ONLY_REJECT"
    check_latest("rejected")
    assert ended[:-1] == placed and len(set(ended)) == 5
    final = place()
    assert user.by_client_id("GET", pair, "f-1").ok()["id"] == final
    assert user.by_client_id("DELETE", pair, "f-1").ok()["id"] == final


def test_simultaneous_repeats_place_one(pair: Pair, user: User) -> None:
    for round_number in range(5):
        place = partial(user.try_place, pair, "buy", "0.5", "10", client_order_id=f"once-{round_number}")
        placed = [answer.ok() for answer in at_once([place] * 8)]
        assert len({order["id"] for order in placed}) == 1
        assert user.wallets()["USDT"] == f"{995 - 5 * round_number} {5 + 5 * round_number}"
    assert len(user.cancel_all()) == 5
    assert user.wallets()["USDT"] == "1000 0"


# The very same signed request


class Signed:
    """A signed new order, to be sent as often as one likes."""

    def __init__(self, key: Key, body: dict[str, str]) -> None:
        self._key = key
        self._body = json.dumps(body).encode()
        self._target = key.target("/spot/orders", self._body)

    def send(self) -> Answer:
        return self._key.send("POST", self._target, self._body)


def test_replay_of_an_open_order(pair: Pair, user: User) -> None:
    request = Signed(user.key, new_order(pair, "buy", "0.5", "10", client_order_id="s-1"))
    first = request.send().ok()
    assert [request.send().ok() for _ in range(5)] == [first] * 5
    assert user.wallets()["USDT"] == "995 5"


def test_replay_of_a_canceled_order(pair: Pair, user: User) -> None:
    request = Signed(user.key, new_order(pair, "buy", "0.5", "10", client_order_id="s-2"))
    first = request.send().ok()
    canceled = user.cancel(first["id"]).ok()
    assert [request.send().ok() for _ in range(5)] == [{**canceled, "fills": []}] * 5
    assert user.wallets()["USDT"] == "1000 0"
    assert len(user.orders()) == 1
    # another request with this id places another order, and a replay of the first still names the first
    second = user.place(pair, "buy", "0.5", "10", client_order_id="s-2")
    assert second["id"] != first["id"]
    assert user.cancel(second["id"]).ok()["status"] == "canceled"
    assert request.send().ok()["id"] == first["id"]


def test_replay_of_a_filled_order(pair: Pair, user: User, other: User) -> None:
    other.place(pair, "sell", "0.5", "4")
    request = Signed(user.key, new_order(pair, "buy", "0.5", "10", client_order_id="s-3"))
    first = request.send().ok()
    assert (first["status"], first["filled_qty"]) == ("partially_filled", "4")
    other.place(pair, "sell", "0.5", "6")
    again = request.send().ok()
    assert (again["id"], again["status"], again["filled_qty"]) == (first["id"], "filled", "10")
    assert [fill["quantity"] for fill in again["fills"]] == ["4", "6"]
    assert again["fills"][0] == first["fills"][0]
    assert user.wallets() == {"USDT": "995 0", "DF": "1010 0"}


def test_replay_of_an_order_that_ended_at_once(pair: Pair, user: User, other: User) -> None:
    other.place(pair, "sell", "0.5", "100")
    request = Signed(user.key, new_order(pair, "buy", None, None, quote_quantity="5", client_order_id="s-4"))
    first = request.send().ok()
    assert first["status"] == "filled"
    assert request.send().ok() == first
    assert user.wallets() == {"USDT": "995 0", "DF": "1010 0"}


def test_replay_of_a_rejected_order(pair: Pair, user: User, other: User) -> None:
    other.place(pair, "sell", "0.5", "10")
    request = Signed(user.key, new_order(pair, "buy", "0.5", "10", tif="post_only", client_order_id="s-5"))
    assert request.send().brief() == "400 POST_ONLY_REJECT"
    other.cancel_all()
    assert request.send().brief() == "400 POST_ONLY_REJECT"
    assert len(user.orders()) == 1
    assert user.wallets()["USDT"] == "1000 0"


def test_simultaneous_replays_place_one(pair: Pair, user: User) -> None:
    for number in range(5):
        body = new_order(pair, "buy", "0.5", "10", tif="ioc", client_order_id=f"t-{number}")
        answers = at_once([Signed(user.key, body).send] * 8)
        assert len({answer.ok()["id"] for answer in answers}) == 1
    assert len(user.orders()) == 5


def test_replay_of_a_cancel_harms_nobody(pair: Pair, user: User) -> None:
    user.place(pair, "buy", "0.5", "10")
    target = user.key.target("/spot/orders", symbol=pair.symbol)
    assert len(user.key.send("DELETE", target).ok()["canceled"]) == 1
    assert user.key.send("DELETE", target).ok() == {"canceled": []}
