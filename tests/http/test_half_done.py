"""An operator's change, cut off between the reference file and the journal: a start or a repeat completes it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from shards.folder import Folder
from shards.ipc.client import Client
from shards.limits import DEADLINE_MS
from shards.model.brackets import RiskChange
from shards.model.commands import AddAsset, Command, SetMarketStatus, SetRisk
from shards.model.markets import MarketStatus, shard_of_symbol
from shards.model.queries import GetMarket, Query
from shards.model.replies import CountReply, MarketReply, Reply
from shards.verify.folder import verify_folder
from storage.reference import Asset, Reference
from tests.exchange import Exchange, until
from web.exchange.catalog import Catalog
from web.exchange.gateway import ExchangeGateway
from web.operator.actions import OperatorContext, set_spot_status
from web.operator.bracket_rows import to_brackets
from web.operator.futures_markets import set_futures_status, set_risk

pytestmark = pytest.mark.parametrize("exchange", [2], indirect=True)

DECIMALS = 6
R = TypeVar("R", bound=Reply)
Change = Callable[[OperatorContext], object]


@contextmanager
def operator(exchange: Exchange) -> Iterator[tuple[Reference, ExchangeGateway]]:
    """What a worker has in its hands; here it is killed between two of its steps."""
    folder = exchange.folder
    with (
        closing(Reference(folder.reference, folder.secrets().storage_key)) as reference,
        closing(Client(folder)) as client,
    ):
        client.wait_connected(5)
        yield reference, ExchangeGateway(client)


def shown_decimals(exchange: Exchange, symbol: str) -> list[int]:
    tokens = exchange.call("GET", "/api/v1/wallet/tokens", account=None).json()["data"]
    return [token["decimals"] for token in tokens if token["symbol"] == symbol]


def restart(exchange: Exchange) -> None:
    exchange.stop()
    exchange.engine.start()
    exchange.web.start()
    exchange.wait_ready()


def test_an_operator_is_cut_off(exchange: Exchange) -> None:
    with operator(exchange) as (reference, engine):
        for symbol in ("RESERVED", "JOURNALED", "WRONG"):
            assert reference.reserve_asset(Asset(symbol, DECIMALS))
        for symbol in ("JOURNALED", "WRONG"):
            shard = shard_of_symbol(symbol, 2)
            assert engine.ask(CountReply, shard, AddAsset(symbol, DECIMALS)) == CountReply(DECIMALS)
        halted = {}
        for symbol, market in Catalog(reference.facts()).spot.items():
            command = SetMarketStatus(market.number, MarketStatus.HALTED)
            halted[symbol] = engine.ask(MarketReply, engine.market_shard(market), command).market
    markets = exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert {market["status"] for market in markets} == {"listed"}  # nobody has heard of it
    restart(exchange)
    markets = exchange.call("GET", "/api/v1/spot/markets", account=None).json()
    assert {market["id"]: market["status"] for market in markets} == dict.fromkeys(halted, "halted")
    assert [shown_decimals(exchange, symbol) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [[], [], []]

    def add(symbol: str, decimals: int) -> int:
        return exchange.operate("POST", "/assets", {"symbol": symbol, "decimals": decimals}).status_code

    # nobody has counted in it yet; the shard has it so, and so it stays; it has it otherwise, and that is in force
    assert (add("RESERVED", 8), shown_decimals(exchange, "RESERVED")) == (200, [8])
    assert (add("JOURNALED", DECIMALS), shown_decimals(exchange, "JOURNALED")) == (200, [DECIMALS])
    assert (add("WRONG", 8), shown_decimals(exchange, "WRONG")) == (409, [DECIMALS])
    assert [add(symbol, DECIMALS) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [409, 409, 409]
    restart(exchange)
    assert [shown_decimals(exchange, symbol) for symbol in ("RESERVED", "JOURNALED", "WRONG")] == [[8], [6], [6]]
    assert "Traceback" not in exchange.log()


# Futures markets

CAPS = (31_000, 32_000)


def shown_risk(exchange: Exchange, symbol: str) -> tuple[int, int]:
    """The first cap, in whole units, and the liquidation fee, in millionths."""
    with closing(Reference(exchange.folder.reference, exchange.folder.secrets().storage_key)) as reference:
        risk = Catalog(reference.facts()).futures[symbol].risk
    assert risk is not None
    return int(risk.brackets[0].cap // 10**DECIMALS), int(risk.liquidation_fee)


def test_risk_terms_that_only_the_shard_has(exchange: Exchange) -> None:
    symbol = "BTCUSDT"
    with operator(exchange) as (reference, engine):
        market = Catalog(reference.facts()).futures[symbol]
        command = SetRisk(market.number, RiskChange(to_brackets([(CAPS[0], 20, "0.01")], DECIMALS), 70))
        engine.ask(MarketReply, engine.market_shard(market), command)
    assert shown_risk(exchange, symbol) == (40_000, 12_500)
    restart(exchange)
    assert shown_risk(exchange, symbol) == (CAPS[0], 70)


class Overtaken(ExchangeGateway):
    """Whoever asks through it hears of the first change late: another one is carried out as a whole before."""

    meanwhile: Callable[[], object] | None = None

    def ask(self, kind: type[R], shard: int, message: Command | Query, deadline_ms: int = DEADLINE_MS) -> R:
        reply = super().ask(kind, shard, message, deadline_ms)
        then, self.meanwhile = self.meanwhile, None
        if then is not None:
            then()
        return reply


def test_two_operators_at_once(exchange: Exchange) -> None:
    """The shard decides which change came last, not who writes last into the reference file."""
    symbol = "ETHUSDT"

    def brackets(cap: int) -> Change:
        return lambda at: set_risk(at, symbol, [(cap, 20, "0.01")])

    def fee(fee: str) -> Change:
        return lambda at: set_risk(at, symbol, liquidation_fee=fee)

    def status(status: str) -> Change:
        return lambda at: set_futures_status(at, symbol, status)

    with operator(exchange) as (reference, engine):
        slow = Overtaken(engine.client)
        first, second = OperatorContext(slow, reference), OperatorContext(engine, reference)

        def overtake(late: Change, meanwhile: Change) -> None:
            slow.meanwhile = lambda: meanwhile(second)
            late(first)

        overtake(brackets(CAPS[0]), brackets(CAPS[1]))
        assert shown_risk(exchange, symbol) == (CAPS[1], 12_500)
        overtake(fee("0.01"), fee("0.02"))
        assert shown_risk(exchange, symbol) == (CAPS[1], 20_000)
        overtake(brackets(CAPS[0]), fee("0.03"))  # neither takes the other back
        assert shown_risk(exchange, symbol) == (CAPS[0], 30_000)
        overtake(fee("0.04"), brackets(CAPS[1]))
        assert shown_risk(exchange, symbol) == (CAPS[1], 40_000)
        overtake(status("halted"), status("listed"))
        assert Catalog(reference.facts()).futures[symbol].status is MarketStatus.LISTED
        overtake(brackets(CAPS[0]), status("halted"))  # one change of each kind: neither takes the other back
        assert Catalog(reference.facts()).futures[symbol].status is MarketStatus.HALTED
        assert shown_risk(exchange, symbol) == (CAPS[0], 40_000)
        market = Catalog(reference.facts()).futures[symbol]
        assert engine.ask(MarketReply, engine.market_shard(market), GetMarket(market.number)).market == market
        spot = next(iter(Catalog(reference.facts()).spot))
        overtake(lambda at: set_spot_status(at, spot, "halted"), lambda at: set_spot_status(at, spot, "listed"))
        assert Catalog(reference.facts()).spot[spot].status is MarketStatus.LISTED


def test_another_reference_file_is_refused(exchange: Exchange, tmp_path: Path) -> None:
    """One that is whole in itself, with its mark, but counts otherwise than the journals do.

    The last of all: this exchange serves nobody any more. The one it was before is as the tests above have left it.
    """
    other = Folder.open(tmp_path / "other", 2)
    with operator(exchange) as (reference, _):
        facts = reference.facts()
    exchange.stop()
    assert verify_folder(exchange.folder) == []
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
    until(lambda: exchange.log().count("will not be restarted: its data needs attention") >= 2, 30, "refused")
    assert "asset USDT has 6 decimals in the journal, and 8 in the reference file" in exchange.log()
    assert exchange.call("GET", "/api/v1/spot/balances").status_code == 503
