"""Credentials on a request: a bearer token, or an API key and an HMAC over what is sent."""

import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from loadtest.accounts import Account

FUTURES_WINDOW_MS: Final = 60_000  # the longest there is: a load may keep a request waiting


def bearer(account: Account) -> dict[str, str]:
    """Headers of a spot call with the account's token."""
    return {"Authorization": f"Bearer {account.jwt}"}


def sign_spot(account: Account, query: Mapping[str, Any], body: bytes = b"") -> tuple[dict[str, str], str]:
    """Headers and query of a signed spot call."""
    return _sign(account, {**query, "timestamp": _now_ms()}, body)


def sign_futures(account: Account, sent: Mapping[str, Any]) -> tuple[dict[str, str], str]:
    """Headers and query of a signed futures call with everything in its query."""
    return _sign(account, {**sent, "recvWindow": FUTURES_WINDOW_MS, "timestamp": _now_ms()}, b"")


def _sign(account: Account, sent: Mapping[str, Any], body: bytes) -> tuple[dict[str, str], str]:
    query = urlencode(sent)
    signature = hmac.new(account.api_secret.encode(), query.encode() + body, sha256).hexdigest()
    return {"X-MBX-APIKEY": account.api_key}, f"{query}&signature={signature}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
