"""The operations on the reference data, which are applied one after the other.

An operation carries everything it needs, including times and random values. So the same operations give the same
tables, wherever they are applied.
"""

from typing import Any, Final, NamedTuple

import msgspec

from storage.seals import Sheet, Table

ASSETS: Final = Table("assets", ("symbol", "decimals", "image", "chain_id", "contract", "active"))
MARKETS: Final = Table("markets", ("number", "product", "symbol", "spec", "active"))
API_KEYS: Final = Table("api_keys", ("key", "account", "label", "permissions", "created_ms", "secret"))
SWITCHES: Final = Table("switches", ("name", "value"))
LISTEN_KEYS: Final = Table("listen_keys", ("account", "key", "expires_ms"))
TABLES: Final = (ASSETS, MARKETS, API_KEYS, SWITCHES, LISTEN_KEYS)


class Asset(NamedTuple):
    """An asset. Its smallest unit has ``decimals`` 0…18. Balances of it can exist once it is active."""

    symbol: str
    decimals: int
    image: str = ""
    chain_id: int = 0
    contract: str = ""
    active: bool = True


class MarketRow(NamedTuple):
    """A market: ``spec`` is opaque here. It may be traded once it is active."""

    number: int
    product: int
    symbol: str
    spec: bytes
    active: bool


class ReserveAsset(msgspec.Struct, frozen=True):
    """Reserve the symbol for an inactive asset. False if it is taken, compared without regard to case."""

    symbol: str
    decimals: int
    image: str
    chain_id: int
    contract: str

    def apply(self, sheet: Sheet) -> bool:
        """Return whether it may be activated."""
        found = sheet.find(ASSETS, "symbol = ? COLLATE NOCASE", (self.symbol,))
        if any(to_asset(row).active or row[0] != self.symbol for row in found):
            return False
        if not found:
            sheet.insert(ASSETS, (*msgspec.structs.astuple(self), 0))
        return True


class PutAsset(msgspec.Struct, frozen=True):
    """Store a reserved asset's terms and activate it. False if it is active already."""

    symbol: str
    decimals: int
    image: str
    chain_id: int
    contract: str

    def apply(self, sheet: Sheet) -> bool:
        """Return whether this activated it."""
        if any(to_asset(row).active for row in sheet.find(ASSETS, "symbol = ?", (self.symbol,))):
            return False
        sheet.replace(ASSETS, (*msgspec.structs.astuple(self), 1))
        return True


class ReserveMarket(msgspec.Struct, frozen=True):
    """Return the market, first reserved, inactive, with the next number if it is new. None if no number is left.

    If a symbol of either product differs only in case, that market is returned.
    """

    product: int
    symbol: str
    number_max: int

    def apply(self, sheet: Sheet) -> MarketRow | None:
        found = sheet.find(MARKETS, "symbol = ? COLLATE NOCASE", (self.symbol,))
        own = [row for row in found if row[1:3] == (self.product, self.symbol)]
        taken = own or [row for row in found if row[2] != self.symbol]
        if taken:
            return to_market(*taken[0])
        number = max((row[0] for row in sheet.rows(MARKETS)), default=0) + 1
        if number > self.number_max:
            return None
        sheet.insert(MARKETS, (number, self.product, self.symbol, b"", 0))
        return MarketRow(number, self.product, self.symbol, b"", False)


class PutMarket(msgspec.Struct, frozen=True):
    """Store a reserved market's terms and activate it."""

    number: int
    spec: bytes

    def apply(self, sheet: Sheet) -> None:
        """Changes nothing if they are the same."""
        (row,) = sheet.find(MARKETS, "number = ?", (self.number,))
        changed = (*row[:3], self.spec, 1)
        if row != changed:
            sheet.replace(MARKETS, changed)


class SetSwitch(msgspec.Struct, frozen=True):
    """Set a switch."""

    name: str
    value: str

    def apply(self, sheet: Sheet) -> None:
        sheet.replace(SWITCHES, (self.name, self.value))


class AddKey(msgspec.Struct, frozen=True):
    """Add an API key; ``secret`` is encrypted. False if the account already has ``count_max`` keys."""

    key: str
    account: str
    label: str
    permissions: str
    created_ms: int
    secret: bytes
    count_max: int

    def apply(self, sheet: Sheet) -> bool:
        """Return whether it was added."""
        count = len(sheet.find(API_KEYS, "account = ?", (self.account,)))
        if count >= self.count_max:
            return False
        sheet.insert(API_KEYS, msgspec.structs.astuple(self)[:-1])
        return True


class RevokeKey(msgspec.Struct, frozen=True):
    """Delete the account's API key. False if it has no such key."""

    account: str
    key: str

    def apply(self, sheet: Sheet) -> bool:
        """Return whether it existed."""
        return sheet.delete(API_KEYS, "key = ? AND account = ?", (self.key, self.account)) == 1


class RenewListenKey(msgspec.Struct, frozen=True):
    """Extend the account's listen key, or create it as ``key``. Expired ones are deleted."""

    account: str
    key: str
    now_ms: int
    expires_ms: int

    def apply(self, sheet: Sheet) -> str:
        """Return the key."""
        sheet.delete(LISTEN_KEYS, "expires_ms <= ?", (self.now_ms,))
        found = sheet.find(LISTEN_KEYS, "account = ?", (self.account,))
        key = str(found[0][1]) if found else self.key
        sheet.replace(LISTEN_KEYS, (self.account, key, self.expires_ms))
        return key


class DropListenKey(msgspec.Struct, frozen=True):
    """Delete the account's listen key, if it has one."""

    account: str

    def apply(self, sheet: Sheet) -> None:
        sheet.delete(LISTEN_KEYS, "account = ?", (self.account,))


def to_asset(row: tuple[Any, ...]) -> Asset:
    """Return the asset of a row."""
    symbol, decimals, image, chain_id, contract, active = row
    return Asset(symbol, decimals, image, chain_id, contract, bool(active))


def to_market(number: int, product: int, symbol: str, spec: bytes, active: int) -> MarketRow:
    """Return the market of a row."""
    return MarketRow(number, product, symbol, spec, bool(active))
