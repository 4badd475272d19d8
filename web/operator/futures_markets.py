"""The operator's actions on futures markets. Raises as :mod:`web.operator.actions` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from shards.model.brackets import LIQUIDATION_FEE, RiskChange, RiskTerms
from shards.model.commands import SetMarkPrice, SetRisk
from shards.model.decimals import Decimal, count_steps
from shards.model.markets import FuturesTerms, Market, Product
from shards.model.queries import GetOpenInterest
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, MarketReply
from storage.reference import Asset
from web.exchange.catalog import MARGIN_ASSET, Catalog
from web.exchange.limits import PRICE_MAX
from web.exchange.mark_prices import marks_of
from web.http.amounts import DecimalText, count_units, read_amount
from web.http.errors import Problem, invalid, spot_problem
from web.http.formats import RATIO_DECIMALS, format_price, format_ratio
from web.http.parse import is_name
from web.operator.actions import (
    FEE_BPS_MAX,
    OperatorContext,
    check_steps,
    open_market,
    put_in_force,
    require,
    set_market_status,
)
from web.operator.bracket_rows import BracketRow, rows_of, to_brackets
from web.operator.limits import LEVERAGE_MAX, LIQUIDATION_FEE_MAX, NOTIONAL_MAX

MAX_POSITION_NOTIONAL: Final = 100_000_000  # USDT; this and the next are the defaults
MAINT_MARGIN_RATIO: Final = "0.005"
_LIQUIDATION_FEE: Final = format_ratio(LIQUIDATION_FEE)
_RATIO_MAX: Final = 10**RATIO_DECIMALS  # millionths


@dataclass(frozen=True)
class FuturesMarketTerms:
    """Terms of a new futures market; amounts in USDT."""

    symbol: str
    base_asset: str
    tick_size: DecimalText
    lot_size: DecimalText
    min_notional: DecimalText
    maker_fee_bps: int
    taker_fee_bps: int
    max_notional: DecimalText = "10000000"  # of one order
    max_position_notional: int | None = None  # this and the next two: a single bracket
    min_leverage: int = 1
    max_leverage: int | None = None
    default_leverage: int = 20
    maint_margin_ratio: DecimalText | None = None
    trigger_protect: DecimalText = "0.05"
    market_take_bound: DecimalText = "0.05"
    mark_price: DecimalText | None = None  # None: follows the last trade
    brackets: Sequence[BracketRow] | None = None  # None: one bracket of the three fields above
    liquidation_fee: DecimalText = _LIQUIDATION_FEE


class MarketRisk(NamedTuple):
    """The state and risk terms of a futures market; decimal texts."""

    market: Market
    mark_price: str | None
    open_interest: str
    liquidation_fee: str | None  # None without risk terms


def add_futures_market(context: OperatorContext, terms: FuturesMarketTerms) -> Market:
    """Open a futures market against USDT; it is listed when this returns.

    Raises ``invalid <field>``, MARKET_EXISTS, UNKNOWN_ASSET, INVALID_TICK, INVALID_LOT.
    """
    mark_price = _read_mark_price(terms.mark_price, "mark_price")
    market = _make_market(context.catalog(), terms)
    return open_market(context, market, _count_ticks(mark_price, market))


def set_futures_status(context: OperatorContext, symbol: str, status: str) -> Market:
    """List, halt or delist a futures market.

    Raises INVALID_STATUS, MARKET_NOT_FOUND, MARKET_DELISTED, POSITIONS_OPEN.
    """
    return set_market_status(context, context.catalog().futures, symbol, status)


def find_market(catalog: Catalog, symbol: str) -> Market:
    """The futures market with that symbol; raises MARKET_NOT_FOUND."""
    market = catalog.futures.get(symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_MARKET)
    return market


def set_risk(
    context: OperatorContext,
    symbol: str,
    brackets: Sequence[BracketRow] | None = None,
    liquidation_fee: str | None = None,
) -> Market:
    """Change a futures market's risk terms from now on; None: unchanged. Open orders keep their holds.

    A market of an older data folder gets risk terms this way, with its single bracket if none are given. Raises
    ``invalid brackets``, also if nothing is given, ``invalid liquidation_fee``, MARKET_NOT_FOUND, MARKET_DELISTED.
    """
    require(brackets is not None or liquidation_fee is not None, "brackets")
    fee = None if liquidation_fee is None else _read_fee(liquidation_fee)
    market = find_market(context.catalog(), symbol)
    rows = rows_of(market) if brackets is None else brackets
    band = market.futures.market_take_bound if market.futures is not None else 0
    checked = to_brackets(rows, market.quote_decimals, band=band)
    command = SetRisk(market.number, RiskChange(None if brackets is None else checked, fee))
    in_force = context.gateway.ask(MarketReply, context.gateway.market_shard(market), command).market
    put_in_force(context, in_force)
    return in_force


def read_risk(context: OperatorContext, symbol: str) -> MarketRisk:
    """The state and risk terms of a futures market. Raises MARKET_NOT_FOUND."""
    market = find_market(context.catalog(), symbol)
    mark = marks_of(context.gateway, [market])[market.number]
    lots = context.gateway.ask(CountReply, context.gateway.market_shard(market), GetOpenInterest(market.number)).count
    return MarketRisk(
        market,
        format_price(market, mark) if mark else None,
        market.format_quantity(lots),
        format_ratio(market.risk.liquidation_fee) if market.risk is not None else None,
    )


def set_mark_price(context: OperatorContext, symbol: str, price: str | None) -> str | None:
    """Set a futures market's mark price, a decimal text; None: follow the last trade again. Returns what was set.

    All triggers that became due have fired when this returns. Raises ``invalid price``, MARKET_NOT_FOUND, INVALID_TICK,
    MARKET_DELISTED.
    """
    value = _read_mark_price(price, "price")
    market = find_market(context.catalog(), symbol)
    ticks = _count_ticks(value, market)
    context.gateway.ask(MarketReply, context.gateway.market_shard(market), SetMarkPrice(market.number, ticks))
    return format_price(market, ticks) if ticks else None


def _make_market(catalog: Catalog, terms: FuturesMarketTerms) -> Market:
    """A market with these terms, not yet numbered."""
    require(is_name(terms.symbol), "symbol")
    require(is_name(terms.base_asset) and terms.base_asset != MARGIN_ASSET, "base_asset")
    tick = read_amount(terms.tick_size, "tick_size")
    lot = read_amount(terms.lot_size, "lot_size")
    min_notional = _read_notional(terms.min_notional, "min_notional")
    require(0 <= terms.maker_fee_bps <= FEE_BPS_MAX, "maker_fee_bps")
    require(0 <= terms.taker_fee_bps <= FEE_BPS_MAX, "taker_fee_bps")
    max_notional = _read_notional(terms.max_notional, "max_notional")
    rows = _read_brackets(terms)
    _check_bounds(terms, rows)
    fee = _read_fee(terms.liquidation_fee)
    if terms.symbol in catalog.futures:
        raise spot_problem(RejectReason.MARKET_EXISTS)
    base, quote = catalog.assets.get(terms.base_asset), catalog.margin_asset
    if base is None or quote is None:
        raise Problem(400, "UNKNOWN_ASSET")
    check_steps(tick, lot, base, quote)
    least, most = count_units(min_notional, quote, "min_notional"), count_units(max_notional, quote, "max_notional")
    require(0 < most >= least, "max_notional")
    own = _make_terms(terms, rows, quote, most)
    name = "brackets" if terms.brackets is not None else "maint_margin_ratio"
    return Market(
        number=0,
        product=Product.FUTURES,
        symbol=terms.symbol,
        base=base.symbol,
        quote=quote.symbol,
        base_decimals=base.decimals,
        quote_decimals=quote.decimals,
        tick_digits=tick.digits,
        price_decimals=tick.decimals,
        lot_digits=lot.digits,
        lot_decimals=lot.decimals,
        min_notional=least,
        maker_fee_bps=terms.maker_fee_bps,
        taker_fee_bps=terms.taker_fee_bps,
        futures=own,
        risk=RiskTerms(to_brackets(rows, quote.decimals, name, own.market_take_bound), fee),
    )


def _read_brackets(terms: FuturesMarketTerms) -> Sequence[BracketRow]:
    """The given brackets, or the single one that the other terms define."""
    if terms.brackets is not None:
        given = terms.max_position_notional, terms.max_leverage, terms.maint_margin_ratio
        require(given == (None, None, None), "brackets")
        to_brackets(terms.brackets, 0)  # here, to keep the order of checks; whole units are valid with any decimals
        return terms.brackets
    cap = MAX_POSITION_NOTIONAL if terms.max_position_notional is None else terms.max_position_notional
    leverage = LEVERAGE_MAX if terms.max_leverage is None else terms.max_leverage
    ratio = MAINT_MARGIN_RATIO if terms.maint_margin_ratio is None else terms.maint_margin_ratio
    require(1 <= cap <= NOTIONAL_MAX, "max_position_notional")
    require(1 <= leverage <= LEVERAGE_MAX, "max_leverage")
    return [(cap, leverage, ratio)]


def _check_bounds(terms: FuturesMarketTerms, rows: Sequence[BracketRow]) -> None:
    most = rows[0][1]
    require(1 <= terms.min_leverage <= most, "min_leverage")
    require(terms.min_leverage <= terms.default_leverage <= most, "default_leverage")


def _make_terms(terms: FuturesMarketTerms, rows: Sequence[BracketRow], quote: Asset, max_notional: int) -> FuturesTerms:
    """The brackets' values are repeated here, as far as single numbers can express them."""
    name = "brackets" if terms.brackets is not None else "maint_margin_ratio"
    return FuturesTerms(
        max_notional=max_notional,
        max_position_notional=rows[-1][0] * 10**quote.decimals,
        min_leverage=terms.min_leverage,
        max_leverage=rows[0][1],
        default_leverage=terms.default_leverage,
        maint_margin_ratio=_read_ratio(rows[0][2], name),
        trigger_protect=_read_ratio(terms.trigger_protect, "trigger_protect"),
        market_take_bound=_read_ratio(terms.market_take_bound, "market_take_bound"),
    )


def _read_mark_price(text: str | None, name: str) -> Decimal | None:
    return None if text is None else read_amount(text, name)


def _count_ticks(price: Decimal | None, market: Market) -> int:
    """A mark price in ticks, 0 for none. Raises INVALID_TICK."""
    if price is None:
        return 0
    ticks = count_steps(price, market.tick)
    if not ticks or price.digits > PRICE_MAX * 10**price.decimals:
        raise Problem(400, "INVALID_TICK")
    return ticks


def _read_notional(text: str, name: str) -> Decimal:
    value = read_amount(text, name)
    require(value.digits <= NOTIONAL_MAX * 10**value.decimals, name)
    return value


def _read_fee(text: str) -> int:
    fee = _read_ratio(text, "liquidation_fee")
    require(fee < LIQUIDATION_FEE_MAX, "liquidation_fee")
    return fee


def _read_ratio(text: str, name: str) -> int:
    """A ratio below 1 in millionths."""
    millionths = count_steps(read_amount(text, name), Decimal(1, RATIO_DECIMALS))
    if millionths is None or millionths >= _RATIO_MAX:
        raise invalid(name)
    return millionths
