"""The operator's actions, shared by the operator API and the command line.

Every function raises Problem with the contract's status and text for what it rejects, EngineRejected for what the
engine rejects, and storage.reference.StorageFull when the disk is full.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from shards.clock import now_ms
from shards.limits import DEADLINE_BULK_MS, MARKET_NUMBER_MAX
from shards.model.brackets import RiskChange
from shards.model.commands import AddAsset, AddMarket, SetMarketStatus, SetMarkPrice, SetRisk
from shards.model.decimals import Decimal
from shards.model.markets import Market, MarketStatus, Product
from shards.model.queries import GetMarket
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, MarketReply
from storage.reference import ApiKey, Asset, Reference
from web.auth import READ, TRADE
from web.exchange.catalog import DISABLED, ENABLED, TRADING_SWITCH, Catalog, encode_market
from web.exchange.gateway import ExchangeGateway
from web.exchange.limits import PRICE_MAX, QUANTITY_MAX
from web.http.amounts import DecimalText, count_units, read_amount
from web.http.errors import EngineRejected, Problem, invalid, spot_problem
from web.http.parse import is_account, is_name
from web.http.tokens import LIFETIME_S_MAX, Tokens

DECIMALS_MAX: Final = 18
FEE_BPS_MAX: Final = 1_000
KEY_COUNT_MAX: Final = 20  # API keys of one account
LABEL_LENGTH_MAX: Final = 64  # characters
TEXT_LENGTH_MAX: Final = 2_048  # characters of an asset's image and contract


class OperatorContext(NamedTuple):
    """The services that operator actions need."""

    gateway: ExchangeGateway
    reference: Reference

    def catalog(self) -> Catalog:
        """The current catalog."""
        return Catalog(self.reference.facts())


@dataclass(frozen=True)
class MarketTerms:
    """Terms of a new spot market."""

    id: str
    base_token: str
    quote_token: str
    tick_size: DecimalText
    lot_size: DecimalText
    min_notional: DecimalText
    maker_fee_bps: int
    taker_fee_bps: int


# Assets and markets


def add_asset(context: OperatorContext, asset: Asset) -> None:
    """Add an asset.

    The symbol is reserved, then its shard journals the decimals, then the asset becomes active: an interrupted attempt
    is completed by a retry. Raises ``invalid <field>`` and ASSET_EXISTS, also for a symbol that differs only in case.
    """
    require(is_name(asset.symbol), "symbol")
    require(0 <= asset.decimals <= DECIMALS_MAX, "decimals")
    require(len(asset.image) <= TEXT_LENGTH_MAX, "image")
    require(0 <= asset.chain_id < 2**63, "chain_id")
    require(len(asset.contract) <= TEXT_LENGTH_MAX, "contract")
    if not context.reference.reserve_asset(asset):
        raise Problem(409, "ASSET_EXISTS")
    command = AddAsset(asset.symbol, asset.decimals)
    in_force = context.gateway.ask(CountReply, context.gateway.symbol_shard(asset.symbol), command).count
    is_first = context.reference.put_asset(asset._replace(decimals=in_force))
    if not is_first or in_force != asset.decimals:  # a concurrent or earlier attempt reached the shard
        raise Problem(409, "ASSET_EXISTS")


def add_spot_market(context: OperatorContext, terms: MarketTerms) -> Market:
    """Open a spot market; it is listed when this returns.

    Raises ``invalid <field>``, MARKET_EXISTS, UNKNOWN_ASSET, INVALID_TICK, INVALID_LOT.
    """
    return open_market(context, _make_market(context.catalog(), terms))


def open_market(context: OperatorContext, wanted: Market, mark_price: int | None = None) -> Market:
    """Open a market that has no number yet; ``mark_price`` (ticks) is for futures markets, 0 to follow trades.

    The row is reserved, then the shard opens the market, then the row becomes active: an interrupted attempt is
    completed by a retry. Raises MARKET_EXISTS, also for a symbol that differs only in case, and TOO_MANY_MARKETS.
    """
    row = context.reference.reserve_market(wanted.product, wanted.symbol, MARKET_NUMBER_MAX)
    if row is None:
        raise Problem(409, "TOO_MANY_MARKETS")
    if row.active or row.symbol != wanted.symbol:
        raise spot_problem(RejectReason.MARKET_EXISTS)
    wanted = msgspec.structs.replace(wanted, number=row.number, opened_ms=now_ms())
    in_force = context.gateway.ask(MarketReply, context.gateway.market_shard(wanted), AddMarket(wanted)).market
    if in_force.risk is None and wanted.risk is not None:  # an attempt of an earlier version reached the shard
        command = SetRisk(row.number, RiskChange(wanted.risk.brackets, wanted.risk.liquidation_fee))
        in_force = context.gateway.ask(MarketReply, context.gateway.market_shard(wanted), command).market
    as_wanted = msgspec.structs.replace(in_force, opened_ms=wanted.opened_ms) == wanted
    if as_wanted and mark_price is not None:  # also 0: an earlier attempt may have set another
        context.gateway.ask(MarketReply, context.gateway.market_shard(wanted), SetMarkPrice(row.number, mark_price))
    put_in_force(context, in_force)
    if not as_wanted:
        raise spot_problem(RejectReason.MARKET_EXISTS)  # an earlier attempt reached the shard, with other terms
    return in_force


def set_spot_status(context: OperatorContext, symbol: str, status: str) -> Market:
    """List, halt or delist a spot market. Raises INVALID_STATUS, MARKET_NOT_FOUND, MARKET_DELISTED."""
    return set_market_status(context, context.catalog().spot, symbol, status)


def set_market_status(context: OperatorContext, markets: Mapping[str, Market], symbol: str, status: str) -> Market:
    """List, halt or delist one of ``markets``.

    Raises INVALID_STATUS, MARKET_NOT_FOUND, MARKET_DELISTED; for delisting a futures market, POSITIONS_OPEN.
    """
    if status not in tuple(MarketStatus):
        raise Problem(400, "INVALID_STATUS")
    market = markets.get(symbol)
    if market is None:
        raise spot_problem(RejectReason.UNKNOWN_MARKET)
    command = SetMarketStatus(market.number, MarketStatus(status))
    try:
        in_force = context.gateway.ask(
            MarketReply, context.gateway.market_shard(market), command, DEADLINE_BULK_MS
        ).market
    except EngineRejected as refusal:
        if refusal.reason is RejectReason.MARKET_DELISTED and market.status is not MarketStatus.DELISTED:
            # an earlier attempt reached the shard
            delisted = msgspec.structs.replace(market, status=MarketStatus.DELISTED)
            put_in_force(context, delisted)
        raise
    put_in_force(context, in_force)
    return in_force


def put_in_force(context: OperatorContext, market: Market) -> None:
    """Store a market as it is in force at its shard.

    A concurrent change may have been stored earlier although it came later: so the shard is queried again after
    storing, until both agree. The last to store has queried last.
    """
    stored = None
    while stored != market:
        context.reference.put_market(market.number, encode_market(market))
        stored = market
        market = context.gateway.ask(MarketReply, context.gateway.market_shard(market), GetMarket(market.number)).market


def set_spot_trading(context: OperatorContext, state: str) -> None:
    """Set spot trading to ``enabled`` or ``disabled``; survives restarts. Raises ``invalid spot``."""
    require(state in (ENABLED, DISABLED), "spot")
    context.reference.set_switch(TRADING_SWITCH, state)


def _make_market(catalog: Catalog, terms: MarketTerms) -> Market:
    """A market with these terms, not yet numbered."""
    require(is_name(terms.id), "id")
    require(is_name(terms.base_token), "base_token")
    require(is_name(terms.quote_token) and terms.quote_token != terms.base_token, "quote_token")
    tick = read_amount(terms.tick_size, "tick_size")
    lot = read_amount(terms.lot_size, "lot_size")
    min_notional = read_amount(terms.min_notional, "min_notional")
    require(0 <= terms.maker_fee_bps <= FEE_BPS_MAX, "maker_fee_bps")
    require(0 <= terms.taker_fee_bps <= FEE_BPS_MAX, "taker_fee_bps")
    if terms.id in catalog.spot:
        raise spot_problem(RejectReason.MARKET_EXISTS)
    base, quote = catalog.assets.get(terms.base_token), catalog.assets.get(terms.quote_token)
    if base is None or quote is None:
        raise Problem(400, "UNKNOWN_ASSET")
    check_steps(tick, lot, base, quote)
    return Market(
        number=0,
        product=Product.SPOT,
        symbol=terms.id,
        base=base.symbol,
        quote=quote.symbol,
        base_decimals=base.decimals,
        quote_decimals=quote.decimals,
        tick_digits=tick.digits,
        price_decimals=tick.decimals,
        lot_digits=lot.digits,
        lot_decimals=lot.decimals,
        min_notional=count_units(min_notional, quote, "min_notional"),
        maker_fee_bps=terms.maker_fee_bps,
        taker_fee_bps=terms.taker_fee_bps,
    )


def check_steps(tick: Decimal, lot: Decimal, base: Asset, quote: Asset) -> None:
    """Every price × quantity must be a whole number of the quote's smallest units, every quantity of the base's.

    Raises INVALID_TICK, INVALID_LOT.
    """
    too_fine = tick.digits * lot.digits * 10**quote.decimals % 10 ** (tick.decimals + lot.decimals)
    if not 0 < tick.digits <= PRICE_MAX * 10**tick.decimals or too_fine:
        raise Problem(400, "INVALID_TICK")
    if not 0 < lot.digits <= QUANTITY_MAX * 10**lot.decimals or lot.decimals > base.decimals:
        raise Problem(400, "INVALID_LOT")


# Credentials


def create_key(
    reference: Reference, account: str, label: str = "", permissions: Sequence[str] = (READ, TRADE)
) -> ApiKey:
    """Create an API key; its secret is returned and never shown again.

    Raises ``invalid account``, ``invalid label``, ``invalid permissions``, TOO_MANY_API_KEYS.
    """
    require(is_account(account), "account")
    require(len(label) <= LABEL_LENGTH_MAX and (not label or label.isprintable()), "label")
    require(tuple(permissions) in ((READ,), (READ, TRADE)), "permissions")
    made = reference.create_key(account, label, tuple(permissions), now_ms(), KEY_COUNT_MAX)
    if made is None:
        raise Problem(409, "TOO_MANY_API_KEYS")
    return made


def revoke_key(reference: Reference, account: str, key: str) -> None:
    """Revoke an API key with immediate effect. Raises API_KEY_NOT_FOUND, also for another account's key."""
    if not reference.revoke_key(account, key):
        raise Problem(404, "API_KEY_NOT_FOUND")


def mint_token(tokens: Tokens, account: str, lifetime_s: int) -> str:
    """A bearer token with all rights of the account. Raises ``invalid account``, ``invalid lifetime``."""
    require(is_account(account), "account")
    require(0 < lifetime_s <= LIFETIME_S_MAX, "lifetime")
    return tokens.mint(account, lifetime_s)


def require(condition: bool, name: str) -> None:
    """Raises ``invalid <name>`` unless ``condition`` holds."""
    if not condition:
        raise invalid(name)
