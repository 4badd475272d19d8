"""The demo of a first start: assets, markets and two funded accounts, created through the public API.

Every step is idempotent, so a start that was interrupted is completed by the next one. What a client needs is stored in
the data folder's ``demo.json``.
"""

import hashlib
import http.client
import logging
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import jwt
import msgspec

from shards.folder import Folder
from storage.files import describe_fault, write_whole
from storage.reference import Reference, ReferenceUnusable
from web.http.tokens import Tokens
from web.settings import WebSettings

TOKEN_S: Final = 30 * 24 * 3_600  # lifetime of a demo account's token
TOKEN_LEFT_S: Final = 7 * 24 * 3_600  # at a start, a token with less time left is renewed
ANSWER_S: Final = 10.0  # longer than any deadline
RETRY_S: Final = 0.1  # before a call that returned 503 is retried

ASSETS: Final = (
    {"symbol": "USDT", "decimals": 6},
    {"symbol": "DF", "decimals": 18},
    {"symbol": "BTC", "decimals": 8},
    {"symbol": "ETH", "decimals": 18},
)
SPOT_MARKETS: Final = (
    {"base_token": "DF", "tick_size": "0.0001", "lot_size": "0.01", "min_notional": "1"},
    {"base_token": "BTC", "tick_size": "0.01", "lot_size": "0.0001", "min_notional": "5"},
    {"base_token": "ETH", "tick_size": "0.01", "lot_size": "0.0001", "min_notional": "5"},
)
BRACKETS: Final = (
    {"notional_cap": 40_000, "max_leverage": 100, "maint_margin_ratio": "0.005"},
    {"notional_cap": 200_000, "max_leverage": 50, "maint_margin_ratio": "0.01"},
    {"notional_cap": 1_000_000, "max_leverage": 25, "maint_margin_ratio": "0.02"},
    {"notional_cap": 5_000_000, "max_leverage": 10, "maint_margin_ratio": "0.04"},
)
FUTURES_MARKETS: Final = (
    {"base_asset": "BTC", "tick_size": "0.1", "lot_size": "0.001", "min_notional": "10", "brackets": BRACKETS},
    {"base_asset": "ETH", "tick_size": "0.01", "lot_size": "0.001", "min_notional": "10", "brackets": BRACKETS},
)
ACCOUNTS: Final = ("demo-1", "demo-2")
FUNDS: Final = (
    ("spot", "USDT", "100000"),
    ("spot", "DF", "100000"),
    ("spot", "BTC", "10"),
    ("spot", "ETH", "100"),
    ("futures", "USDT", "100000"),
)
LABEL: Final = "demo"

_log: Final = logging.getLogger("web.cli.demo")


class DemoError(Exception):
    """The demo could not be created now; the text says why."""


class DemoAccount(msgspec.Struct):
    """A demo account and its credentials."""

    id: str
    jwt: str
    api_key: str
    api_secret: str


class Demo(msgspec.Struct):
    """The content of ``demo.json``."""

    base_url: str
    admin_key: str
    accounts: list[DemoAccount]
    checksum: str = ""  # of the rest; "": written by an earlier version, or edited by a person


def base_url(settings: WebSettings) -> str:
    """Where clients on this machine reach the HTTP side: scheme, host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def provide_demo(folder: Folder, tokens: Tokens, url: str) -> Demo | None:
    """Create the demo, or bring it up to date. None if the operator API is off. Raises DemoError.

    The exchange at ``url`` must be ready.
    """
    admin_key = folder.secrets().admin_key
    found = _read(folder)
    if found is None and not admin_key:
        return None
    api = _Api(url)
    accounts = _replace_keys(folder, api, found.accounts, tokens) if found else _make(api, admin_key, tokens)
    renewed = [msgspec.structs.replace(account, jwt=_renew(account, tokens)) for account in accounts]
    demo = _seal(Demo(url, admin_key, renewed))
    if demo != found:
        _write(folder.demo, demo)
    return demo


def check_demo(folder: Folder) -> None:
    """Raises DemoError if it cannot be determined whether there is a demo."""
    _read_content(folder.demo)


def _read(folder: Folder) -> Demo | None:
    """The stored demo; None if there is none, or it is damaged: then the accounts get new keys."""
    content = _read_content(folder.demo)
    if content is None:
        return None
    try:
        found = msgspec.json.decode(content, type=Demo)
    except (msgspec.DecodeError, ValueError):
        found = None
    if found is None or found.checksum not in ("", _seal(found).checksum):
        _log.warning("%s is damaged: the demo's accounts get new API keys", folder.demo)
        return None
    return found


def _read_content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DemoError(describe_fault(error, path)) from error


def _write(path: Path, demo: Demo) -> None:
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(demo), indent=2), b"\n")
    except OSError as error:
        raise DemoError(describe_fault(error, path)) from error


def _seal(demo: Demo) -> Demo:
    content = msgspec.json.encode(msgspec.structs.replace(demo, checksum=""))
    return msgspec.structs.replace(demo, checksum=hashlib.blake2b(content, digest_size=16).hexdigest())


def _renew(account: DemoAccount, tokens: Tokens) -> str:
    """The account's token if it is valid long enough, else a new one."""
    if tokens.verify(account.jwt) == account.id:
        expires = jwt.decode(account.jwt, options={"verify_signature": False})["exp"]
        if expires - time.time() > TOKEN_LEFT_S:
            return account.jwt
    return tokens.mint(account.id, TOKEN_S)


def _replace_keys(folder: Folder, api: "_Api", accounts: list[DemoAccount], tokens: Tokens) -> list[DemoAccount]:
    """New API keys for accounts whose secrets are encrypted with a lost storage key. Revoked keys stay revoked."""
    try:
        with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
            lost = [account.id for account in accounts if _is_unreadable(reference, account)]
    except ReferenceUnusable as fault:
        raise DemoError(str(fault)) from fault
    if lost:
        _log.warning("the storage key has changed: making new API keys for %s", ", ".join(lost))
    return [
        _make_account(api, account.id, _renew(account, tokens)) if account.id in lost else account
        for account in accounts
    ]


def _is_unreadable(reference: Reference, account: DemoAccount) -> bool:
    is_listed = account.api_key in (listed.key for listed in reference.list_keys(account.id))
    return is_listed and reference.find_key(account.api_key) is None


def _make(api: "_Api", admin_key: str, tokens: Tokens) -> list[DemoAccount]:
    operator = {"X-API-Key": admin_key}
    for asset in ASSETS:
        api.ask("POST", "/api/v1/admin/assets", operator, asset, done={"ASSET_EXISTS"})
    for spot in SPOT_MARKETS:
        symbol = f"{spot['base_token']}USDT"
        terms = {"id": symbol, "quote_token": "USDT", "maker_fee_bps": 0, "taker_fee_bps": 0, **spot}
        api.ask("POST", "/api/v1/admin/spot/markets", operator, terms, done={"MARKET_EXISTS"})
    for futures in FUTURES_MARKETS:
        terms = {"symbol": f"{futures['base_asset']}USDT", "maker_fee_bps": 2, "taker_fee_bps": 5, **futures}
        api.ask("POST", "/api/v1/admin/futures/markets", operator, terms, done={"MARKET_EXISTS"})
    for account in ACCOUNTS:
        for wallet, asset_name, amount in FUNDS:
            payment = {
                "account": account,
                "wallet": wallet,
                "asset": asset_name,
                "amount": amount,
                "reference": f"demo-{wallet}-{asset_name}",
            }
            # a different amount under this reference: the account was funded by an earlier version
            api.ask("POST", "/api/v1/admin/deposits", operator, payment, done={"REFERENCE_CONFLICT"})
    return [_make_account(api, account, tokens.mint(account, TOKEN_S)) for account in ACCOUNTS]


def _make_account(api: "_Api", account: str, token: str) -> DemoAccount:
    bearer = {"Authorization": f"Bearer {token}"}
    listed = msgspec.json.decode(api.ask("GET", "/api/v1/api-keys", bearer), type=list[dict[str, object]])
    for key in listed:
        if key["label"] == LABEL:  # of an interrupted start: its secret is lost
            api.ask("DELETE", f"/api/v1/api-keys/{key['api_key']}", bearer, done={"API_KEY_NOT_FOUND"})
    made = msgspec.json.decode(api.ask("POST", "/api/v1/api-keys", bearer, {"label": LABEL}))
    return DemoAccount(account, token, made["api_key"], made["api_secret"])


class _Api:
    """Calls of the exchange's own API."""

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)

    def ask(
        self,
        method: str,
        path: str,
        credentials: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        done: Collection[str] = (),
    ) -> bytes:
        """The body of a 200. Raises DemoError for anything else, except errors in ``done``, which mean already done.

        A 503 is retried for a while: one worker may be ready before another has reached every shard.
        """
        content = b"" if body is None else msgspec.json.encode(body)
        until = time.monotonic() + ANSWER_S
        while True:
            status, answer = fetch(self._address.netloc, method, path, credentials, content)
            if status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                break
            time.sleep(RETRY_S)
        if status != HTTPStatus.OK and _error(answer) not in done:
            raise DemoError(f"{method} {path} answered {status} {_error(answer)}")
        return answer


def _error(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer, type=dict[str, object]).get("error"))
    except msgspec.DecodeError:
        return answer.decode("utf-8", "replace")[:200]


def fetch(
    address: str,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    seconds: float = ANSWER_S,
) -> tuple[int, bytes]:
    """Status and body of one HTTP call to ``host:port``, bypassing any proxy. Raises DemoError without a response."""
    connection = http.client.HTTPConnection(address, timeout=seconds)
    try:
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DemoError(f"{method} {path} got no answer: {error!r}") from error
    finally:
        connection.close()
