"""API keys: at once good, at once gone, in every worker. What they may not do is in the tables of refusals."""

import time

from tests.http.venue import Key, Venue, at_once

MANY = 20  # calls on connections of their own: all workers are among those who answer


def test_made_and_revoked(venue: Venue) -> None:
    user = venue.user(None, USDT="7")
    for _ in range(5):
        key = user.make_key()
        assert len(key.key) == len(key.secret) == 64 and (key.key + key.secret).isalnum()
        answers = [key.call("GET", "/spot/balances") for _ in range(MANY)]
        assert [answer.brief() for answer in answers] == ["200"] * MANY
        assert user.call("DELETE", f"/api-keys/{key.key}").ok() == {"api_key": key.key, "revoked": True}
        answers = [key.call("GET", "/spot/balances") for _ in range(MANY)]
        assert [answer.brief() for answer in answers] == ["401"] * MANY
        assert user.call("DELETE", f"/api-keys/{key.key}").brief() == "404 API_KEY_NOT_FOUND"


def test_revoked_while_it_is_used(venue: Venue) -> None:
    """Calls that begin after the answer are refused, whoever takes them."""
    user = venue.user(None, USDT="7")
    key = user.make_key()
    revoked_at: list[float] = []

    def use() -> list[tuple[float, str]]:
        told: list[tuple[float, str]] = []
        while not revoked_at or len(told) < MANY or told[-1][1] != "401":
            began = time.monotonic()
            told.append((began, key.call("GET", "/spot/balances").brief()))
            assert len(told) < 10_000
        return told

    def revoke() -> list[tuple[float, str]]:
        for _ in range(MANY):
            user.call("GET", "/spot/balances").ok()
        user.call("DELETE", f"/api-keys/{key.key}").ok()
        revoked_at.append(time.monotonic())
        return []

    told = [call for calls in at_once([use, use, revoke]) for call in calls]
    assert {brief for _, brief in told} == {"200", "401"}
    assert all(brief == "401" for began, brief in told if began >= revoked_at[0])


def test_listed_newest_first_without_secrets(venue: Venue) -> None:
    user = venue.user()
    made = []
    for number in range(3):
        made.append(user.call("POST", "/api-keys", {"label": f"label é {number}", "permissions": ["read"]}).ok())
    assert all(list(key) == ["api_key", "api_secret", "permissions", "created_at"] for key in made)
    listed = user.call("GET", "/api-keys")
    assert listed.ok() == [
        {
            "api_key": key["api_key"],
            "label": f"label é {number}",
            "permissions": ["read"],
            "created_at": key["created_at"],
        }
        for number, key in reversed(list(enumerate(made)))
    ]
    assert not any(key["api_secret"].encode() in listed.body for key in made)
    for body in ({}, {"permissions": ["read", "trade"]}):
        assert user.call("POST", "/api-keys", body).ok()["permissions"] == ["read", "trade"]
    assert user.call("GET", "/api-keys").ok()[0]["label"] == ""


def test_twenty_at_most(venue: Venue) -> None:
    user, other = venue.user(), venue.user()
    for _ in range(18):
        user.make_key()
    told = at_once([lambda: user.call("POST", "/api-keys", {}).brief()] * 4)
    assert sorted(told) == ["200", "200", "409 TOO_MANY_API_KEYS", "409 TOO_MANY_API_KEYS"]
    listed = user.call("GET", "/api-keys").ok()
    assert len(listed) == 20
    other.make_key()
    user.call("DELETE", f"/api-keys/{listed[0]['api_key']}").ok()
    user.make_key()
    assert user.call("POST", "/api-keys", {}).brief() == "409 TOO_MANY_API_KEYS"


def test_of_others(venue: Venue) -> None:
    user, other = venue.user(None, USDT="1"), venue.user(None, USDT="2")
    key = user.make_key()
    assert other.call("DELETE", f"/api-keys/{key.key}").brief() == "404 API_KEY_NOT_FOUND"
    assert other.call("GET", "/api-keys").ok() == []
    assert key.call("GET", "/spot/balances").ok()["balances"][0]["available"] == "1"
    # a key with another's secret, and a secret with another's key
    mixed = [Key(venue, key.key, other.key.secret), Key(venue, other.key.key, key.secret)]
    assert [one.call("GET", "/spot/balances").brief() for one in mixed] == ["401", "401"]
