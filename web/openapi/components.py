"""The types of responses, by the names that the parts of the documents call them."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from web.exchange.balances import BalanceView
from web.exchange.candles import TickerView
from web.exchange.status import ShardView, StatusView
from web.futures.account import account, position_views
from web.futures.account.leverage import BracketsView, ConfigView, LeverageView
from web.futures.account.listen_key import ListenKeyView
from web.futures.account.modes import AssetModeView, CommissionView, DoneView, PositionModeView
from web.futures.call import errors
from web.futures.call.empty_view import EmptyView
from web.futures.market_data import market_views, tickers
from web.futures.market_data.info import ExchangeView, SymbolView, TimeView
from web.futures.orders import algo, order_views, own_trades
from web.futures.orders.cancel import AllCanceledView, CountdownView
from web.http.errors import ErrorView
from web.monitoring import health
from web.operator import keys
from web.operator import views as operator
from web.operator.account_view import AccountView
from web.spot import lists, orders, transfer
from web.spot import market_data as spot_market
from web.spot import views as spot

SPOT: Final[Mapping[str, type[Struct]]] = {
    "AccountState": AccountView,
    "Balance": BalanceView,
    "Balances": lists.BalancesView,
    "CanceledOrders": orders.AllCanceledView,
    "Changed": operator.ChangedView,
    "CreatedKey": keys.CreatedView,
    "Depth": spot_market.DepthView,
    "Engine": spot_market.EngineView,
    "Error": ErrorView,
    "Fill": spot.FillView,
    "FuturesRisk": operator.RiskView,
    "FuturesStatus": operator.FuturesStatusView,
    "Key": keys.KeyView,
    "Live": health.LiveView,
    "MarkPriceSet": operator.MarkPriceView,
    "NewSpotMarket": operator.SpotMarketView,
    "OrderFields": spot.OrderView,
    "OwnTrade": spot.OwnTradeView,
    "Paid": operator.PaidView,
    "PlacedOrder": spot.PlacedView,
    "Ready": health.ReadyView,
    "RevokedKey": keys.RevokedView,
    "ShardState": ShardView,
    "SpotMarket": spot_market.MarketView,
    "SpotStatus": operator.SpotStatusView,
    "Status": StatusView,
    "Ticker": TickerView,
    "Token": spot_market.TokenView,
    "Tokens": spot_market.TokensView,
    "Trade": spot.TradeView,
    "Trading": operator.TradingView,
    "Transferred": transfer.TransferView,
    "Unready": health.UnreadyView,
}
FUTURES: Final[Mapping[str, type[Struct]]] = {
    "Account": account.AccountView,
    "AccountAsset": account.AssetView,
    "AccountPosition": position_views.PositionView,
    "AggregatedTrade": market_views.AggregatedView,
    "AlgoOrder": order_views.AlgoView,
    "AllCanceled": AllCanceledView,
    "AssetMode": AssetModeView,
    "BookTicker": tickers.BookView,
    "CanceledAlgo": algo.CanceledView,
    "Commission": CommissionView,
    "Countdown": CountdownView,
    "DayTicker": tickers.DayView,
    "Depth": market_views.DepthView,
    "Done": DoneView,
    "Empty": EmptyView,
    "Error": errors.ErrorView,
    "ExchangeInfo": ExchangeView,
    "FuturesBalance": account.BalanceView,
    "Income": own_trades.IncomeView,
    "Leverage": LeverageView,
    "LeverageBrackets": BracketsView,
    "ListenKey": ListenKeyView,
    "MarkPrice": tickers.PremiumView,
    "Market": SymbolView,
    "Order": order_views.OrderView,
    "OrderFields": order_views.CancelView,
    "OwnTrade": own_trades.FillView,
    "Position": position_views.RiskView,
    "PositionMode": PositionModeView,
    "PriceTicker": tickers.PriceView,
    "ServerTime": TimeView,
    "SymbolConfig": ConfigView,
    "Trade": market_views.TradeView,
}
