"""The types that answers are made of, by the names of their schemas."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from web.exchange.balances import BalanceView
from web.exchange.candles import TickerView
from web.exchange.status import ShardView
from web.http.errors import ErrorView
from web.operator.http import AccountView, PaidView
from web.spot import market_data as spot_market
from web.spot import views as spot

SPOT: Final[Mapping[str, type[Struct]]] = {
    "AccountState": AccountView,
    "Balance": BalanceView,
    "Error": ErrorView,
    "Fill": spot.FillView,
    "OrderFields": spot.OrderView,
    "OwnTrade": spot.OwnTradeView,
    "Paid": PaidView,
    "PlacedOrder": spot.PlacedView,
    "ShardState": ShardView,
    "SpotMarket": spot_market.MarketView,
    "Ticker": TickerView,
    "Token": spot_market.TokenView,
    "Trade": spot.TradeView,
}
FUTURES: Final[Mapping[str, type[Struct]]] = {}
