"""Requests made to be wrong: the exact answer, and nothing is changed by them."""

import json
import time
from collections.abc import Mapping

import jwt
import pytest

from tests.http.stage import Stage
from tests.http.table import Row, expand, fill, parameters
from tests.http.venue import Answer


def check(stage: Stage, answer: Answer, expected: str) -> None:
    """Whether the answer is the expected one: "404 ORDER_NOT_FOUND", "200", "200 []"."""
    told, _, body = expected.partition(" ")
    if told != "200":
        assert answer.brief() == expected
    elif body:
        assert answer.ok() == json.loads(body)
    else:
        answer.ok()


@pytest.mark.parametrize("row", parameters("malformed_bodies"))
def test_body(stage: Stage, row: Row) -> None:
    body = expand(fill(row["body"], stage.values))
    check(stage, stage.venue.send("POST", "/api/v1/spot/orders", stage.own.bearer, body), row["answer"])
    stage.check_unchanged()


@pytest.mark.parametrize("row", parameters("malformed_bodies"))
def test_signed_body(stage: Stage, row: Row) -> None:
    """The same bodies, signed: whatever they are, the signature is over their bytes."""
    body = expand(fill(row["body"], stage.values))
    check(stage, stage.own.key.send("POST", stage.own.key.target("/spot/orders", body), body), row["answer"])


@pytest.mark.parametrize("row", parameters("malformed_requests"))
def test_request(stage: Stage, row: Row) -> None:
    answer = stage.send(row["who"], expand(row["request"]).decode(), row["body"])
    check(stage, answer, row["answer"])
    stage.check_unchanged()


@pytest.mark.parametrize("row", parameters("signatures"))
def test_signature(stage: Stage, row: Row) -> None:
    now_ms = int(time.time() * 1_000)
    signed = expand(fill(row["signed"], stage.values, now_ms))
    signatures = {"sig": stage.own.key.sign(signed), "other_sig": stage.other.key.sign(signed)}
    values = {**stage.values, **signatures, "SIG": signatures["sig"].upper()}
    method, _, target = expand(fill(row["request"], values, now_ms)).decode().partition(" ")
    body = expand(fill(row["body"], values, now_ms))
    check(stage, stage.own.key.send(method, f"/api/v1{target}", body), row["answer"])
    stage.check_unchanged()


@pytest.mark.parametrize("row", parameters("authorizations"))
def test_authorization(stage: Stage, row: Row) -> None:
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
    check(stage, stage.venue.send("DELETE", target, headers), row["answer"])


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


def test_tables_are_as_large_as_promised() -> None:
    assert sum(len(parameters(name)) for name in ("malformed_bodies", "malformed_requests", "signatures")) >= 250
