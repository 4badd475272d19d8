"""What an account's futures wallet comes to, and what it has in each market. Amounts in USDT's smallest unit."""

from collections.abc import Iterable
from typing import NamedTuple

from shards.clock import now_ms
from shards.markets import Market
from shards.messages import GetMargin, MarginReply
from shards.positions import MarketMargin
from shards.units import format_plain
from web.catalog import Catalog
from web.engine import Engine


class Funds(NamedTuple):
    """A futures wallet and the sums over its markets."""

    wallet: int  # negative after losses beyond it
    unrealised: int
    position_margin: int
    order_margin: int  # holds
    available: int
    updated_ms: int


class Holding(NamedTuple):
    """What an account has in one market."""

    market: Market
    own: MarketMargin
    mark: int  # ticks; 0 while there is none, or without a position

    @property
    def unrealised(self) -> int:
        """The position's profit at the mark price."""
        return self.own.position.unrealised(self.mark * self.market.tick_lot_units)

    @property
    def notional(self) -> int:
        """The position's value at the mark price, negative for a short one."""
        return self.own.position.amount * self.mark * self.market.tick_lot_units

    @property
    def leverage(self) -> int:
        """Of the orders placed from now on."""
        return leverage_of(self.market, self.own)

    @property
    def is_used(self) -> bool:
        """Whether there is a position, or an open order that counts towards one."""
        own = self.own
        return bool(own.position.amount or own.hold or own.bid_value or own.ask_value)


def leverage_of(market: Market, own: MarketMargin) -> int:
    """What the account has set in this market, else what the market begins with."""
    assert market.futures is not None, "a futures market has its terms"
    return own.leverage or market.futures.default_leverage


def ask_margin(engine: Engine, account: str) -> MarginReply:
    """The account's margin, from its home shard; raises EngineRefusal."""
    return engine.ask(MarginReply, engine.home(account), GetMargin(account))


def sum_up(reply: MarginReply) -> Funds:
    """The wallet as a whole. One that never changed is as of now."""
    held = reply.margin.markets.items()
    return Funds(
        wallet=reply.margin.wallet,
        unrealised=sum(own.position.unrealised(reply.marks.get(market, 0)) for market, own in held),
        position_margin=sum(own.position.margin for _, own in held),
        order_margin=sum(own.hold for _, own in held),
        available=max(0, reply.free),
        updated_ms=reply.margin.updated_ms or now_ms(),
    )


def list_holdings(reply: MarginReply, markets: Iterable[Market]) -> list[Holding]:
    """What the account has in each of these markets, also where that is nothing."""
    return [
        Holding(
            market,
            reply.margin.markets.get(market.number) or MarketMargin(),
            reply.marks.get(market.number, 0) // market.tick_lot_units,
        )
        for market in markets
    ]


def format_usdt(units: int, catalog: Catalog) -> str:
    """An amount of the margin asset; before there is one, nobody has any."""
    asset = catalog.margin_asset
    return format_plain(units, asset.decimals) if asset else "0"
