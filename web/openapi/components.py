"""The types of responses, by the names of their schemas."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from web.exchange.balances import BalanceView
from web.exchange.candles import TickerView
from web.exchange.status import ShardView
from web.futures.account import account, position_views
from web.futures.account.leverage import BracketsView
from web.futures.account.listen_key import ListenKeyView
from web.futures.account.modes import DoneView
from web.futures.call import errors
from web.futures.market_data import market_views, tickers
from web.futures.market_data.info import SymbolView
from web.futures.orders import order_views, own_trades
from web.futures.orders.cancel import AllCanceledView
from web.http.errors import ErrorView
from web.operator.account_view import AccountView
from web.operator.http import PaidView
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
FUTURES: Final[Mapping[str, type[Struct]]] = {
    "Account": account.AccountView,
    "AccountAsset": account.AssetView,
    "AccountPosition": position_views.PositionView,
    "AggregatedTrade": market_views.AggregatedView,
    "AlgoOrder": order_views.AlgoView,
    "AllCanceled": AllCanceledView,
    "BookTicker": tickers.BookView,
    "DayTicker": tickers.DayView,
    "Done": DoneView,
    "Error": errors.ErrorView,
    "FuturesBalance": account.BalanceView,
    "Income": own_trades.IncomeView,
    "LeverageBrackets": BracketsView,
    "ListenKey": ListenKeyView,
    "MarkPrice": tickers.PremiumView,
    "Market": SymbolView,
    "Order": order_views.OrderView,
    "OrderFields": order_views.CancelView,
    "OwnTrade": own_trades.FillView,
    "Position": position_views.RiskView,
    "PriceTicker": tickers.PriceView,
    "Trade": market_views.TradeView,
}
