"""Compares assets and markets in the journals with the reference file.

A change is journaled between two writes to the file: the row is reserved, the shard journals the change, the row
becomes active. So the journal may be ahead of a row, and is then authoritative; a row is never ahead of the journal.
The units of prices, quantities and amounts never change: if journal and file disagree on them, they cannot be
reconciled.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from shards.engine.engine import Engine
from shards.model.codec import encode
from shards.model.markets import Market, MarketStatus, shard_of_symbol
from storage.operations import Asset, MarketRow
from storage.reference_file import Terms

_decode_market: Final = msgspec.json.Decoder(Market).decode


def find_differences(engine: Engine, before: Terms, after: Terms) -> Iterator[str]:
    """Yield descriptions of contradictions; the file was read ``before`` and ``after`` the journal."""
    for number, machine in engine.markets.items():
        yield from _compare_market(machine.market, after.markets.get(number))
        yield from _compare_decimals(machine.market, after)
    for asset, decimals in engine.assets.items():
        yield from _compare_asset(asset, decimals, after.assets.get(asset))
    for row in before.markets.values():
        if row.active and _owns(engine, row.symbol) and row.number not in engine.markets:
            yield f"market {row.symbol} ({row.number}) is in the reference file, but not in the journal"


def find_stale(engine: Engine, terms: Terms) -> list[Market]:
    """Return markets whose change did not reach the file, because the writer was killed in between."""
    markets = (machine.market for machine in engine.markets.values())
    rows = terms.markets
    return [market for market in markets if rows[market.number].active and rows[market.number].spec != encode(market)]


def find_unjournaled(engine: Engine, terms: Terms) -> list[Asset]:
    """Return active assets missing in the journal: an earlier version wrote them only to the file."""
    assets = terms.assets.values()
    return [
        asset for asset in assets if asset.active and _owns(engine, asset.symbol) and asset.symbol not in engine.assets
    ]


def _owns(engine: Engine, symbol: str) -> bool:
    return shard_of_symbol(symbol, engine.shard_count) == engine.shard


def _compare_market(market: Market, row: MarketRow | None) -> Iterator[str]:
    name = f"market {market.symbol} ({market.number})"
    if row is None:
        yield f"{name} is in the journal, but not in the reference file"
    elif (row.product, row.symbol) != (market.product, market.symbol):
        yield f"{name} of the journal is {row.symbol} in the reference file"
    elif row.active:
        try:
            stored = _decode_market(row.spec)
        except msgspec.DecodeError as fault:
            yield f"{name} cannot be read in the reference file: {fault}"
            return
        for field in Market.__struct_fields__:
            ours, theirs = getattr(_lasting(market), field), getattr(_lasting(stored), field)
            if ours != theirs:
                yield f"{name}: {field} is {ours} in the journal, and {theirs} in the reference file"


def _lasting(market: Market) -> Market:
    """Return the market with only the terms that no operator can change once it is open."""
    return msgspec.structs.replace(market, status=MarketStatus.LISTED, futures=None, risk=None)


def _compare_decimals(market: Market, terms: Terms) -> Iterator[str]:
    """Compare the decimals of the market's assets, in whose smallest units it counts."""
    for asset, decimals in ((market.base, market.base_decimals), (market.quote, market.quote_decimals)):
        yield from _compare_asset(asset, decimals, terms.assets.get(asset))


def _compare_asset(asset: str, decimals: int, row: Asset | None) -> Iterator[str]:
    if row is None:
        yield f"asset {asset} is in the journal, but not in the reference file"
    elif row.active and row.decimals != decimals:
        yield f"asset {asset} has {decimals} decimals in the journal, and {row.decimals} in the reference file"
