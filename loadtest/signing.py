"""Credentials of a request: a bearer token, or an API key and an HMAC signature."""

import hmac
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from loadtest.accounts import Account

FUTURES_WINDOW_MS: Final = 60_000  # the maximum: a request may be kept waiting, or be retried


def now_ms() -> int:
    """The current time as used in timestamps, Unix ms."""
    return time.time_ns() // 1_000_000


def signature(secret: str | bytes, content: str | bytes) -> str:
    """The HMAC of ``content`` in hex."""
    key, signed = (each.encode() if isinstance(each, str) else each for each in (secret, content))
    return hmac.digest(key, signed, "sha256").hex()


def add_signature(secret: str, query: str, body: bytes = b"") -> str:
    """``query``, which includes its timestamp, with the signature over it and the body."""
    return f"{query}&signature={signature(secret, query.encode() + body)}"


def stamp(query: str) -> str:
    """``query`` with the current timestamp."""
    return f"{query}&timestamp={now_ms()}" if query else f"timestamp={now_ms()}"


def bearer(account: Account) -> dict[str, str]:
    """Headers of a spot call with the account's token."""
    return {"Authorization": f"Bearer {account.jwt}"}


def sign_spot(account: Account, query: Mapping[str, Any], body: bytes = b"") -> tuple[dict[str, str], str]:
    """Headers and query of a signed spot call."""
    return _sign(account, query, body)


def sign_futures(account: Account, sent: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Headers and query of a signed futures call with everything in its query."""
    return _sign(account, {**sent, "recvWindow": FUTURES_WINDOW_MS}, b"")


def _sign(account: Account, sent: Mapping[str, Any], body: bytes) -> tuple[dict[str, str], str]:
    return {"X-MBX-APIKEY": account.api_key}, add_signature(account.api_secret, stamp(urlencode(sent)), body)
