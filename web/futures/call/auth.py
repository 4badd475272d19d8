"""Authentication of the futures API: an API key and a signature over the request. Bearer tokens are not accepted."""

import re
from typing import Final, NamedTuple

from shards.clock import now_ms
from storage.reference import ApiKey
from web.auth import Principal
from web.futures.call.errors import (
    KEY_FORMAT,
    KEY_REFUSED,
    TOO_EARLY,
    TOO_LATE,
    WRONG_SIGNATURE,
    FuturesProblem,
    mandatory,
    twice,
)
from web.futures.call.parameters import Parameters, need
from web.futures.limits import AHEAD_MS, KEY_LENGTH_MAX, RECV_WINDOW_MS, RECV_WINDOW_MS_MAX
from web.http.request import request_context
from web.http.signing import is_json, is_signature, split_signature, verify
from web.services import services

_KEY: Final = re.compile(rf"[A-Za-z0-9]{{1,{KEY_LENGTH_MAX}}}", re.ASCII)
_TIMESTAMP: Final = "timestamp"
_SIGNATURE: Final = "signature"


class _Signed(NamedTuple):
    """The request's parts without their signature, and the signature."""

    query: bytes
    body: bytes
    signature: bytes


def sign_in(parameters: Parameters, permission: str) -> Principal:
    """The account behind a signed request; raises FuturesProblem in the contract's order of checks."""
    key = _read_key()
    timestamp = need(parameters.long(_TIMESTAMP), _TIMESTAMP)
    signed = _split()
    found = services().reference.find_key(key)
    genuine = verify(found.secret if found else None, signed.query, signed.body, signed.signature)
    if found is None:
        raise FuturesProblem(*KEY_REFUSED)
    if not genuine:
        raise FuturesProblem(*WRONG_SIGNATURE)
    window_ms = parameters.bounded("recvWindow", RECV_WINDOW_MS, 1, RECV_WINDOW_MS_MAX)
    check_time(timestamp, window_ms, now_ms())
    return _permit(found, permission, timestamp, window_ms)


def show_key(permission: str) -> Principal:
    """The account behind a key alone, for the few calls that need no signature."""
    found = services().reference.find_key(_read_key())
    if found is None:
        raise FuturesProblem(*KEY_REFUSED)
    return _permit(found, permission)


def _read_key() -> str:
    key = request_context().header("HTTP_X_MBX_APIKEY") or ""
    if not _KEY.fullmatch(key):
        raise FuturesProblem(*KEY_FORMAT)
    return key


def _split() -> _Signed:
    """Raises -1102 for a missing or malformed signature, -1101 for a second one."""
    context = request_context()
    query, signatures = split_signature(context.query, any_case=True)
    body = context.body
    if not is_json(body):
        body, more = split_signature(body, any_case=True)
        signatures += more
    if len(signatures) > 1:
        raise twice(_SIGNATURE)
    if not signatures or not is_signature(signatures[0]):
        raise mandatory(_SIGNATURE)
    return _Signed(query, body, signatures[0])


def check_time(timestamp: int, window_ms: int, now: int) -> None:
    """Raises -1021 for a timestamp that is too far ahead of ``now``, or more than ``window_ms`` behind it."""
    if timestamp >= now + AHEAD_MS:
        raise FuturesProblem(*TOO_EARLY)
    if now - timestamp > window_ms:
        raise FuturesProblem(*TOO_LATE)


def _permit(found: ApiKey, permission: str, timestamp: int = 0, window_ms: int = 0) -> Principal:
    if permission not in found.permissions:
        raise FuturesProblem(*KEY_REFUSED)
    return Principal(found.account, found.permissions, by_key=True, signed_ms=timestamp, window_ms=window_ms)
