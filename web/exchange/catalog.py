"""Assets and markets as the HTTP side knows them: the rows of the reference file, typed."""

from collections.abc import Mapping
from typing import Final

import msgspec

from shards.model.markets import Market, Product
from storage.reference import Asset, Facts, Reference

MARGIN_ASSET: Final = "USDT"
"""The asset of futures wallets, and the quote asset of every futures market."""

TRADING_SWITCH: Final = "spot"
ENABLED: Final = "enabled"
DISABLED: Final = "disabled"

_decode_market: Final = msgspec.json.Decoder(Market).decode
encode_market: Final = msgspec.json.Encoder().encode
"""A market as the bytes of its row."""


class Catalog:
    """Assets and active markets at one moment."""

    def __init__(self, facts: Facts) -> None:
        markets = [_decode_market(row.spec) for row in facts.markets]
        self.assets: Mapping[str, Asset] = facts.assets
        self.by_number: Mapping[int, Market] = {market.number: market for market in markets}
        self.spot: Mapping[str, Market] = {m.symbol: m for m in markets if m.product is Product.SPOT}
        self.futures: Mapping[str, Market] = {m.symbol: m for m in markets if m.product is Product.FUTURES}
        self.spot_trading: bool = facts.switches.get(TRADING_SWITCH, ENABLED) == ENABLED

    def spot_market_of(self, number: int) -> Market | None:
        market = self.by_number.get(number)
        return market if market is not None and market.product is Product.SPOT else None

    @property
    def margin_asset(self) -> Asset | None:
        """The asset of futures wallets; None until an operator has added it."""
        return self.assets.get(MARGIN_ASSET)

    def decimals(self, token: str) -> int:
        """Decimals of an asset's smallest unit."""
        return self.assets[token].decimals


_NONE: Final = Facts({}, (), {})


class CatalogSource:
    """The current catalog; rebuilt only when the reference file has changed."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._made = (_NONE, Catalog(_NONE))

    def current(self) -> Catalog:
        """The catalog as of now."""
        facts = self._reference.facts()
        known, catalog = self._made
        if facts is not known:
            catalog = Catalog(facts)
            self._made = (facts, catalog)
        return catalog
