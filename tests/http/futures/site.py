"""The application in this process, over an engine that knows some trades and levels by heart."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from email.message import Message
from pathlib import Path
from typing import Any, Final, cast

from cryptography.fernet import Fernet

from shards.ipc.client import Client
from shards.model.candles import ONE_SPAN_MS, fold, limit_candles
from shards.model.commands import Command
from shards.model.ids import make_number
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product
from shards.model.orders import Side, Trade
from shards.model.queries import GetCandles, GetDepth, GetPrices, GetTickers, MarketTrades, Query
from shards.model.reasons import RejectReason
from shards.model.replies import (
    CandlesReply,
    DepthReply,
    PricesReply,
    Rejected,
    Reply,
    Ticker,
    TickersReply,
    TradesReply,
)
from storage.reference import Asset, Reference
from tests.http.futures.caller import Answer, Caller
from web.app import make_app
from web.exchange.catalog import CatalogSource, encode_market
from web.exchange.gateway import ExchangeGateway
from web.http.tokens import Tokens
from web.ratelimit.budget import Budget
from web.services import Services
from web.settings import load_web_settings
from web.wrong_keys import WrongKeys

Message_ = Command | Query

IP: Final = "192.0.2.1"

TERMS: Final = FuturesTerms(
    max_notional=10**13,
    max_position_notional=10**14,
    min_leverage=1,
    max_leverage=125,
    default_leverage=20,
    maint_margin_ratio=5_000,
    trigger_protect=50_000,
    market_take_bound=50_000,
)


def make_market(number: int, symbol: str, product: Product = Product.FUTURES, **changes: Any) -> Market:
    """Tick 0.1, lot 0.001, at least 10 USDT."""
    facts: dict[str, Any] = {
        "number": number,
        "product": product,
        "symbol": symbol,
        "base": symbol.removesuffix("USDT"),
        "quote": "USDT",
        "base_decimals": 8,
        "quote_decimals": 6,
        "tick_digits": 1,
        "price_decimals": 1,
        "lot_digits": 1,
        "lot_decimals": 3,
        "min_notional": 10 * 10**6,
        "maker_fee_bps": 2,
        "taker_fee_bps": 5,
        "futures": TERMS if product is Product.FUTURES else None,
    }
    return Market(**{**facts, **changes})


BTC: Final = make_market(1, "BTCUSDT")
SPOT: Final = make_market(2, "BTCUSDT", Product.SPOT)
SPOT_ONLY: Final = make_market(3, "DFUSDT", Product.SPOT)
ETH: Final = make_market(4, "ETHUSDT", status=MarketStatus.HALTED)
SOL: Final = make_market(5, "SOLUSDT", status=MarketStatus.DELISTED)


def make_trade(market: Market, sequence: int, price: int, quantity: int, side: Side, time_ms: int) -> Trade:
    return Trade(
        id=make_number(market.number, sequence),
        market=market.number,
        price=price,
        quantity=quantity,
        taker_side=side,
        maker_order=make_number(market.number, 1),
        taker_order=make_number(market.number, 2),
        maker_account="alice",
        taker_account="bob",
        maker_fee=0,
        taker_fee=0,
        time_ms=time_ms,
    )


class FakeClient:
    """One shard and an archive: the older trades are in the archive, the newer ones in the shard."""

    shard_count = 1

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.archived: list[Trade] = []
        self.unarchived: list[Trade] = []
        self.levels: dict[int, DepthReply] = {}
        self.fault: Exception | None = None
        self.refusal: RejectReason | None = None
        self.messages: list[Message_] = []

    def call(self, shard: int, message: Message_, deadline_ms: int = 0) -> Reply:
        self.messages.append(message)
        if self.fault is not None:
            raise self.fault
        if self.refusal is not None:
            return Rejected(self.refusal)
        if isinstance(message, GetDepth):
            return self.levels.get(message.market, DepthReply(0, [], []))
        if isinstance(message, GetPrices):
            prices = [trade.price for trade in (*self.archived, *self.unarchived) if trade.market == message.market]
            return PricesReply(prices[-1], prices[-1]) if prices else PricesReply(0, 0)
        return _answer(message, self.unarchived)

    def call_each(self, messages: Sequence[tuple[int, Message_]], deadline_ms: int = 0) -> list[Reply]:
        return [self.call(shard, message) for shard, message in messages]

    def ask_archive(self, query: Query, deadline_ms: int = 0) -> Reply:
        self.messages.append(query)
        return _answer(query, self.archived)


def _answer(message: Message_, trades: list[Trade]) -> Reply:
    if isinstance(message, MarketTrades):
        found = [
            trade
            for trade in reversed(trades)
            if trade.market == message.market and trade.time_ms >= message.start_ms and trade.id < message.before_id
        ]
        return TradesReply(found[: message.limit])
    if isinstance(message, GetTickers):
        return TickersReply([*_tickers(trades, message.before, message.start_ms)])
    assert isinstance(message, GetCandles), message
    own = [trade for trade in trades if trade.market == message.market and trade.id < message.before_id]
    inside = [trade for trade in own if message.start_ms <= trade.time_ms <= message.end_ms]
    candles = limit_candles(fold(inside, message.interval_ms), message)
    return CandlesReply(candles, own[0].id if own else 2**62)


def _tickers(trades: list[Trade], before: dict[int, int], start_ms: int) -> Iterator[Ticker]:
    for market, end in before.items():
        own = [trade for trade in trades if trade.market == market and trade.id < end]
        inside = fold((trade for trade in own if trade.time_ms >= start_ms), ONE_SPAN_MS)
        if own:
            yield Ticker(market, own[-1], inside[0] if inside else None, own[0].id)


class Site:
    """The application, its engine, and accounts with keys."""

    def __init__(
        self, path: Path, budget: Budget | None = None, client: FakeClient | None = None, **settings: Any
    ) -> None:
        """Wrong operator keys are answered without delay."""
        self.client = FakeClient() if client is None else client
        self.storage_key = Fernet.generate_key().decode()
        self.reference = Reference(path / "reference.sqlite", self.storage_key)
        for asset in (Asset("USDT", 6), Asset("BTC", 8), Asset("ETH", 18)):
            self.reference.add_asset(asset)
        for market in (BTC, SPOT, SPOT_ONLY, ETH, SOL):
            row = self.reference.reserve_market(market.product, market.symbol, 100)
            assert row is not None and row.number == market.number
            self.reference.put_market(row.number, encode_market(market))
        self.services = Services(
            settings=load_web_settings()._replace(**settings),
            gateway=ExchangeGateway(cast(Client, self.client)),
            reference=self.reference,
            catalogs=CatalogSource(self.reference),
            tokens=Tokens("0123456789abcdef" * 4, {}, "HS256"),
            admin_key=b"operator",
            wrong_keys=WrongKeys(lambda: None, wait_max_s=0.0),
            id_key=b"k" * 32,
            budget=budget,
        )
        self.app = make_app(self.services)
        self.ip = IP
        self.own = self.make_caller("alice")
        self.reader = self.make_caller("alice", "read")
        self.other = self.make_caller("bob")

    def reset(self) -> None:
        """As new, but for what is stored."""
        self.client.reset()
        self.ip = IP

    def make_caller(self, account: str, *permissions: str) -> Caller:
        made = self.reference.create_key(account, "", permissions or ("read", "trade"), 0, 100)
        assert made is not None
        return Caller(self.send, made.key, made.secret.decode())

    def get(self, target: str) -> Answer:
        """Without any key; ``target`` after ``/fapi``."""
        return self.send("GET", f"/fapi{target}", {}, b"")

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path, _, query = target.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.ip,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **{"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()},
        }
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
            started[:] = [int(status.split()[0]), headers]
            return lambda data: None

        content = b"".join(self.app.wsgi_app(environ, start_response))
        message = Message()
        for name, value in started[1]:
            message[name] = value
        return Answer(started[0], message, content)
