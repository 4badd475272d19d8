"""What kind of day it is on a futures market, and the market for it."""

from typing import NamedTuple

from shards.markets import FuturesTerms, Market, MarketStatus, Product


class Profile(NamedTuple):
    """What kind of day it is. Weights are relative, shares of new orders; money in units, prices in ticks."""

    accounts: int
    middle: int
    reach: int  # prices lie so far around the middle
    funds: int
    position_max: int
    place: int
    trigger: int
    modify: int
    cancel: int
    mark: int
    leverage: int
    reduce: float
    attach: float
    apart: int = 2_000  # millionths: how far market orders take, and where protected triggers wait


PROFILES = {
    "makers_and_takers": Profile(7, 5_000, 20, 10**8, 10**9, 70, 8, 6, 15, 1, 2, 0.1, 0.05),
    "triggers": Profile(5, 5_000, 25, 10**9, 10**10, 45, 40, 5, 6, 4, 1, 0.15, 0.35),
    "modifies_and_reduces": Profile(5, 1_000, 12, 10**8, 2 * 10**9, 40, 12, 40, 5, 1, 1, 0.45, 0.2, 5_000),
    "small_prices": Profile(6, 20, 6, 5 * 10**4, 10**6, 50, 15, 12, 8, 6, 12, 0.15, 0.15, 120_000),
}


def make_futures_market(profile: Profile) -> Market:
    """A lot at one tick costs 7 units, so that most divisions leave a rest; fees 2 and 5 bps."""
    terms = FuturesTerms(
        max_notional=7 * 250 * profile.middle,
        max_position_notional=profile.position_max,
        min_leverage=1,
        max_leverage=125,
        default_leverage=20,
        maint_margin_ratio=5_000,
        trigger_protect=profile.apart,
        market_take_bound=profile.apart,
    )
    places = 8, 6, 7, 3, 1, 3
    smallest = 7 * 2 * profile.middle
    return Market(1, Product.FUTURES, "BTCUSDT", "BTC", "USDT", *places, smallest, 2, 5, MarketStatus.LISTED, terms)
