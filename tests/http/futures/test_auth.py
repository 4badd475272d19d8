"""Signed calls: wherever the parameters stand and however they were escaped; each refusal, in the order of checks."""

import hmac
import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from types import CodeType
from urllib.parse import quote, quote_plus

import pytest

from tests.http.futures.caller import Caller, now_ms
from tests.http.futures.site import Site
from web.futures.call.auth import check_time
from web.futures.call.errors import FuturesProblem

PATH = "/v1/commissionRate"
DUAL = "/v1/positionSide/dual"
GOOD_LIST = '["a:b/c","d e"]'


Place = Callable[[Caller, str], tuple[str, str]]


def in_both(own: Caller, text: str) -> tuple[str, str]:
    first, _, rest = text.partition("&")
    return first, f"{rest}&signature={own.sign(first + rest)}"


def in_json(own: Caller, text: str) -> tuple[str, str]:
    pairs = dict(pair.split("=") for pair in text.split("&"))
    query = f"timestamp={pairs.pop('timestamp')}"
    body = json.dumps(pairs)
    return own.signed(query, body), body


def in_json_with_timestamp(own: Caller, text: str) -> tuple[str, str]:
    pairs = dict(pair.split("=") for pair in text.split("&"))
    body = "\n  " + json.dumps({**pairs, "timestamp": int(pairs["timestamp"]), "recvWindow": 5000})
    return f"signature={own.sign(body)}", body


PLACES: dict[str, Place] = {
    "query": lambda own, text: (own.signed(text), ""),
    "query, signature first": lambda own, text: (f"signature={own.sign(text)}&{text}", ""),
    "query, in capitals": lambda own, text: (f"{text}&Signature={own.sign(text).upper()}", ""),
    "form": lambda own, text: ("", own.signed(text)),
    "form, signature first": lambda own, text: ("", f"SIGNATURE={own.sign(text)}&{text}"),
    "form, signature in the query": lambda own, text: (f"signature={own.sign(text)}", text),
    "both": in_both,
    "json": in_json,
    "json with timestamp": in_json_with_timestamp,
}
"""Where parameters may stand: each gives (query, body) with all that a call needs."""

every_place = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)


@every_place
@pytest.mark.parametrize("content_type", [None, "application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_places(site: Site, place: Place, content_type: str | None) -> None:
    query, body = place(site.own, f"symbol=BTCUSDT&timestamp={now_ms()}")
    headers = {} if content_type is None else {"Content-Type": content_type}
    assert site.own.send("GET", PATH, query, body.encode(), headers).ok()["symbol"] == "BTCUSDT"


@every_place
def test_places_of_a_post(site: Site, place: Place) -> None:
    query, body = place(site.own, f"dualSidePosition=False&timestamp={now_ms()}")
    assert site.own.send("POST", DUAL, query, body.encode()).ok() == {"code": 200, "msg": "success"}


@every_place
def test_changed_after_signing(site: Site, place: Place) -> None:
    query, body = place(site.own, f"symbol=BTCUSDT&timestamp={now_ms()}")
    content = body.encode()
    for worse in ((query + "&x=1", content), (query, content + b"&x=1"), (query, content + b" ")):
        # what now stands behind the signature has mutated it, and JSON that is none has no timestamp
        assert site.own.send("GET", PATH, *worse).brief() in ("400 -1022", "400 -1102")
    assert site.own.send("GET", PATH, query + "&x=1", content).brief() == "400 -1022"
    assert site.own.send("GET", PATH, query, content).brief() == "200"


def test_real_values_in_json(site: Site) -> None:
    body = '{"dualSidePosition": false, "list": [1, {"a": null}], "n": 1e-05}'
    query = site.own.signed(f"timestamp={now_ms()}", body)
    assert site.own.send("POST", DUAL, query, body.encode()).brief() == "200"


@pytest.mark.parametrize(
    "escape",
    [str, quote, quote_plus, lambda text: quote(text, safe=""), lambda text: quote(text, safe='[],:"').lower()],
    ids=["raw", "quote", "quote_plus", "all", "lower"],
)
@pytest.mark.parametrize("signed_raw", [True, False])
@pytest.mark.parametrize("where", ["query", "form"])
def test_escapes(site: Site, escape: Callable[[str], str], signed_raw: bool, where: str) -> None:
    """What was signed as it was sent, and what was signed before it was escaped."""
    rest = f"symbol=BTCUSDT&timestamp={now_ms()}"
    sent = f"origClientOrderIdList={escape(GOOD_LIST)}&{rest}"
    signed = f"origClientOrderIdList={GOOD_LIST}&{rest}" if signed_raw else sent
    text = f"{sent}&signature={site.own.sign(signed)}"
    query, body = (text, b"") if where == "query" else ("", text.encode())
    assert site.own.send("GET", PATH, query, body).brief() == "200"


def test_nothing_can_be_hidden_in_a_value(site: Site) -> None:
    signed = f"x=1&symbol=BTCUSDT&timestamp={now_ms()}"
    sent = signed.replace("x=1&symbol", "x=1%26symbol")
    assert site.own.send("GET", PATH, f"{sent}&signature={site.own.sign(signed)}").brief() == "400 -1022"


# The order of the checks: each case mends what the one before refused


def test_order_of_checks(site: Site) -> None:
    own, reader = site.own, site.reader
    now, signed, wrong = now_ms(), own.signed, 64 * "0"
    nobody = {"X-MBX-APIKEY": "nobody"}
    cases: list[tuple[Caller, dict[str, str], str, str]] = [
        (own, {"X-MBX-APIKEY": ""}, "", "401 -2014"),
        (own, {"X-MBX-APIKEY": 129 * "a"}, "", "401 -2014"),
        (own, {"X-MBX-APIKEY": "a b"}, "", "401 -2014"),
        (own, {"X-MBX-APIKEY": "ключ"}, "", "401 -2014"),
        (own, nobody, "symbol=NONE", "400 -1102"),
        (own, nobody, "timestamp=", "400 -1102"),
        (own, nobody, "timestamp=x&signature=" + wrong, "400 -1102"),
        (own, nobody, f"timestamp={now}.0&signature=" + wrong, "400 -1102"),
        (own, nobody, f"timestamp={now}&timestamp={now}&signature=" + wrong, "400 -1101"),
        (own, nobody, "timestamp=1", "400 -1102"),
        (own, nobody, "timestamp=1&signature=", "400 -1102"),
        (own, nobody, "timestamp=1&signature=" + 63 * "0", "400 -1102"),
        (own, nobody, "timestamp=1&signature=" + 64 * "g", "400 -1102"),
        (own, nobody, f"timestamp=1&signature={wrong}&signature={wrong}", "400 -1101"),
        (own, nobody, "timestamp=1&signature=" + wrong, "401 -2015"),
        (own, {"X-MBX-APIKEY": 128 * "a"}, "timestamp=1&signature=" + wrong, "401 -2015"),
        (own, {}, f"timestamp=1&recvWindow=0&signature={wrong}", "400 -1022"),
        (own, {}, site.other.signed("timestamp=1&recvWindow=0"), "400 -1022"),
        (own, {}, signed("timestamp=1&recvWindow=0"), "400 -1130"),
        (own, {}, signed("timestamp=1&recvWindow=60001"), "400 -1130"),
        (own, {}, signed("timestamp=1&recvWindow=x"), "400 -1130"),
        (own, {}, signed("timestamp=1&recvWindow=5&recvWindow=5"), "400 -1101"),
        (reader, {}, reader.signed("timestamp=1&dualSidePosition=x"), "400 -1021"),
        (reader, {}, reader.signed(f"timestamp={now - 5_200}&dualSidePosition=x"), "400 -1021"),
        (reader, {}, reader.signed(f"timestamp={now + 9_000}&dualSidePosition=x"), "400 -1021"),
        (reader, {}, reader.signed(f"timestamp={now}&dualSidePosition=x&a=1&a=1"), "401 -2015"),
        (own, {}, signed(f"timestamp={now}&dualSidePosition=x&a=1&a=1"), "400 -1101"),
        (own, {}, signed(f"timestamp={now}"), "400 -1102"),
        (own, {}, signed(f"timestamp={now}&dualSidePosition=x"), "400 -1102"),
        (own, {}, signed(f"timestamp={now}&dualSidePosition=true"), "400 -1020"),
        (own, {}, signed(f"timestamp={now}&dualSidePosition=false"), "200"),
        (own, {}, signed(f"timestamp={now - 50_000}&recvWindow=60000&dualSidePosition=false"), "200"),
        (own, {"Authorization": "Bearer nonsense"}, signed(f"timestamp={now}&dualSidePosition=false"), "200"),
    ]
    for caller, headers, query, expected in cases:
        assert caller.send("POST", DUAL, query, headers=headers).brief() == expected, (headers, query)


def test_no_key_and_a_token(site: Site) -> None:
    answer = site.send("POST", "/fapi" + DUAL, {"Authorization": "Bearer x"}, b"")
    assert answer.brief() == "401 -2014" and answer.json["msg"] == "API-key format invalid."


def test_fixed_texts(site: Site) -> None:
    wrong = site.own.send("GET", PATH, f"timestamp={now_ms()}&signature={64 * '0'}")
    assert wrong.json["msg"] == "Signature for this request is not valid."
    unknown = site.own.send("GET", PATH, f"timestamp=1&signature={64 * '0'}", headers={"X-MBX-APIKEY": "x"})
    assert unknown.json["msg"] == "Invalid API-key, IP, or permissions for action."
    assert site.own.call("GET", PATH, "symbol=NONE").json["msg"] == "Invalid symbol."


def test_signature_in_both_places(site: Site) -> None:
    signature = f"signature={site.own.sign('timestamp=1')}"
    assert site.own.send("GET", PATH, f"timestamp=1&{signature}", signature.encode()).brief() == "400 -1101"


def test_signature_in_json_is_none(site: Site) -> None:
    body = json.dumps({"signature": 64 * "0"}).encode()
    assert site.own.send("GET", PATH, f"timestamp={now_ms()}", body).brief() == "400 -1102"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "200"),
        (b"   ", "200"),
        (b"{}", "200"),
        (b"null", "200"),
        (b"[1]", "200"),
        (b"\xff\xfe", "200"),
        (b"{", "400 -1102"),
        (b'{"a":NaN}', "400 -1102"),
        (b'{"a":1,}', "400 -1102"),
        (b'{"a":"\xff"}', "400 -1102"),
        (b'{"a":"\\ud800"}', "400 -1102"),
        (b'{"a":' + 9 * b"[" + 9 * b"]" + b"}", "400 -1102"),
        (b"{}{}", "400 -1102"),
        (b'{"a":1,"a":2}', "400 -1101"),
        (b'{"a":1,"A":2}', "400 -1101"),
        (b"a=1&A=1", "400 -1101"),
    ],
)
def test_bodies(site: Site, body: bytes, expected: str) -> None:
    query = f"symbol=BTCUSDT&timestamp={now_ms()}"
    signature = site.own.sign(query.encode() + body)
    assert site.own.send("GET", PATH, f"{query}&signature={signature}", body).brief() == expected


@pytest.mark.parametrize(
    ("behind_ms", "window_ms", "is_in_time"),
    [
        (-1_000, 5_000, False),
        (-999, 5_000, True),
        (5_000, 5_000, True),
        (5_001, 5_000, False),
        (1, 1, True),
        (2, 1, False),
        (60_000, 60_000, True),
        (60_001, 60_000, False),
    ],
)
def test_time_window_to_the_millisecond(behind_ms: int, window_ms: int, is_in_time: bool) -> None:
    now = 1_790_000_000_000
    with nullcontext() if is_in_time else pytest.raises(FuturesProblem) as refused:
        check_time(now - behind_ms, window_ms, now)
    assert refused is None or refused.value.code == -1021


def test_an_unknown_key_costs_the_same_work(site: Site) -> None:
    """As many digests: no clock tells whether there is such a key."""

    def count_digests(key: str) -> int:
        calls: list[CodeType] = []
        sys.setprofile(lambda frame, event, _: calls.append(frame.f_code) if event == "call" else None)
        try:
            site.own.send("GET", PATH, f"timestamp=1&signature={64 * '0'}", headers={"X-MBX-APIKEY": key})
        finally:
            sys.setprofile(None)
        return calls.count(hmac.digest.__code__)

    assert count_digests("nobody") == count_digests(site.own.key) > 0


def test_a_revoked_key(site: Site) -> None:
    leaver = site.make_caller("alice")
    assert leaver.call("GET", DUAL).brief() == "200"
    site.reference.revoke_key("alice", leaver.key)
    assert leaver.call("GET", DUAL).brief() == "401 -2015"
