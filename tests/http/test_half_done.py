"""An operator's change, cut off between the reference file and the journal: a start or a repeat completes it."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shards.client import Client
from shards.markets import MarketStatus, shard_of_symbol
from shards.messages import AddAsset, CountReply, MarketReply, SetMarketStatus
from shards.verify import verify_folder
from storage.folder import Folder
from storage.reference import Asset, Reference
from tests.exchange import Exchange, until
from web.catalog import Catalog
from web.engine import Engine

DECIMALS = 6


@contextmanager
def desk(exchange: Exchange) -> Iterator[tuple[Reference, Engine]]:
    """What a worker has in its hands; here it is killed between two of its steps."""
    folder = exchange.folder
    with (
        closing(Reference(folder.reference, folder.secrets().storage_key)) as reference,
        closing(Client(folder)) as client,
    ):
        client.wait_connected(5)
        yield reference, Engine(client)


def shown_decimals(exchange: Exchange, symbol: str) -> list[int]:
    tokens = exchange.call("GET", "/api/v1/wallet/tokens", account=None).json()["data"]
    return [token["decimals"] for token in tokens if token["symbol"] == symbol]


def restart(exchange: Exchange) -> None:
    exchange.stop()
    exchange.engine.start()
    exchange.web.start()
    exchange.wait_ready()


@pytest.mark.parametrize("own_exchange", [2], indirect=True)
def test_an_operator_is_cut_off(own_exchange: Exchange) -> None:
    exchange = own_exchange
    with desk(exchange) as (reference, engine):
        for symbol in ("RESERVED", "JOURNALED", "WRONG"):
            assert reference.reserve_asset(Asset(symbol, DECIMALS))
        for symbol in ("JOURNALED", "WRONG"):
            shard = shard_of_symbol(symbol, 2)
            assert engine.ask(CountReply, shard, AddAsset(symbol, DECIMALS)) == CountReply(DECIMALS)
        halted = {}
        for symbol, market in Catalog(reference.facts()).spot.items():
            command = SetMarketStatus(market.number, MarketStatus.HALTED)
            halted[symbol] = engine.ask(MarketReply, engine.owner(market), command).market
    markets = exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert {market["status"] for market in markets} == {"listed"}  # nobody was told of it
    restart(exchange)
    markets = exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert {market["id"]: market["status"] for market in markets} == dict.fromkeys(halted, "halted")
    assert [shown_decimals(exchange, symbol) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [[], [], []]

    def add(symbol: str, decimals: int) -> int:
        return exchange.operate("POST", "/assets", {"symbol": symbol, "decimals": decimals}).status_code

    # nobody has reckoned with it; the shard has it so, and so it stays; it has it otherwise, and that is in force
    assert (add("RESERVED", 8), shown_decimals(exchange, "RESERVED")) == (200, [8])
    assert (add("JOURNALED", DECIMALS), shown_decimals(exchange, "JOURNALED")) == (200, [DECIMALS])
    assert (add("WRONG", 8), shown_decimals(exchange, "WRONG")) == (409, [DECIMALS])
    assert [add(symbol, DECIMALS) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [409, 409, 409]
    restart(exchange)
    assert [shown_decimals(exchange, symbol) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [[8], [6], [6]]
    assert "Traceback" not in exchange.log()


@pytest.mark.parametrize("own_exchange", [2], indirect=True)
def test_another_reference_file_is_refused(own_exchange: Exchange, tmp_path: Path) -> None:
    """One that is whole in itself, with its mark, but counts otherwise than the journals do."""
    exchange, other = own_exchange, Folder.open(tmp_path / "other", 2)
    with desk(exchange) as (reference, _):
        facts = reference.facts()
    exchange.stop()
    with closing(Reference(other.reference, other.secrets().storage_key)) as made:
        for asset in facts.assets.values():
            made.add_asset(asset._replace(decimals=asset.decimals + 2))
        for row in facts.markets:
            assert made.reserve_market(row.product, row.symbol, 4_095) == row._replace(spec=b"", active=False)
            made.put_market(row.number, row.spec)
    for left in exchange.data.glob("reference.sqlite-*"):
        left.unlink()
    for name in ("reference.sqlite", "reference.mark"):
        shutil.copy(other.path / name, exchange.data / name)
    findings = verify_folder(exchange.folder)
    assert "shard 0: asset USDT has 6 decimals in the journal, and 8 in the reference file" in findings
    exchange.engine.start()
    exchange.web.start()
    until(lambda: exchange.log().count("is not started again: its data must be looked at first") >= 2, 30, "refused")
    assert "asset USDT has 6 decimals in the journal, and 8 in the reference file" in exchange.log()
    assert exchange.call("GET", "/api/v1/spot/balances").status_code == 503
