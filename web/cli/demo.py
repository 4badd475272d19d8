"""The demo of a first start: assets, markets and two funded accounts, made through the public API.

Every step may be repeated, so a start that was broken off half way is finished by the next one. What a caller needs is
left in the data folder's ``demo.json``.
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

from storage.files import describe_fault, write_whole
from storage.folder import Folder
from storage.reference import Reference, ReferenceUnusable
from web.http.tokens import Tokens
from web.settings import WebSettings

TOKEN_S: Final = 30 * 24 * 3_600  # life of a demo account's token
TOKEN_LEFT_S: Final = 7 * 24 * 3_600  # at a start, one that ends sooner is made anew
ANSWER_S: Final = 10.0  # longer than any deadline
RETRY_S: Final = 0.1  # before a call that was answered 503 is made again

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
    """The demo could not be made now; the text says why."""


class DemoAccount(msgspec.Struct):
    """A demo account and its credentials."""

    id: str
    jwt: str
    api_key: str
    api_secret: str


class Demo(msgspec.Struct):
    """What ``demo.json`` holds."""

    base_url: str
    admin_key: str
    accounts: list[DemoAccount]
    checksum: str = ""  # of the rest; "": of an earlier version, or of a person who changed it


def base_url(settings: WebSettings) -> str:
    """Where callers on this machine find the HTTP side: scheme, host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def provide_demo(folder: Folder, tokens: Tokens, url: str) -> Demo | None:
    """The demo: made at first, brought up to date later. None if the operator API is off. Raises DemoError.

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
    """Raises DemoError if it cannot be told whether there is one."""
    _read_content(folder.demo)


def _read(folder: Folder) -> Demo | None:
    """What stands there; None if nothing does, or it is damaged: then the accounts get new keys."""
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
    """The account's token if it is good for a while, else a new one."""
    if tokens.verify(account.jwt) == account.id:
        expires = jwt.decode(account.jwt, options={"verify_signature": False})["exp"]
        if expires - time.time() > TOKEN_LEFT_S:
            return account.jwt
    return tokens.mint(account.id, TOKEN_S)


def _replace_keys(folder: Folder, api: "_Api", accounts: list[DemoAccount], tokens: Tokens) -> list[DemoAccount]:
    """New API keys for those whose secrets are stored under a storage key that is lost. Revoked ones stay revoked."""
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
            # another amount under this reference: it was funded by an earlier version
            api.ask("POST", "/api/v1/admin/deposits", operator, payment, done={"REFERENCE_CONFLICT"})
    return [_make_account(api, account, tokens.mint(account, TOKEN_S)) for account in ACCOUNTS]


def _make_account(api: "_Api", account: str, token: str) -> DemoAccount:
    bearer = {"Authorization": f"Bearer {token}"}
    listed = msgspec.json.decode(api.ask("GET", "/api/v1/api-keys", bearer), type=list[dict[str, object]])
    for key in listed:
        if key["label"] == LABEL:  # of a start that was broken off: nobody knows its secret
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
        """The body of a 200. Raises DemoError for anything else, but for errors of ``done``: done before.

        A 503 is tried again for a while: one worker is ready, another may not have reached every shard yet.
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
    """Status and body of one HTTP call to ``host:port``, past any proxy. Raises DemoError if there is no answer."""
    connection = http.client.HTTPConnection(address, timeout=seconds)
    try:
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise DemoError(f"{method} {path} got no answer: {error!r}") from error
    finally:
        connection.close()
