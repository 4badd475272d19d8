"""The futures markets of the simulation: with and without risk terms, some opened during the run."""

from msgspec.structs import replace

from shards.model.brackets import RiskChange, RiskTerms, make_brackets
from shards.model.markets import FuturesTerms, Market, MarketStatus, Product

MIDDLE, REACH = 5_000, 20  # ticks
TICK_UNITS = 7  # cost of a lot at one tick
TERMS = FuturesTerms(
    max_notional=7 * 250 * MIDDLE,
    max_position_notional=10**8,
    min_leverage=1,
    max_leverage=125,
    default_leverage=20,
    maint_margin_ratio=5_000,
    trigger_protect=2_000,
    market_take_bound=2_000,
)
BAND = 4_000  # millionths: all prices around the middle, but not all around a mark price that has moved
RISKS = [
    RiskTerms(make_brackets(rows))
    for rows in (
        [(2 * 10**7, 125, 1_000), (5 * 10**7, 50, 2_000), (10**8, 20, 4_000)],
        [(10**7, 50, 1_500), (10**8, 10, 3_000)],
        [(10**8, 100, 500)],
        [(10**8, 20, 20_000)],  # puts most existing positions at risk
    )
]
CHANGES = [RiskChange(terms.brackets, fee) for terms, fee in zip(RISKS, (None, 0, 20_000, None), strict=True)]


def make_futures_market(number: int, symbol: str, *, risk: bool) -> Market:
    """A lot at one tick costs 7 units, so that most divisions leave a remainder; fees 2 and 5 bps."""
    units = 8, 6, 7, 3, 1, 3
    facts = 70_000, 2, 5, MarketStatus.LISTED, TERMS
    market = Market(number, Product.FUTURES, symbol, symbol[:-4], "USDT", *units, *facts)
    if risk:
        return replace(market, futures=replace(TERMS, market_take_bound=BAND), risk=RISKS[0])
    return market


def make_futures_markets() -> tuple[list[Market], list[Market]]:
    """(markets to trade on, markets where nobody sells); their symbols are on different shards."""
    trading, quiet = ("BTCUSDT", "SOLUSDT", "DFUSDT"), ("TUVUSDT", "XYZUSDT", "ETHUSDT")
    markets = [
        make_futures_market(number, symbol, risk=symbol not in ("SOLUSDT", "XYZUSDT"))
        for number, symbol in enumerate(trading + quiet, 2_001)
    ]
    return markets[: len(trading)], markets[len(trading) :]
