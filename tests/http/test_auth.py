"""Bearer tokens: one algorithm, required claims, a bounded life, known keys. And the settings they hang on."""

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path

import jwt
import pytest

from shards.settings import SettingsError
from web.http.tokens import LEEWAY_S, LIFETIME_S_MAX, Tokens
from web.settings import check_secret, load_web_settings

SECRET = "0123456789abcdef" * 4
OTHER = "fedcba9876543210" * 4


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(SECRET, {"2026": OTHER}, "HS256")


def make(
    claims: Mapping[str, object] | None = None,
    secret: str = SECRET,
    algorithm: str = "HS256",
    headers: dict[str, object] | None = None,
) -> str:
    now = int(time.time())
    return jwt.encode({"sub": "alice", "exp": now + 60, **(claims or {})}, secret, algorithm, headers)


def by_hand(header: bytes, claims: bytes = b"{}", signature: str = "AAAA") -> str:
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, claims)), signature])


def test_accepted(tokens: Tokens) -> None:
    now = int(time.time())
    assert tokens.verify(make()) == "alice"
    assert tokens.verify(tokens.mint("bob@example.org", 60)) == "bob@example.org"
    assert tokens.verify(make({"exp": now - LEEWAY_S + 2})) == "alice"
    assert tokens.verify(make({"exp": now + LIFETIME_S_MAX})) == "alice"
    assert tokens.verify(make({"exp": now + 60.5})) == "alice"
    assert tokens.verify(make({"nbf": now + 3, "iat": now + 3})) == "alice"
    assert tokens.verify(make({"aud": "elsewhere", "iss": "somebody"})) == "alice"
    assert tokens.verify(make(secret=OTHER, headers={"kid": "2026"})) == "alice"


def test_a_token_that_is_remembered_ends_all_the_same() -> None:
    now, keys, later_s = int(time.time()), {"2026": OTHER}, [0]
    tokens = Tokens(SECRET, keys, "HS256", clock=lambda: now + later_s[0])
    token = make({"exp": now + 60}, OTHER, headers={"kid": "2026"})
    assert [tokens.verify(token) for _ in range(2)] == ["alice", "alice"]
    keys.clear()  # from now on only what is remembered is known
    for later_s[0], expected in ((60 + LEEWAY_S - 2, "alice"), (60 + LEEWAY_S + 1, None)):
        assert tokens.verify(token) == expected


def test_few_tokens_are_remembered() -> None:
    keys = {"2026": OTHER}
    tokens = Tokens(SECRET, keys, "HS256", known_count_max=3)
    made = [make({"sub": f"account-{number}"}, OTHER, headers={"kid": "2026"}) for number in range(5)]
    assert [tokens.verify(token) for token in made] == [f"account-{number}" for number in range(5)]
    keys.clear()
    assert [tokens.verify(token) for token in made] == [None, None, "account-2", "account-3", "account-4"]
    head, claims, signature = made[-1].split(".")
    assert tokens.verify(f"{head}.{claims}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}") is None


def test_refused_claims(tokens: Tokens) -> None:
    now = int(time.time())
    refused: list[dict[str, object]] = [
        {"exp": now - LEEWAY_S - 1},
        {"exp": now + LIFETIME_S_MAX + 60},
        {"exp": str(now + 60)},
        {"exp": True},
        {"exp": None},
        {"exp": 1e308},
        {"nbf": now + 60},
        {"iat": now + 60},
        {"sub": None},
        {"sub": 7},
        {"sub": ""},
        {"sub": "a b"},
        {"sub": "a" * 65},
    ]
    for claims in refused:
        token = jwt.api_jws.encode(json.dumps({"sub": "alice", "exp": now + 60, **claims}).encode(), SECRET, "HS256")
        assert tokens.verify(token) is None, claims
    assert tokens.verify(jwt.encode({"sub": "alice"}, SECRET)) is None
    assert tokens.verify(jwt.encode({"exp": now + 60}, SECRET)) is None


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
def test_refused_keys_and_algorithms(tokens: Tokens) -> None:
    assert tokens.verify(make(secret=OTHER)) is None
    assert tokens.verify(make(headers={"kid": "2026"})) is None
    assert tokens.verify(make(headers={"kid": "unknown"})) is None
    assert tokens.verify(make(headers={"kid": ""})) is None
    assert tokens.verify(make(algorithm="HS384")) is None
    assert tokens.verify(make(algorithm="HS512")) is None
    assert tokens.verify(make(secret="", algorithm="none")) is None
    assert tokens.verify(make()[:-4] + "AAAA") is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        by_hand(b"{}"),
        by_hand(b"null"),
        by_hand(b"[]"),
        by_hand(b"[" * 2_500),
        by_hand(b'{"a":' * 500),
        by_hand(b'{"alg":NaN}'),
        by_hand(b'{"alg":"none"}', signature=""),
        by_hand(b'{"alg":["HS256"]}'),
        by_hand(b'{"alg":"HS256","kid":7}'),
        by_hand(b'{"alg":"HS256","kid":["2026"]}'),
        by_hand(b'{"alg":"HS256","kid":null}'),
        by_hand(b'{"alg":"HS256","crit":["b64"],"b64":false}'),
        by_hand(b"\xff\xfe"),
        "a" * 100_000,
    ],
)
def test_hostile_tokens(tokens: Tokens, token: str) -> None:
    assert tokens.verify(token) is None


def test_a_long_token_is_not_even_read(tokens: Tokens) -> None:
    """However good it is: reading it is work that anybody could cause."""
    assert tokens.verify(make({"pad": "a" * 1_000})) == "alice"
    assert tokens.verify(make({"pad": "a" * 4_096})) is None


@pytest.mark.parametrize("secret", ["short", "a" * 64, "change-me-" + SECRET, "my-SECRET-" + SECRET])
def test_weak_secrets(secret: str) -> None:
    with pytest.raises(SettingsError):
        check_secret("SHARDEX_JWT_SECRET", secret, "HS256")


def test_longer_digests_need_longer_secrets() -> None:
    check_secret("name", SECRET[:32], "HS256")
    with pytest.raises(SettingsError):
        check_secret("name", SECRET[:32], "HS512")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "http"),
        ("SHARDEX_WORKER_CLASS", "sync"),
        ("SHARDEX_RATE_LIMITS", "no"),
        ("SHARDEX_JWT_ALG", "none"),
        ("SHARDEX_JWT_ALG", "RS256"),
        ("SHARDEX_JWT_KEYS", "{"),
        ("SHARDEX_JWT_KEYS", "[]"),
        ("SHARDEX_JWT_KEYS", '{"a": 1}'),
        ("SHARDEX_JWT_KEYS", '{"a": "short"}'),
    ],
)
def test_malformed_settings(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=name):
        load_web_settings()


def test_an_unknown_worker_class_is_refused_with_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_WORKER_CLASS", "gevent")
    with pytest.raises(SettingsError) as caught:
        load_web_settings()
    assert str(caught.value) == "SHARDEX_WORKER_CLASS='gevent': give one of hub, gthread"


def test_settings_never_quote_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_JWT_KEYS", '{"a": "planted-value"}')
    with pytest.raises(SettingsError) as caught:
        load_web_settings()
    assert "planted-value" not in str(caught.value)


def test_key_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_JWT_KEYS", json.dumps({"2026": OTHER}))
    assert load_web_settings().jwt_keys == {"2026": OTHER}


def key_file(path: Path, content: str | bytes, mode: int = 0o600) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return str(path)


def test_key_ids_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_JWT_KEYS_FILE", key_file(tmp_path / "keys", json.dumps({"2026": OTHER})))
    assert load_web_settings().jwt_keys == {"2026": OTHER}


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        ("", 0o600),
        ("{", 0o600),
        ("[]", 0o600),
        ("[" * 100_000, 0o600),
        (b"\xff", 0o600),
        ('{"a": 1}', 0o600),
        ('{"a": "\\ud800' + SECRET + '"}', 0o600),
        ('{"a": "' + SECRET[:31] + '"}', 0o600),
        ('{"a": "change-me-' + SECRET + '"}', 0o600),
        ('{"a": "' + SECRET + '"}', 0o640),
        ('{"a": "' + SECRET + '"}', 0o604),
        ('{"a": "' + SECRET + '"}', 0o620),
    ],
)
def test_malformed_key_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, content: str | bytes, mode: int
) -> None:
    """One keeps from starting; whoever has read a good one before goes on with that, and says so."""
    path = tmp_path / "keys"
    monkeypatch.setenv("SHARDEX_JWT_KEYS_FILE", key_file(path, content, mode))
    with pytest.raises(SettingsError, match="SHARDEX_JWT_KEYS_FILE") as caught:
        load_web_settings()
    key_file(path, json.dumps({"2026": OTHER}))
    load_web_settings()
    assert not caplog.messages
    key_file(path, content, mode)
    assert load_web_settings().jwt_keys == {"2026": OTHER}
    assert caplog.messages == [f"{caught.value}. The previously read keys stay in use"]
    assert SECRET[:16] not in caplog.text


def test_a_key_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_JWT_KEYS_FILE", str(tmp_path / "keys"))
    with pytest.raises(SettingsError, match="SHARDEX_JWT_KEYS_FILE"):
        load_web_settings()


def test_keys_of_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDEX_JWT_KEYS", json.dumps({"2026": OTHER}))
    monkeypatch.setenv("SHARDEX_JWT_KEYS_FILE", key_file(tmp_path / "keys", json.dumps({"2026": OTHER})))
    with pytest.raises(SettingsError, match="both"):
        load_web_settings()
