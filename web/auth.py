"""Authentication: a bearer token, a signed request, or the operator's key."""

import hmac
from typing import Final, NamedTuple

from shards.clock import now_ms
from shards.limits import REPLAY_WINDOW_MS
from web.http.errors import Problem, unauthorized
from web.http.parse import read_long
from web.http.request import QueryParameters, request_context
from web.http.signing import split_signature, verify
from web.services import services

READ: Final = "read"
TRADE: Final = "trade"

WINDOW_MS: Final = 5_000  # maximum difference of a spot request's timestamp from our clock, either way
assert REPLAY_WINDOW_MS > 2 * WINDOW_MS, "a request is remembered for as long as it can come again"


class Principal(NamedTuple):
    """The account behind a request, and what its credentials allow."""

    account: str
    permissions: tuple[str, ...]
    by_key: bool  # a signed request; otherwise a bearer token
    signed_ms: int  # timestamp of the signed request; 0 with a token
    window_ms: int = 0  # how long after its timestamp the request is accepted; 0: not given


def caller(permission: str) -> Principal:
    """The caller of a spot endpoint that needs ``permission``; raises 401 or 403."""
    principal = authenticate()
    if permission not in principal.permissions:
        raise key_denied()
    return principal


def token_caller() -> Principal:
    """The caller of an endpoint closed to API keys; raises 401 or 403."""
    principal = authenticate()
    if principal.by_key:
        raise key_denied()
    return principal


def key_denied() -> Problem:
    """403 for a valid API key without the permission."""
    return Problem(403, "API Key permission denied")


def authenticate() -> Principal:
    """The authenticated sender; raises 401. If a token is present, a signature is ignored."""
    authorization = request_context().header("HTTP_AUTHORIZATION")
    if authorization is not None:
        return _by_token(authorization)
    key = request_context().header("HTTP_X_MBX_APIKEY")
    if key is None:
        raise unauthorized()
    return _by_signature(key)


def require_operator() -> None:
    """Require the operator's key; raises 401, with a delay that grows with the address's wrong keys."""
    expected = services().admin_key
    given = (request_context().header("HTTP_X_API_KEY") or "").encode("latin-1")
    address = services().caller_ip() if given and expected else ""
    wrong_keys = services().wrong_keys
    if address and not wrong_keys.is_checked(address):
        raise unauthorized()
    if not hmac.compare_digest(given, expected) or not expected:
        if address:
            budget = services().budget
            wrong_keys.note(address, budget.count_wrong_key(address) if budget is not None else 0)
        raise unauthorized()


def _by_token(authorization: str) -> Principal:
    scheme, _, token = authorization.partition(" ")
    account = services().tokens.verify(token.strip()) if scheme.lower() == "bearer" else None
    if account is None:
        raise unauthorized()
    return Principal(account, (READ, TRADE), by_key=False, signed_ms=0)


def _by_signature(key: str) -> Principal:
    context = request_context()
    found = services().reference.find_key(key)
    unsigned, signatures = split_signature(context.query)
    timestamp = _timestamp(unsigned)
    if len(signatures) != 1 or timestamp is None or abs(now_ms() - timestamp) > WINDOW_MS:
        raise unauthorized()
    if not verify(found.secret if found else None, unsigned, context.body, signatures[0]) or found is None:
        raise unauthorized()
    return Principal(found.account, found.permissions, by_key=True, signed_ms=timestamp)


def _timestamp(unsigned: bytes) -> int | None:
    try:
        return read_long(QueryParameters(unsigned).get("timestamp"))
    except Problem:
        return None  # sent twice
