"""What cancel-all of the spot API cancels is what was asked for: a slip cancels nothing."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

import pytest

from tests.http.venue import API, Answer, Pair, User, Venue
from tests.model.seeds import read_seed

PATH: Final = "/spot/orders"
SLIPS: Final = (
    *("Symbol", "SYMBOL", "symboL", "symbol[]", "symbol[0]", "symbols", "symbol_", "symbol-id", " symbol", "symbol "),
    *"market pair market_id instrument base id ids sym symbo simbol smybol s $symbol".split(),
    *"side status type start end limit before client_order_id order_id timeStamp recvwindow".split(),
    *("sуmbol", "symbol\u200b", "symbol;x", "filter[symbol]", "?symbol", "amp;symbol"),
)

Ask = Callable[[User, str, bytes], Answer]


def by_token(user: User, query: str, body: bytes) -> Answer:
    return user.venue.send("DELETE", f"{API}{PATH}?{query}" if query else API + PATH, user.bearer, body or None)


def by_key(user: User, query: str, body: bytes) -> Answer:
    signed = user.key.target(PATH).partition("?")[2].partition("&")[0]
    text = f"{query}&{signed}" if query else signed
    return user.key.send("DELETE", f"{API}{PATH}?{text}&signature={user.key.sign(text.encode() + body)}", body)


@pytest.fixture(params=[by_token, by_key], ids=["token", "key"])
def ask(request: pytest.FixtureRequest) -> Ask:
    chosen: Ask = request.param
    return chosen


def form(fields: Mapping[str, str]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in fields.items())


def open_everywhere(venue: Venue) -> tuple[User, list[Pair]]:
    """An account with an order open on each of three markets."""
    pairs = [venue.pair(shard) for shard in (0, venue.shard_count - 1, None)]
    user = venue.user(USDT="1000")
    for pair in pairs:
        user.place(pair, "buy", "0.5", "10")
    return user, pairs


def test_a_slip_cancels_nothing(venue: Venue, ask: Ask) -> None:
    chance = random.Random(read_seed())
    user, pairs = open_everywhere(venue)
    before = user.state()
    for slip in SLIPS:
        fields = {slip: chance.choice(pairs).symbol}
        if chance.random() < 0.3:
            fields["symbol"] = chance.choice(pairs).symbol
        query, body = chance.choice(
            [
                (form(fields), b""),
                ("", form(fields).encode()),
                ("", json.dumps(fields).encode()),
                (form({"symbol": "NONE"}), form(fields).encode()),
            ]
        )
        told = ask(user, query, body)
        assert told.brief() == f"400 unknown parameter {slip}", (query, body)
    for body in (b"symbol", b"symbol=", b"symbol=&", b'{"symbol":""}', b"symbol=NONE"):
        assert ask(user, "", body).ok() == {"canceled": []}, body
    symbol = pairs[0].symbol
    odd = {
        f"{symbol}": symbol,
        f"={symbol}": "",
        f"{90 * 'x'}=1": 64 * "x",
        f'["{symbol}"]': f'["{symbol}"]',
        "\xff": "\xc3\xbf",
    }
    for text, named in odd.items():
        assert ask(user, "", text.encode()).brief() == f"400 unknown parameter {named}", text
    for part in "?;,|":  # in place of &
        for name in ("recvWindow", "timestamp") if ask is by_token else ("recvWindow",):
            text = f"{name}=5000{part}symbol={symbol}"
            assert ask(user, text, b"").brief() == ask(user, "", text.encode()).brief() == f"400 invalid {name}", text
    assert by_token(user, f"signature={64 * 'a'}?symbol={symbol}", b"").brief() == "400 invalid signature"
    for body in (b"{", b'{"symbol":1', b'{"symbol":"\xff"}', b'{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"h":{}}}}}}}}}'):
        assert ask(user, "", body).brief() == "400 invalid body", body
    assert user.state() == before


@pytest.mark.parametrize(
    "place",
    [
        lambda symbol: (f"symbol={symbol}", b""),
        lambda symbol: (f"s%79mbol={symbol}&recvWindow=5000", b""),
        lambda symbol: (f"&symbol={symbol}&", b""),
        lambda symbol: ("", f"symbol={symbol}".encode()),
        lambda symbol: ("", f"symbol={symbol}\r\n".encode()),
        lambda symbol: ("recvWindow=5000", f"recvWindow=5000&symbol={symbol}".encode()),
        lambda symbol: ("", json.dumps({"symbol": symbol}).encode()),
        lambda symbol: ("", json.dumps({"timestamp": 5, "symbol": symbol}, indent=1).encode()),
    ],
    ids="query escaped ampersands form line mixed json spread".split(),
)
def test_the_market_may_be_named_in_the_query_or_in_a_body(
    venue: Venue, ask: Ask, place: Callable[[str], tuple[str, bytes]]
) -> None:
    user, pairs = open_everywhere(venue)
    told = ask(user, *place(pairs[1].symbol)).ok()["canceled"]
    assert [order["symbol"] for order in told] == [pairs[1].symbol]
    assert {order["symbol"] for order in user.orders(status="open")} == {pairs[0].symbol, pairs[2].symbol}


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}", b' {"recvWindow":5000}\n'])
def test_without_a_market_all_are_meant(venue: Venue, ask: Ask, body: bytes) -> None:
    user, pairs = open_everywhere(venue)
    told = ask(user, "", body).ok()["canceled"]
    assert [order["symbol"] for order in told] == [pair.symbol for pair in pairs]
    assert user.orders(status="open") == []
