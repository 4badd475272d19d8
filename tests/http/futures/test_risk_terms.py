"""What an operator sees and sets of a futures market's risk: brackets, liquidation fee, mark price, open interest."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.http.futures.actor import Actor, set_status, trade
from tests.http.futures.half_listed import open_on_shard
from tests.http.futures.trader import BRACKETS, TERMS, free_symbol, list_contract, set_mark
from tests.http.venue import Answer, Venue

ONE: Final = [{"notional_cap": 2_000, "max_leverage": 10, "maint_margin_ratio": "0.02"}]


def change(venue: Venue, symbol: str, **terms: Any) -> Answer:
    return venue.operate("PATCH", f"/futures/markets/{symbol}/risk", terms)


def risk(venue: Venue, symbol: str) -> dict[str, Any]:
    """As the operator sees it; callers are told of the same fee."""
    told: dict[str, Any] = venue.operate("GET", f"/futures/risk/{symbol}").ok()
    listed = venue.send("GET", "/fapi/v1/exchangeInfo").ok()["symbols"]
    (shown,) = (row for row in listed if row["symbol"] == symbol)
    assert shown["liquidationFee"] == (told["liquidation_fee"] or "0")
    return told


def list_without_risk(venue: Venue, max_leverage: int, ratio: int = 5_000) -> str:
    """A market as a version before risk terms has opened it."""
    limits = {"max_position_notional": 5 * 10**9, "max_leverage": max_leverage, "default_leverage": 10}
    return open_on_shard(venue, is_listed=True, maint_margin_ratio=ratio, **limits)


def test_how_a_market_stands(venue: Venue, own: Actor, other: Actor, symbol: str) -> None:
    """Brackets as they are given; what is held long is counted once, however it came to be."""
    fresh = list_contract(venue, venue.shard_count - 1, brackets=BRACKETS)
    assert list(risk(venue, fresh).items()) == [
        ("symbol", fresh),
        ("mark_price", None),
        ("open_interest", "0"),
        ("liquidation_fee", "0.0125"),
        ("brackets", BRACKETS),
    ]
    one = {"notional_cap": 100_000_000, "max_leverage": 125, "maint_margin_ratio": "0.005"}
    assert risk(venue, symbol)["brackets"] == [one]
    third = Actor(venue)
    trade(own, other, symbol, "BUY", "100.5", "0.5")
    trade(third, other, symbol, "BUY", "100.5", "0.25")
    own.place(symbol, "BUY", "90", "3")
    assert (risk(venue, symbol)["mark_price"], risk(venue, symbol)["open_interest"]) == ("100.5", "0.75")
    trade(own, third, symbol, "SELL", "100.5", "0.7")  # it turns
    set_mark(venue, symbol, "101")
    assert (risk(venue, symbol)["mark_price"], risk(venue, symbol)["open_interest"]) == ("101", "0.95")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("0.0125", "0.0125"), (0.05, "0.05"), ("0", "0"), (0, "0"), ("0.099999", "0.099999"), (1e-6, "0.000001")],
)
def test_a_liquidation_fee(venue: Venue, sent: object, shown: str) -> None:
    """Of a new market, and of one that there is."""
    symbol = list_contract(venue, venue.shard_count - 1, liquidation_fee=sent, brackets=BRACKETS)
    assert risk(venue, symbol)["liquidation_fee"] == shown
    changed = list_contract(venue, 0, brackets=BRACKETS, liquidation_fee="0.03")
    assert change(venue, changed, liquidation_fee=sent).ok() == {"ok": True, "symbol": changed}
    assert (risk(venue, changed)["liquidation_fee"], risk(venue, changed)["brackets"]) == (shown, BRACKETS)


FEES: Final = ["0.1", 0.1, "1", "-0.01", -1, "0.0000001", 1e-7, "0.0125001", "x", "", True, [], {}]
NO_BRACKETS: Final[list[Any]] = [
    [],
    {},
    "x",
    [1],
    [{**BRACKETS[0], "colour": "red"}],
    [{"notional_cap": 1_000, "max_leverage": 50}],
    [{**BRACKETS[0], "notional_cap": "1.5"}],
    [{**BRACKETS[0], "notional_cap": 0}],
    [{**BRACKETS[0], "notional_cap": 10**12 + 1}],
    [{**BRACKETS[0], "max_leverage": 126}],
    [{**BRACKETS[0], "maint_margin_ratio": "0.02"}],
    [{**BRACKETS[0], "maint_margin_ratio": "0.0000001"}],
    BRACKETS[::-1],
    [BRACKETS[0], {**BRACKETS[1], "max_leverage": 50}],
    [BRACKETS[0], {**BRACKETS[1], "maint_margin_ratio": "0.005"}],
    [BRACKETS[0], {**BRACKETS[1], "maint_margin_ratio": "0.0055"}],
    [{**BRACKETS[0], "notional_cap": 1_000 + n, "max_leverage": 50 - n} for n in range(21)],
]


@pytest.mark.parametrize(
    ("name", "value"), [("liquidation_fee", fee) for fee in FEES] + [("brackets", each) for each in NO_BRACKETS]
)
def test_refused(venue: Venue, name: str, value: object) -> None:
    """Neither of a new market nor of one that there is, with good brackets or alone; nothing is changed."""
    symbol = list_contract(venue, 0, brackets=BRACKETS, liquidation_fee="0.03")
    new = {"symbol": free_symbol(venue, 0), **TERMS, name: value}
    assert venue.operate("POST", "/futures/markets", new).brief() == f"400 invalid {name}"
    for more in ({}, {"brackets": ONE}):
        assert change(venue, symbol, **{**more, name: value}).brief() == f"400 invalid {name}"
    assert (risk(venue, symbol)["liquidation_fee"], risk(venue, symbol)["brackets"]) == ("0.03", BRACKETS)
    assert venue.operate("GET", f"/futures/risk/{new['symbol']}").brief() == "404 MARKET_NOT_FOUND"


def test_what_is_not_given_stays(venue: Venue) -> None:
    symbol = list_contract(venue, venue.shard_count - 1, brackets=BRACKETS, liquidation_fee="0.03")
    steps: list[tuple[Mapping[str, Any], tuple[str, Any]]] = [
        ({"liquidation_fee": "0.02"}, ("0.02", BRACKETS)),
        ({"brackets": ONE}, ("0.02", ONE)),
        ({"brackets": BRACKETS, "liquidation_fee": "0"}, ("0", BRACKETS)),
        ({"brackets": ONE, "liquidation_fee": None}, ("0", ONE)),
        ({"brackets": None, "liquidation_fee": "0.01"}, ("0.01", ONE)),
    ]
    for terms, shown in steps:
        assert change(venue, symbol, **terms).brief() == "200"
        told = risk(venue, symbol)
        assert (told["liquidation_fee"], told["brackets"]) == shown
    for nothing in ({}, {"brackets": None}, {"brackets": None, "liquidation_fee": None}):
        assert change(venue, symbol, **nothing).brief() == "400 invalid brackets"
    assert change(venue, symbol, liquidation_fee="0.02", brackets=BRACKETS[::-1]).brief() == "400 invalid brackets"
    assert risk(venue, symbol) == told


@pytest.mark.parametrize(
    ("terms", "shown"),
    [
        ({"liquidation_fee": "0.02"}, ("0.02", [{**ONE[0], "notional_cap": 5_000, "maint_margin_ratio": "0.005"}])),
        ({"brackets": ONE}, ("0.0125", ONE)),
    ],
)
def test_a_market_of_before_is_given_risk_terms(
    venue: Venue, other: Actor, terms: dict[str, Any], shown: tuple[str, Any]
) -> None:
    """By either of them, with its one bracket if that is not given; the account shard of an account knows it, too."""
    symbol, own = list_without_risk(venue, 10), Actor(venue, 0, "10.05")
    told = risk(venue, symbol)
    one = {"notional_cap": 5_000, "max_leverage": 10, "maint_margin_ratio": "0.005"}
    assert (told["liquidation_fee"], told["brackets"]) == (None, [one])
    trade(own, other, symbol, "BUY", "100", "1")
    assert [row["maintMargin"] for row in own.risk(symbol, 2)] == ["0"]
    assert change(venue, symbol, **terms).brief() == "200"
    told = risk(venue, symbol)
    assert (told["liquidation_fee"], told["brackets"]) == shown
    ratio = shown[1][0]["maint_margin_ratio"]
    assert [row["maintMargin"] for row in own.risk(symbol, 2)] == [{"0.005": "0.5", "0.02": "2"}[ratio]]
    assert own.try_place(symbol, "BUY", "105.1", "1").brief() == "400 -4016"
    assert own.try_place(symbol, "BUY", "100", "50").brief() == "400 -2027"
    set_mark(venue, symbol, "92.5")  # it has 2.5 left, of which the half that stays needs some
    assert own.try_place(symbol, "SELL", "87.9", "0.5", reduceOnly="true").brief() == "400 -4118"


def test_a_bracket_of_before_that_is_none(venue: Venue) -> None:
    """Filled at the end of the band, it has less margin than maintenance: the fee alone does not put it in force."""
    symbol = list_without_risk(venue, 125, 7_800)
    assert change(venue, symbol, liquidation_fee="0.02").brief() == "400 invalid brackets"
    assert risk(venue, symbol)["liquidation_fee"] is None
    assert change(venue, symbol, liquidation_fee="0.02", brackets=ONE).brief() == "200"


def test_markets_that_are_not_there(venue: Venue) -> None:
    """One that is delisted is shown, and not changed."""
    for name in ("NONE", "DFUSDT", "btcusdt"):
        assert venue.operate("GET", f"/futures/risk/{name}").brief() == "404 MARKET_NOT_FOUND"
        assert change(venue, name, liquidation_fee="0.01").brief() == "404 MARKET_NOT_FOUND"
    symbol = list_contract(venue, venue.shard_count - 1, brackets=BRACKETS)
    set_status(venue, symbol, "delisted")
    assert change(venue, symbol, liquidation_fee="0.01").brief() == "410 MARKET_DELISTED"
    assert (risk(venue, symbol)["liquidation_fee"], risk(venue, symbol)["brackets"]) == ("0.0125", BRACKETS)
