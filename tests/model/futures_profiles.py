"""Profiles of random trading on a futures market, and the market for each."""

from typing import NamedTuple

from msgspec.structs import replace

from shards.model.brackets import MILLION, RiskTerms, make_brackets
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product


class Profile(NamedTuple):
    """A profile. Weights are relative, shares are of new orders; amounts in units, prices in ticks."""

    accounts: int
    middle: int
    reach: int  # maximum distance of prices from the middle
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
    apart: int = 2_000  # millionths: reach of market orders, and where protected triggers wait


PROFILES = {
    "makers_and_takers": Profile(7, 5_000, 20, 10**8, 10**9, 70, 8, 6, 15, 1, 2, 0.1, 0.05),
    "triggers": Profile(5, 5_000, 25, 10**9, 10**10, 45, 40, 5, 6, 4, 1, 0.15, 0.35),
    "modifies_and_reduces": Profile(5, 1_000, 12, 10**8, 2 * 10**9, 40, 12, 40, 5, 1, 1, 0.45, 0.2, 5_000),
    "little_money": Profile(5, 5_000, 200, 2 * 10**4, 2 * 10**7, 60, 15, 15, 4, 3, 2, 0.6, 0.15, 15_000),
    "small_prices": Profile(6, 20, 6, 5 * 10**4, 10**6, 50, 15, 12, 8, 6, 12, 0.15, 0.15, 120_000),
}


def make_risk_terms(profile: Profile, tightness: int = 1) -> RiskTerms:
    """Some of the prices exceed the first bracket's ratio; positions reach all three brackets."""
    ratio = band_of(profile) // 8
    leverage = min(125, 500_000 // ratio)
    caps = (profile.position_max // each // tightness for each in (8, 2, 1))
    terms = zip(caps, (leverage, leverage // 3, 1), (ratio, 2 * ratio, 3 * ratio), strict=True)
    return RiskTerms(make_brackets(terms))


def band_of(profile: Profile) -> int:
    """Around the mark price, in millionths: most of the prices are within it."""
    return profile.reach * 8 * MILLION // (10 * profile.middle)


def make_futures_market(profile: Profile, *, risk: bool = False) -> Market:
    """A lot at one tick costs 7 units, so that most divisions leave a remainder; fees 2 and 5 bps."""
    terms = FuturesTerms(
        max_notional=7 * 250 * profile.middle,
        max_position_notional=profile.position_max,
        min_leverage=1,
        max_leverage=125,
        default_leverage=100 if profile.funds < 5 * 10**4 < profile.position_max // 100 else 20,
        maint_margin_ratio=5_000,
        trigger_protect=profile.apart,
        market_take_bound=band_of(profile) if risk else profile.apart,
    )
    steps = 8, 6, 7, 3, 1, 3
    smallest = 7 * 2 * profile.middle
    market = Market(1, Product.FUTURES, "BTCUSDT", "BTC", "USDT", *steps, smallest, 2, 5, MarketStatus.LISTED, terms)
    return replace(market, risk=make_risk_terms(profile)) if risk else market
