"""Every refusal, with its exact status and body, in the order of the checks; and that nothing changes by it."""

import json

import pytest

from tests.http.stage import Stage
from tests.http.table import Row, expand, parameters


@pytest.mark.parametrize("row", parameters("cancel_one", "cancel_all", "place", "query", "keys", "operator", "paths"))
def test_refusal(stage: Stage, row: Row) -> None:
    if row.section == "trading off":
        stage.venue.set_trading("disabled")
    try:
        answer = stage.send(row["who"], expand(row["request"]).decode(), row["body"])
    finally:
        if row.section == "trading off":
            stage.venue.set_trading("enabled")
    told, _, body = row["answer"].partition(" ")
    if told == "200":
        assert answer.ok() == json.loads(body) if body else answer.ok() is not None
    else:
        assert answer.brief() == row["answer"]
    if row.section == "leaves a rejected order":
        check_rejected(stage, body)
        stage.accept_change()
    else:
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
