"""The programs of the pages that this API was made after, kept in ``seeds/``: run as they are, but for the address, the
credentials and the order's id, they print what the pages show."""

import json
import os
import re
import subprocess
import sys
from decimal import Decimal
from uuid import UUID

import pytest

from tests.http.programs import needs_curl, needs_curl_and_milliseconds
from tests.http.table import SEEDS
from tests.http.venue import Json, Pair, User, Venue

PAGE_URL = "https://api-sepolia.p99.world"
PAGE_ORDER = "9f2a1c4e-5b67-4d8a-bf93-2e1f4a6c8d10"
DFUSDT = Pair("DFUSDT", "DF", "USDT", Decimal("0.0001"), Decimal("0.01"), 0, 0)


def run(name: str, user: User, order: str = PAGE_ORDER) -> str:
    """What the page's program prints for this user."""
    text = (SEEDS / f"{name}.txt").read_text()
    for old, new in [
        (PAGE_URL, user.venue.exchange.base_url),
        ("your_jwt_token", user.jwt),
        ("your_api_key", user.key.key),
        ("your_api_secret", user.key.secret),
        (PAGE_ORDER, order),
    ]:
        text = text.replace(old, new)
    command = [sys.executable, "-c", text] if name.endswith(".py") else ["bash", "-e", "-c", text]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def shown(name: str) -> Json:
    """The answer that the page shows."""
    return json.loads((SEEDS / f"{name}.json").read_text())


def check_like_page(order: Json, page: Json) -> None:
    """The same fields in the same order, of the same types; all values alike but for id and times."""
    assert list(order) == list(page)
    assert [type(value) for value in order.values()] == [type(value) for value in page.values()]
    for name, value in order.items():
        if name == "id":
            assert str(UUID(value)) == value
        elif name == "avg_fill_price":
            assert Decimal(value) == Decimal(page[name])  # the pages write averages in two ways
        elif name not in ("created_at", "updated_at"):
            assert value == page[name], name
    assert order["created_at"] <= order["updated_at"]


@pytest.fixture
def user(venue: Venue) -> User:
    return venue.user(None, USDT="1000", DF="1000")


@pytest.fixture
def other(venue: Venue) -> User:
    return venue.user(None, USDT="1000", DF="1000")


def place_as_page_one(user: User, other: User) -> str:
    """An order for 100 at 0.5, of which 30 are filled at 0.499."""
    other.place(DFUSDT, "sell", "0.499", "30")
    placed = user.place(DFUSDT, "buy", "0.5", "100")
    assert placed["filled_qty"] == "30"
    order: str = placed["id"]
    return order


def place_as_page_all(user: User, other: User) -> list[str]:
    """A buy of 100 at 0.5, and a sell of 200 at 0.6 of which 50 are filled."""
    placed = [user.place(DFUSDT, "buy", "0.5", "100")["id"], user.place(DFUSDT, "sell", "0.6", "200")["id"]]
    other.place(DFUSDT, "buy", "0.6", "50")
    return placed


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("cancel_one_jwt.sh", marks=needs_curl),
        pytest.param("cancel_one_hmac.sh", marks=needs_curl_and_milliseconds),
    ],
)
def test_cancel_one(user: User, other: User, program: str) -> None:
    order = place_as_page_one(user, other)
    printed = json.loads(run(program, user, order))
    check_like_page(printed, shown("cancel_one"))
    assert printed["id"] == order
    assert json.loads(run(program, user, order)) == {"error": "ORDER_NOT_FOUND"}
    assert json.loads(run(program, other, order)) == {"error": "FORBIDDEN"}
    assert json.loads(run(program, user, "9f2a1c4e")) == {"error": "invalid id"}


def test_cancel_one_in_python(user: User, other: User) -> None:
    order = place_as_page_one(user, other)
    assert run("cancel_one.py", user, order) == f"{order} canceled 30 / 100\n"
    assert user.wallets() == {"USDT": "985.03 0", "DF": "1030 0"}


@needs_curl
def test_cancel_all_with_token(venue: Venue, user: User, other: User) -> None:
    """The page's program cancels everything, then what is left on DFUSDT: nothing."""
    elsewhere = venue.pair()
    placed = place_as_page_all(user, other)
    placed.append(user.place(elsewhere, "buy", "0.5", "10")["id"])
    kept = other.place(DFUSDT, "buy", "0.3", "10")["id"]
    first, second = re.findall(r'\{"canceled":\[.*?\]\}', run("cancel_all_jwt.sh", user))
    assert json.loads(second) == shown_empty()
    canceled = json.loads(first)["canceled"]
    assert [order["id"] for order in canceled] == placed
    for order, page in zip(canceled, shown("cancel_all")["canceled"], strict=False):
        check_like_page(order, page)
    assert [order["id"] for order in other.cancel_all()] == [kept]


@needs_curl_and_milliseconds
def test_cancel_all_with_key(venue: Venue, user: User, other: User) -> None:
    """The page's program cancels on DFUSDT only."""
    kept = user.place(venue.pair(), "buy", "0.5", "10")["id"]
    placed = place_as_page_all(user, other)
    printed = json.loads(run("cancel_all_hmac.sh", user))
    assert list(printed) == list(shown("cancel_all"))
    assert [order["id"] for order in printed["canceled"]] == placed
    for order, page in zip(printed["canceled"], shown("cancel_all")["canceled"], strict=True):
        check_like_page(order, page)
    assert len({order["updated_at"] for order in printed["canceled"]}) == 1
    assert json.loads(run("cancel_all_hmac.sh", user)) == shown_empty()
    assert [order["id"] for order in user.cancel_all()] == [kept]


def test_cancel_all_in_python(user: User, other: User) -> None:
    bid, ask = place_as_page_all(user, other)
    assert run("cancel_all.py", user) == (
        f"Canceled 2 orders\n {bid} buy  100 @ 0.5000 filled=0\n {ask} sell 200 @ 0.6000 filled=50\n"
    )
    assert run("cancel_all.py", user) == "Canceled 0 orders\n"
    assert user.wallets() == {"USDT": "1030 0", "DF": "950 0"}


def shown_empty() -> Json:
    return {"canceled": []}
