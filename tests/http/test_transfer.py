"""Moving USDT between the spot and the futures wallet: at once, exactly, and once per reference."""

import json
from typing import Any

import pytest

from tests.http.futures.trader import Trader, list_contract, set_mark
from tests.http.table import TableRow, parameters
from tests.http.venue import Answer, Key, User, Venue, at_once


def move(user: User, direction: str, amount: str, **more: Any) -> Answer:
    return user.call("POST", "/spot/transfer", {"token": "USDT", "direction": direction, "amount": amount, **more})


def futures(user: User) -> str:
    """Wallet and what is available of it."""
    wallet = user.venue.operate("GET", f"/accounts/{user.name}").ok()["futures"]
    return f"{wallet['wallet_balance']} {wallet['available_balance']}"


def test_there_and_back(venue: Venue) -> None:
    for account_shard in venue.shards:
        user = venue.user(account_shard, USDT="100")
        moved = move(user, "spot_to_perp", "40.50").ok()
        assert list(moved.items()) == [
            ("direction", "spot_to_perp"),
            ("token", "USDT"),
            ("amount", "40.5"),
            ("perp_balance_after", "40.5"),
            ("spot_balance_after", "59.5"),
        ]
        assert (user.wallets(), futures(user)) == ({"USDT": "59.5 0"}, "40.5 40.5")
        moved = move(user, "perp_to_spot", "0.000001").ok()
        assert (moved["perp_balance_after"], moved["spot_balance_after"]) == ("40.499999", "59.500001")
        assert move(user, "perp_to_spot", "40.499999").ok()["perp_balance_after"] == "0"
        assert (user.wallets(), futures(user)) == ({"USDT": "100 0"}, "0 0")


@pytest.mark.parametrize("row", parameters("transfer"))
def test_refused(venue: Venue, row: TableRow) -> None:
    user = venue.user(None, USDT="10")
    assert venue.send("POST", "/api/v1/spot/transfer", user.bearer, row["body"].encode()).brief() == row["answer"]
    assert (user.wallets(), futures(user)) == ({"USDT": "10 0"}, "0 0")


def test_only_with_a_token(venue: Venue) -> None:
    user = venue.user(None, USDT="10")
    body = {"token": "USDT", "direction": "spot_to_perp", "amount": "1"}
    for key in (user.key, user.make_key("read")):
        assert key.call("POST", "/spot/transfer", body).brief() == "403 API Key permission denied"
        assert key.call("POST", "/spot/transfer", {}).brief() == "403 API Key permission denied"
    assert Key(venue, user.key.key, "x").call("POST", "/spot/transfer", body).brief() == "401"
    content = json.dumps(body).encode()
    assert venue.send("POST", "/api/v1/spot/transfer", None, content).brief() == "401"
    assert (
        venue.send("POST", "/api/v1/spot/transfer", {"X-API-Key": venue.exchange.admin_key}, content).brief() == "401"
    )
    assert (user.wallets(), futures(user)) == ({"USDT": "10 0"}, "0 0")


def test_reference(venue: Venue) -> None:
    user, other = venue.user(0, USDT="100"), venue.user(0, USDT="100")
    first = move(user, "spot_to_perp", "10", reference="t/1").ok()
    move(user, "spot_to_perp", "5").ok()
    assert [move(user, "spot_to_perp", written, reference="t/1").ok() for written in ("10", "10.0", "1e1")] == [
        first
    ] * 3
    assert move(user, "spot_to_perp", "11", reference="t/1").brief() == "409 REFERENCE_CONFLICT"
    assert move(user, "perp_to_spot", "10", reference="t/1").brief() == "409 REFERENCE_CONFLICT"
    assert (user.wallets(), futures(user)) == ({"USDT": "85 0"}, "15 15")
    # refused under a reference: it is still free
    assert move(user, "perp_to_spot", "16", reference="t/2").brief() == "400 INSUFFICIENT_BALANCE"
    assert move(user, "perp_to_spot", "15", reference="t/2").ok()["spot_balance_after"] == "100"
    # a reference belongs to its account
    assert move(other, "spot_to_perp", "10", reference="t/1").ok()["perp_balance_after"] == "10"


def test_the_operators_references_are_others(venue: Venue) -> None:
    """A caller cannot use up the reference of a deposit to come."""
    user = venue.user(None, USDT="100")
    move(user, "spot_to_perp", "10", reference="d-1").ok()
    payment = {"account": user.name, "wallet": "futures", "asset": "USDT", "amount": "10", "reference": "d-1"}
    assert venue.operate("POST", "/deposits", payment).ok()["balance_after"] == "20"
    assert venue.operate("POST", "/deposits", {**payment, "reference": "d-2"}).ok()["balance_after"] == "30"
    assert move(user, "spot_to_perp", "10", reference="d-2").ok()["perp_balance_after"] == "40"
    assert (user.wallets(), futures(user)) == ({"USDT": "80 0"}, "40 40")


def test_simultaneous_transfers(venue: Venue) -> None:
    user = venue.user(None, USDT="10")
    answers = at_once([lambda: move(user, "spot_to_perp", "3").brief()] * 6)
    assert sorted(answers) == ["200"] * 3 + ["400 INSUFFICIENT_BALANCE"] * 3
    assert (user.wallets(), futures(user)) == ({"USDT": "1 0"}, "9 9")
    same = at_once([lambda: move(user, "perp_to_spot", "2", reference="same").ok()] * 6)
    assert same == same[:1] * 6
    assert (user.wallets(), futures(user)) == ({"USDT": "3 0"}, "7 7")


def test_what_orders_hold_stays(venue: Venue) -> None:
    pair, user = venue.pair(venue.shard_count - 1), venue.user(0, USDT="10")
    order = user.place(pair, "buy", "1", "6")["id"]
    assert move(user, "spot_to_perp", "4.000001").brief() == "400 INSUFFICIENT_BALANCE"
    assert move(user, "spot_to_perp", "4").ok()["spot_balance_after"] == "0"
    user.cancel(order).ok()
    assert move(user, "spot_to_perp", "6").ok()["perp_balance_after"] == "10"


def test_at_most_what_may_be_withdrawn(venue: Venue) -> None:
    """Margins, holds and losses stay in the futures wallet; profits are not to be taken out."""
    symbol = list_contract(venue, venue.shard_count - 1)
    trader, other = Trader(venue, 0, "100"), Trader(venue, None, "1000")
    order = trader.place(symbol, "BUY", "1000", "1")["orderId"]
    other.place(symbol, "SELL", "1000", "0.5")
    assert trader.money() == "99.9 49.9 25 25 0"
    assert trader.transfer("perp_to_spot", "49.900001").brief() == "400 INSUFFICIENT_BALANCE"
    set_mark(venue, symbol, "1100")
    assert trader.transfer("perp_to_spot", "49.900001").brief() == "400 INSUFFICIENT_BALANCE"
    set_mark(venue, symbol, "990")
    assert trader.account()["maxWithdrawAmount"] == "44.9"
    assert trader.transfer("perp_to_spot", "44.900001").brief() == "400 INSUFFICIENT_BALANCE"
    trader.cancel(symbol, order)
    assert trader.transfer("perp_to_spot", "69.9").ok()["perp_balance_after"] == "0"
    assert trader.money() == "30 0 25 0 -5"
    assert trader.user.wallets() == {"USDT": "69.9 0"}


def test_goes_on_while_spot_trading_is_off(venue: Venue) -> None:
    user = venue.user(None, USDT="10")
    with venue.trading_disabled():
        assert move(user, "spot_to_perp", "1").brief() == "200"
