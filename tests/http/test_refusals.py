"""Every refusal, with its exact status and body, in the order of the checks; and that nothing changes by it."""

import json
import time
from collections.abc import Mapping
from typing import Final

import jwt
import pytest

from tests.http.stage import Stage
from tests.http.table import TableRow, expand, fill, parameters
from tests.http.venue import Answer

TABLES: Final = ("cancel_one", "cancel_all", "place", "query", "keys", "operator", "paths", "malformed_requests")


def check(answer: Answer, expected: str) -> None:
    """Whether the answer is the expected one: "404 ORDER_NOT_FOUND", "200", "200 []"."""
    status, _, body = expected.partition(" ")
    if status != "200":
        assert answer.brief() == expected
    elif body:
        assert answer.ok() == json.loads(body)
    else:
        answer.ok()


@pytest.mark.parametrize("row", parameters(*TABLES))
def test_refusal(stage: Stage, row: TableRow) -> None:
    check(stage.play(row), row["answer"])
    if row.section == "leaves a rejected order":
        check_rejected(stage, row["answer"].partition(" ")[2])
        stage.accept_change()
    elif not row["request"].startswith("GET "):  # what such a row changed would show at the next one
        stage.check_unchanged()


def check_rejected(stage: Stage, reason: str) -> None:
    newest, *_ = stage.own.orders(limit=1)
    assert (newest["status"], newest["reject_reason"], newest["filled_qty"]) == ("rejected", reason, "0")
    assert newest["created_at"] == newest["updated_at"]
    assert stage.own.order(newest["id"]) == newest
    assert stage.own.orders(status="rejected", limit=1) == [newest]


def test_rejected_orders_hold_nothing(stage: Stage) -> None:
    before, depth = stage.own.balances(), stage.venue.depth(stage.listed)
    assert stage.own.try_place(stage.listed, "sell", "0.5", "10").brief() == "400 SELF_TRADE"
    assert stage.own.balances() == before
    again = stage.own.try_place(stage.listed, "buy", "0.6", "10", tif="post_only")
    assert again.brief() == "400 POST_ONLY_REJECT"
    assert stage.own.balances() == before
    assert stage.venue.depth(stage.listed) == depth
    stage.accept_change()


def test_unauthorized_says_nothing_about_why(stage: Stage) -> None:
    """The same bytes, but for the date, whatever is wrong."""
    path = "/spot/orders/" + stage.values["order"]
    answers = [
        stage.send("nobody", f"DELETE {path}", ""),
        stage.send("bad token", f"DELETE {path}", ""),
        stage.send("bad key", f"DELETE {path}", ""),
        stage.send("operator", f"DELETE {path}", ""),
        stage.send("nobody", f"DELETE {path[:-1]}", ""),
        stage.send("bad operator", "GET /admin/shards", ""),
    ]
    headers = [sorted((name, text) for name, text in answer.headers.items() if name != "Date") for answer in answers]
    assert all(answer.brief() == "401" for answer in answers)
    assert headers == headers[:1] * len(headers)
    assert dict(headers[0])["Content-Length"] == "0"
    assert dict(headers[0])["WWW-Authenticate"] == "Bearer"


# Bodies, signatures and credentials


@pytest.mark.parametrize("row", parameters("malformed_bodies"))
def test_body(stage: Stage, row: TableRow) -> None:
    body = expand(fill(row["body"], stage.values))
    check(stage.venue.send("POST", "/api/v1/spot/orders", stage.own.bearer, body), row["answer"])
    stage.check_unchanged()


@pytest.mark.parametrize("row", parameters("malformed_bodies"))
def test_signed_body(stage: Stage, row: TableRow) -> None:
    """The same bodies, signed: whatever they are, the signature is over their bytes."""
    body = expand(fill(row["body"], stage.values))
    check(stage.own.key.send("POST", stage.own.key.target("/spot/orders", body), body), row["answer"])


@pytest.mark.parametrize("row", parameters("signatures"))
def test_signature(stage: Stage, row: TableRow) -> None:
    now_ms = int(time.time() * 1_000)
    signed = expand(fill(row["signed"], stage.values, now_ms))
    signatures = {"sig": stage.own.key.sign(signed), "other_sig": stage.other.key.sign(signed)}
    values = {**stage.values, **signatures, "SIG": signatures["sig"].upper()}
    method, _, target = expand(fill(row["request"], values, now_ms)).decode().partition(" ")
    body = expand(fill(row["body"], values, now_ms))
    check(stage.own.key.send(method, f"/api/v1{target}", body), row["answer"])
    stage.check_unchanged()


@pytest.mark.parametrize("row", parameters("authorizations"))
def test_authorization(stage: Stage, row: TableRow) -> None:
    path = f"/spot/orders/{stage.values['done']}"
    values = {**stage.values, **tokens(stage)}
    headers, target = {}, f"/api/v1{path}"
    authorization = expand(fill(row["authorization"], values)).decode()
    if authorization:
        headers["Authorization"] = authorization
    if row["other header"] == "key":
        headers["X-MBX-APIKEY"], target = stage.own.key.key, stage.own.key.target(path)
    elif row["other header"]:
        name, _, text = fill(row["other header"], values).partition(": ")
        headers[name] = text
    check(stage.venue.send("DELETE", target, headers), row["answer"])


def tokens(stage: Stage) -> Mapping[str, str]:
    """Tokens of own, each with one thing wrong."""
    venue, name, now = stage.venue, stage.own.name, int(time.time())
    good = jwt.decode(stage.own.jwt, options={"verify_signature": False})
    secret = venue.exchange.folder.secrets().jwt
    return {
        "jwt": stage.own.jwt,
        "admin": venue.exchange.admin_key,
        "expired": venue.token(name, exp=now - 60),
        "not_yet": venue.token(name, nbf=now + 60),
        "too_long": venue.token(name, exp=now + 32 * 24 * 3_600),
        "no_end": venue.token(name, exp=None),
        "no_subject": venue.token(name, sub=None),
        "bad_subject": venue.token(name, sub=f"{name} "),
        "bad_secret": jwt.encode(good, secret[::-1]),
        "bad_kid": jwt.encode(good, secret, headers={"kid": "unknown"}),
        "no_algorithm": jwt.encode(good, "", "none"),
        "other_algorithm": jwt.encode(good, secret, "HS384"),
    }
