"""The reference data: assets, markets, API keys, listen keys and switches, in SQLite.

Every process reads through one connection of its own and caches what it has read for as long as SQLite's
``data_version`` shows that no other connection has committed since; that check takes a few microseconds and is made for
every request, or in every turn of a worker's loop. So a change is visible in every process once it is acknowledged.
Each write opens its own connection for one transaction, because ``data_version`` does not notice commits of its own
connection.

What is read is verified against its checksums (:mod:`storage.seals`): if they differ, every method raises
ReferenceDamaged.
"""

import logging
import secrets
import string
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from cryptography.fernet import Fernet, InvalidToken

from storage.operations import (
    API_KEYS,
    LISTEN_KEYS,
    MARKETS,
    AddKey,
    Asset,
    DropListenKey,
    MarketRow,
    PutAsset,
    PutMarket,
    RenewListenKey,
    ReserveAsset,
    ReserveMarket,
    RevokeKey,
    SetSwitch,
    to_market,
)
from storage.reference_file import ADVICE, Facts, ReferenceDamaged, ReferenceFile, ReferenceUnusable, StorageFull
from storage.seals import Sheet

__all__ = [
    "ApiKey",
    "Asset",
    "Facts",
    "ListenKey",
    "MarketRow",
    "Reference",
    "ReferenceDamaged",
    "ReferenceUnusable",
    "StorageFull",
]

RETRY_S: Final = 1.0  # checking a whole file takes time, during which the process answers nobody
KEY_LENGTH: Final = 64  # of an API key and of its secret: 380 bits each

_LETTERS: Final = string.ascii_letters + string.digits
_log: Final = logging.getLogger(__name__)

R = TypeVar("R")


@dataclass(frozen=True)
class ApiKey:
    """An API key of an account; its repr does not show the secret."""

    key: str
    account: str
    label: str
    permissions: tuple[str, ...]
    created_ms: int
    secret: bytes = field(repr=False)


class ListenKey(NamedTuple):
    """A key with which a stream of an account's events will be requested."""

    key: str
    expires_ms: int


class Reference:
    """The reference data of one exchange. Threads of one process may share it."""

    def __init__(
        self,
        path: Path,
        storage_key: str,
        turn_id: Callable[[], object] | None = None,
        *,
        patient: bool = False,
        retry_s: float = RETRY_S,
    ) -> None:
        """Open or create the file. Raises ReferenceUnusable, also for a malformed storage key; StorageFull.

        A process that works in turns passes ``turn_id``: within one turn, changes are checked for only once. With
        ``patient`` a missing file is not created, and one that cannot be used now is accepted: opening it is retried on
        use, at most once in ``retry_s``, and until then every method raises the last error.
        """
        self._turn_id = turn_id
        self._retry_s = retry_s
        self._looked_at: object = None
        try:
            self._fernet = Fernet(storage_key.encode())
        except ValueError as fault:
            raise ReferenceUnusable("SHARDEX_STORAGE_KEY is not a Fernet key") from fault
        self._path = path
        self._patient = patient
        self._opening = threading.Lock()
        self._opened: ReferenceFile | None = None
        self._fault: tuple[type[ReferenceUnusable], str] | None = None  # of the last try
        self._again_at = 0.0  # by time.monotonic: the next try
        try:
            self._try_to_open()
        except ReferenceUnusable as fault:
            if not patient:
                raise
            _log.error("%s. Calls that need it are refused until it can be used", fault)
        self._lock = threading.Lock()
        self._version = -1
        self._facts = Facts({}, (), {})
        self._keys: dict[str, ApiKey] = {}

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()

    @property
    def _file(self) -> ReferenceFile:
        """Opened at the first successful try."""
        if self._opened is None:
            with self._opening:
                return self._try_to_open()
        return self._opened

    def _try_to_open(self) -> ReferenceFile:
        if self._fault is not None and time.monotonic() < self._again_at:
            kind, text = self._fault  # a new exception: one raised again and again would keep every caller's frames
            raise kind(text)
        if self._opened is None:
            try:
                self._opened = self._open()
            except ReferenceUnusable as fault:
                self._fault, self._again_at = (type(fault), str(fault)), time.monotonic() + self._retry_s
                raise
        self._fault = None
        return self._opened

    def _open(self) -> ReferenceFile:
        if self._patient and not self._path.exists():
            raise ReferenceUnusable(f"{self._path} is missing: {ADVICE}")
        return ReferenceFile(self._path)

    # Reading

    def facts(self) -> Facts:
        """Return the current assets, active markets and switches."""
        with self._lock:
            self._refresh()
            return self._facts

    def find_key(self, key: str) -> ApiKey | None:
        """Return the key with its secret; None if there is none."""
        with self._lock:
            self._refresh()
            known = self._keys.get(key)
            if known is None:
                known = self._load_key(key)
                if known is not None:
                    self._keys[key] = known
            return known

    def list_keys(self, account: str) -> list[ApiKey]:
        """Return the account's keys, newest first, without their secrets."""
        with self._lock, self._file.reading() as sheet:
            rows = sheet.find(API_KEYS, "account = ?", (account,), "created_ms DESC, rowid DESC")
        return [_api_key(row, b"") for row in rows]

    def find_listen_key(self, account: str, now_ms: int) -> ListenKey | None:
        """Return the account's listen key; None unless it has a valid one."""
        with self._lock, self._file.reading() as sheet:
            rows = sheet.find(LISTEN_KEYS, "account = ? AND expires_ms > ?", (account, now_ms))
        return ListenKey(*rows[0][1:]) if rows else None

    def find_market(self, product: int, symbol: str) -> MarketRow | None:
        """Return the market, active or not."""
        with self._lock, self._file.reading() as sheet:
            rows = sheet.find(MARKETS, "product = ? AND symbol = ?", (product, symbol))
        return to_market(*rows[0]) if rows else None

    def _refresh(self) -> None:
        turn_id = self._turn_id() if self._turn_id is not None else None
        if turn_id is not None and turn_id == self._looked_at:
            return
        self._look()
        self._looked_at = turn_id

    def _look(self) -> None:
        version = self._file.version()
        if version == self._version:
            return
        self._keys.clear()
        self._facts = self._file.facts()
        self._version = version

    def _load_key(self, key: str) -> ApiKey | None:
        with self._file.reading() as sheet:
            rows = sheet.find(API_KEYS, "key = ?", (key,))
        if not rows:
            return None
        try:
            secret = self._fernet.decrypt(rows[0][5])
        except InvalidToken:
            _log.error("an API key's secret was stored under another storage key: the key is refused")
            return None
        return _api_key(rows[0], secret)

    # Writing: on disk when it returns; raises StorageFull

    def reserve_asset(self, asset: Asset) -> bool:
        """Reserve an asset's symbol; False if it is taken, compared without regard to case."""
        return self._change(ReserveAsset(*asset[:5]).apply)

    def put_asset(self, asset: Asset) -> bool:
        """Activate a reserved asset with its terms; False if it is active already."""
        return self._change(PutAsset(*asset[:5]).apply)

    def add_asset(self, asset: Asset) -> bool:
        """Reserve and activate an asset without involving a shard; False if the symbol is taken."""
        return self.reserve_asset(asset) and self.put_asset(asset)

    def reserve_market(self, product: int, symbol: str, number_max: int) -> MarketRow | None:
        """Return the market, first reserved, inactive, with the next number if it is new. None if no number is left.

        If a symbol differs only in case, that market is returned.
        """
        return self._change(ReserveMarket(product, symbol, number_max).apply)

    def put_market(self, number: int, spec: bytes) -> None:
        """Store a reserved market's terms and activate it."""
        self._change(PutMarket(number, spec).apply)

    def set_switch(self, name: str, value: str) -> None:
        self._change(SetSwitch(name, value).apply)

    def create_key(
        self, account: str, label: str, permissions: tuple[str, ...], created_ms: int, count_max: int
    ) -> ApiKey | None:
        """Create a key with a secret; None if the account already has ``count_max`` keys."""
        made = ApiKey(_make_key(), account, label, permissions, created_ms, _make_key().encode())
        secret = self._fernet.encrypt(made.secret)
        added = AddKey(made.key, account, label, ",".join(permissions), created_ms, secret, count_max)
        return made if self._change(added.apply) else None

    def revoke_key(self, account: str, key: str) -> bool:
        """Delete the account's key; False if it has no such key."""
        return self._change(RevokeKey(account, key).apply)

    def renew_listen_key(self, account: str, now_ms: int, life_ms: int, fresh_ms: int) -> str:
        """Return the account's listen key, created if needed and valid for ``life_ms`` from now.

        One renewed less than ``fresh_ms`` ago is left as it is, because writes are expensive.
        """
        known = self.find_listen_key(account, now_ms)
        if known is not None and known.expires_ms > now_ms + life_ms - fresh_ms:
            return known.key
        return self._change(RenewListenKey(account, _make_key(), now_ms, now_ms + life_ms).apply)

    def drop_listen_key(self, account: str) -> None:
        """Delete the account's listen key, if it has one."""
        self._change(DropListenKey(account).apply)

    def _change(self, apply: Callable[[Sheet], R]) -> R:
        try:
            return self._file.change(apply)
        finally:
            self._looked_at = None  # the writer sees its change immediately


def _api_key(row: Sequence[Any], secret: bytes) -> ApiKey:
    key, account, label, permissions, created_ms = row[:5]
    return ApiKey(key, account, label, tuple(permissions.split(",")), created_ms, secret)


def _make_key() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(KEY_LENGTH))
