"""Bearer tokens made to confuse, over HTTP: whatever their header says, one algorithm and the known keys decide."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256, sha384, sha512
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.exchange import Exchange, until
from tests.fuzz.wire import Connection

SECRETS: Final = {alg: f"{alg}-" + 8 * "0f1e2d3c4b5a6978" for alg in ("HS256", "HS384", "HS512")}
DIGESTS: Final = {"HS256": sha256, "HS384": sha384, "HS512": sha512}
ROTATED: Final = {"2026-01": 8 * "89abcdef01234567", "../../dev/null": 8 * "76543210fedcba98"}
ACCOUNT: Final = "demo-1"
LIVE_S: Final = 30.0

RSA: Final = rsa.generate_private_key(65_537, 2_048)
EC: Final = ec.generate_private_key(ec.SECP256R1())
ED: Final = ed25519.Ed25519PrivateKey.generate()
PUBLIC: Final = {name: key.public_key() for name, key in (("RSA", RSA), ("EC", EC), ("ED", ED))}


def part(value: object) -> str:
    """JSON, or bytes as they are, in base64url."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def claims(**more: Any) -> dict[str, Any]:
    """Good ones; those of None are left out."""
    complete = {"sub": ACCOUNT, "exp": int(time.time()) + 600, **more}
    return {name: value for name, value in complete.items() if value is not None}


def by_hand(header: object, payload: object, secret: bytes, digest: Callable[..., Any] = sha256) -> str:
    """Signed by hand: no library has a say in what may stand in it."""
    text = f"{part(header)}.{part(payload)}"
    return f"{text}.{part(hmac.new(secret, text.encode(), digest).digest())}"


@pytest.fixture(scope="module", params=["HS256", "HS384", "HS512"])
def algorithm(request: pytest.FixtureRequest) -> str:
    """Each one that may be set."""
    return str(request.param)


@pytest.fixture(scope="module")
def exchange(algorithm: str) -> Iterator[Exchange]:
    """With this algorithm."""
    settings = {
        "SHARDEX_JWT_ALG": algorithm,
        "SHARDEX_JWT_SECRET": SECRETS[algorithm],
        "SHARDEX_JWT_KEYS": json.dumps(ROTATED),
        "SHARDEX_WORKERS": "1",
    }
    made = Exchange(1, settings)
    try:
        made.web.start()  # who is asking is the business of the HTTP side alone: no engine runs
        until(lambda: is_live(made), LIVE_S, "live")
        yield made
        assert "Traceback" not in made.log() and "fault in" not in made.log()
    finally:
        made.close()


def is_live(exchange: Exchange) -> bool:
    with Connection(exchange.port) as connection:
        try:
            return connection.is_live()
        except OSError:
            return False


def status(exchange: Exchange, token: str | bytes) -> int:
    """The status for whoever shows the token: 200 if it opens the list of its account's keys."""
    content = token.encode() if isinstance(token, str) else token
    with Connection(exchange.port) as connection:
        lines = [b"GET /api/v1/api-keys HTTP/1.1", b"Host: x", b"Authorization: Bearer " + content]
        answer = connection.ask(b"\r\n".join(lines) + b"\r\n\r\n")
    assert answer.status == 200 or answer.body == b""
    return answer.status


def good(algorithm: str) -> Iterator[str]:
    """Tokens as they should be."""
    yield jwt.encode(claims(), SECRETS[algorithm], algorithm)
    for kid, secret in ROTATED.items():
        yield jwt.encode(claims(), secret, algorithm, headers={"kid": kid})
    yield by_hand({"alg": algorithm}, claims(), SECRETS[algorithm].encode(), DIGESTS[algorithm])


def bad(algorithm: str) -> Iterator[tuple[str, str]]:
    """What is wrong, and a token that has it."""
    secret = SECRETS[algorithm]
    yield from _without_signature()
    yield from _other_algorithms(algorithm)
    yield from _public_keys(algorithm)
    yield from _headers(algorithm)
    yield from _claims(algorithm)
    text = jwt.encode(claims(), secret, algorithm)
    head, body, signature = text.split(".")
    yield "signature cut", f"{head}.{body}.{signature[:-4]}"
    yield "signature longer", f"{text}AAAA"
    yield "signature of nothing", f"{head}.{body}."
    yield "signature of the other part", f"{head}.{part(claims(sub='demo-2'))}.{signature}"
    yield "encrypted", ".".join([part({"alg": "dir", "enc": "A256GCM"}), "", part(b"iv"), body, part(b"tag")])
    yield "two parts", f"{head}.{body}"
    yield "JSON serialization", json.dumps({"protected": head, "payload": body, "signature": signature})


def _without_signature() -> Iterator[tuple[str, str]]:
    for name in ("none", "None", "NONE", "nOnE", "none ", " none", "none\x00", ""):
        head, body = part({"alg": name, "typ": "JWT"}), part(claims())
        for signature in ("", part(b"x"), part(b"\x00" * 32)):
            yield f"alg {name!r}", f"{head}.{body}.{signature}"


def _other_algorithms(algorithm: str) -> Iterator[tuple[str, str]]:
    for name, secret in SECRETS.items():
        if name != algorithm:
            yield f"{name} with our secret", jwt.encode(claims(), SECRETS[algorithm], name)
            yield f"{name} with its own", jwt.encode(claims(), secret, name)
            yield f"says {name}", by_hand({"alg": name}, claims(), SECRETS[algorithm].encode(), DIGESTS[algorithm])
            yield f"is {name}", by_hand({"alg": algorithm}, claims(), SECRETS[algorithm].encode(), DIGESTS[name])
    for name, key in (("RS256", RSA), ("RS512", RSA), ("PS256", RSA), ("ES256", EC), ("EdDSA", ED)):
        token = jwt.encode(claims(), key, name)
        yield name, token
        head = part({"alg": algorithm, "typ": "JWT"})
        yield f"{name} that says {algorithm}", ".".join([head, *token.split(".")[1:]])


def _public_keys(algorithm: str) -> Iterator[tuple[str, str]]:
    """A public key is known to all: as the secret of an HMAC it must open nothing."""
    for name, key in PUBLIC.items():
        for encoding in (Encoding.PEM, Encoding.DER):
            content = key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
            for secret in (content, content.strip(), b""):
                token = by_hand({"alg": algorithm}, claims(), secret, DIGESTS[algorithm])
                yield f"{name} {encoding} as the secret", token


def _headers(algorithm: str) -> Iterator[tuple[str, str]]:
    """Keys of the author's own choosing, and what is no header."""
    own = b"chosen by the author of this token"
    jwk = {"kty": "oct", "k": part(own), "alg": algorithm}
    for more in ({"jwk": jwk}, {"jku": "http://127.0.0.1/keys"}, {"x5u": "file:///dev/null"}, {"x5c": [part(own)]}):
        yield f"brings {next(iter(more))}", by_hand({"alg": algorithm, **more}, claims(), own, DIGESTS[algorithm])
    secret = SECRETS[algorithm].encode()
    for kid in ("unknown", "", "2026-01 ", "' OR 1=1 --", "/dev/null", None, 0, True, ["2026-01"], {"a": 1}):
        for key in (b"", own, secret):
            yield f"kid {kid!r}", by_hand({"alg": algorithm, "kid": kid}, claims(), key, DIGESTS[algorithm])
    yield (
        "key of another kid",
        by_hand({"alg": algorithm, "kid": "2026-01"}, claims(), ROTATED["../../dev/null"].encode(), DIGESTS[algorithm]),
    )
    headers: list[object] = [{}, {"typ": "JWT"}, {"alg": None}, {"alg": [algorithm]}, {"alg": {}}, {"ALG": algorithm}]
    headers += [[], None, b"", b"{", b"\xff", b"[" * 3_000, b'{"alg":NaN}', {"alg": algorithm.lower()}]
    headers += [
        {"alg": f"{algorithm} "},
        {"alg": algorithm, "crit": ["x"]},
        {"alg": algorithm, "crit": ["b64"], "b64": False},
    ]
    for header in headers:
        yield f"header {header!r}"[:60], by_hand(header, claims(), secret, DIGESTS[algorithm])


def _claims(algorithm: str) -> Iterator[tuple[str, str]]:
    """Signed well, and yet nobody."""
    now = int(time.time())
    times: list[object] = [None, now - 60, str(now + 60), True, [now + 60], now + 32 * 86_400, 2**63, 1e300, -1]
    names: list[object] = [None, "", 7, True, [ACCOUNT], {"a": ACCOUNT}, f"{ACCOUNT} ", f"{ACCOUNT}\x00", "a" * 65]
    worse: list[Mapping[str, object]] = [{"exp": value} for value in times]
    worse += [{"sub": value} for value in names]
    worse += [{"nbf": now + 600}, {"nbf": "x"}, {"nbf": []}, {"iat": now + 600}]
    for more in worse:
        token = by_hand({"alg": algorithm}, claims(**more), SECRETS[algorithm].encode(), DIGESTS[algorithm])
        yield f"claims {more!r}"[:60], token
    for payload in (b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 3_000, b'{"exp":1e999,"sub":"demo-1"}'):
        yield (
            f"claims {payload[:20]!r}",
            by_hand({"alg": algorithm}, payload, SECRETS[algorithm].encode(), DIGESTS[algorithm]),
        )


def test_tokens(exchange: Exchange, algorithm: str) -> None:
    for token in good(algorithm):
        assert status(exchange, token) == 200
    for what, token in bad(algorithm):
        assert status(exchange, token) == 401, what
    for token in good(algorithm):
        assert status(exchange, token) == 200
