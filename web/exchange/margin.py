"""Derived figures of an account's futures wallet and its positions. Amounts in USDT's smallest unit."""

from collections.abc import Iterable
from math import ceil, floor
from typing import Final, NamedTuple

from shards.clock import now_ms
from shards.model.brackets import liquidation_notional, maintenance
from shards.model.decimals import ceil_div, format_plain
from shards.model.markets import Market
from shards.model.positions import MarketMargin
from shards.model.queries import GetMargin
from shards.model.replies import MarginReply
from web.exchange.catalog import Catalog
from web.exchange.gateway import ExchangeGateway
from web.http.formats import FINER_DECIMALS, format_average

_RATIO_DECIMALS: Final = 4


class Funds(NamedTuple):
    """A futures wallet and the sums over its markets."""

    wallet: int  # negative after losses beyond the balance
    unrealized: int
    position_margin: int
    order_margin: int  # held for open orders
    maintenance: int
    available: int
    updated_ms: int

    @property
    def equity(self) -> int:
        """The wallet balance with unrealized profit."""
        return self.wallet + self.unrealized


class Holding(NamedTuple):
    """An account's position and open orders in one market."""

    market: Market
    own: MarketMargin
    mark: int  # ticks; 0 while there is none, or without a position

    @property
    def unrealized(self) -> int:
        """The position's profit at the mark price."""
        return self.own.position.unrealized(self.mark * self.market.tick_lot_units)

    @property
    def entry_price(self) -> str:
        """Cost ÷ size: after a reduction the cost need not be a whole number of ticks × lots."""
        position = self.own.position
        return format_average(self.market, position.cost, abs(position.amount) * self.market.tick_lot_units)

    @property
    def notional(self) -> int:
        """The position's value at the mark price, negative for a short one."""
        return self.own.position.amount * self.mark * self.market.tick_lot_units

    @property
    def maintenance(self) -> int:
        """The position's maintenance margin; 0 in a market without risk terms."""
        return 0 if self.market.risk is None else maintenance(self.market.brackets, abs(self.notional))

    @property
    def leverage(self) -> int:
        """Leverage of future orders."""
        return leverage_of(self.market, self.own)

    @property
    def is_used(self) -> bool:
        """Whether there is a position, or an open order that could add to one."""
        own = self.own
        return bool(own.position.amount or own.hold or own.bid_value or own.ask_value)


def leverage_of(market: Market, own: MarketMargin) -> int:
    """The account's leverage in this market, else the market's default."""
    assert market.futures is not None, "a futures market has its terms"
    return min(own.leverage or market.futures.default_leverage, market.brackets[0].max_leverage)


def ask_margin(gateway: ExchangeGateway, account: str) -> MarginReply:
    """The account's margin, from its account shard; raises EngineRejected."""
    return gateway.ask(MarginReply, gateway.account_shard(account), GetMargin(account))


def sum_up(reply: MarginReply, catalog: Catalog) -> Funds:
    """Totals of the wallet. A wallet that never changed gets the current time."""
    held = reply.margin.markets.items()
    holdings = list_holdings(reply, catalog.futures.values())
    return Funds(
        wallet=reply.margin.wallet,
        unrealized=sum(own.position.unrealized(reply.marks.get(market, 0)) for market, own in held),
        position_margin=sum(own.position.margin for _, own in held),
        order_margin=sum(own.hold for _, own in held),
        maintenance=sum(holding.maintenance for holding in holdings),
        available=max(0, reply.free),
        updated_ms=reply.margin.updated_ms or now_ms(),
    )


def list_holdings(reply: MarginReply, markets: Iterable[Market]) -> list[Holding]:
    """The account's holding in each of these markets, empty ones included."""
    return [
        Holding(
            market,
            reply.margin.markets.get(market.number) or MarketMargin(),
            reply.marks.get(market.number, 0) // market.tick_lot_units,
        )
        for market in markets
    ]


def liquidation_price(holding: Holding, funds: Funds) -> int:
    """The price at which equity equals the maintenance margin, all other prices unchanged.

    In 10^-8 ticks, rounded toward liquidation; 0 if there is none.
    """
    market, position = holding.market, holding.own.position
    if market.risk is None or not position.amount:
        return 0
    rest = funds.equity - holding.unrealized - (funds.maintenance - holding.maintenance)
    sign = 1 if position.amount > 0 else -1
    found = liquidation_notional(market.brackets, sign, position.cost, rest)
    if found is None:
        return 0
    ticks = found * 10**FINER_DECIMALS / (abs(position.amount) * market.tick_lot_units)
    return floor(ticks) if sign > 0 else ceil(ticks)


def format_margin_ratio(funds: Funds) -> str | None:
    """Maintenance margin ÷ equity, rounded up to 4 decimals, so that a value below 1 is never at risk.

    "0" without maintenance margin; otherwise None if no equity is left.
    """
    if not funds.maintenance:
        return "0"
    if funds.equity <= 0:
        return None
    return format_plain(ceil_div(funds.maintenance * 10**_RATIO_DECIMALS, funds.equity), _RATIO_DECIMALS)


def format_usdt(units: int, catalog: Catalog) -> str:
    """An amount of the margin asset; without that asset, every amount is 0."""
    asset = catalog.margin_asset
    return format_plain(units, asset.decimals) if asset else "0"
