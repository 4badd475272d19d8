"""Messages ↔ stored rows: the values of a row are in the order of the columns in :mod:`storage.tables`."""

from enum import Enum

from shards.model.accounting import Income, IncomeKind, MarginFill
from shards.model.decimals import format_fixed
from shards.model.events import CommandRejected, FundsMoved, MarginFilled
from shards.model.ids import TRADE, to_uuid
from shards.model.markets import Market
from shards.model.orders import EndReason, Kind, Order, Side, Status, TimeInForce, Trade, Trigger, WatchedPrice
from storage.client_ids import key_of
from storage.statements import Stored

# Members of integer enumerations are stored by their names in lower case, see name_of
_SIDES = {side.name.lower(): side for side in Side}
_KINDS = {kind.name.lower(): kind for kind in Kind}
_TIFS = {tif.name.lower(): tif for tif in TimeInForce}
_STATUSES = {status.name.lower(): status for status in Status}
_WATCHED = {watched.name.lower(): watched for watched in WatchedPrice}

_NO_TRIGGER: Stored = ("", 0, "", False, 0, 0, 0, 0, 0)


def name_of(member: Enum) -> str:
    """Return the stored name of a member of an integer enumeration."""
    return member.name.lower()


# Orders


def order_row(order: Order, product: str, shard: int, id_key: bytes) -> Stored:
    """Return the row of stored.orders; ``product`` is its market's. ``id_key`` is used to make its UUID."""
    return (
        order.id,
        order.market,
        order.account,
        name_of(order.side),
        name_of(order.kind),
        name_of(order.tif),
        order.price,
        order.quantity,
        order.quote_quantity,
        order.client_id,
        order.signed_ms,
        order.filled,
        order.filled_value,
        name_of(order.status),
        order.end_reason.value,
        order.created_ms,
        order.updated_ms,
        order.request,
        order.reduce_only,
        order.close_position,
        order.leverage,
        order.hold_price,
        order.loss,
        *(_trigger_values(order.trigger) if order.trigger is not None else _NO_TRIGGER),
        order.take_profit,
        order.stop_loss,
        product,
        shard,
        to_uuid(order.id, id_key),
    )


def _trigger_values(trigger: Trigger) -> Stored:
    return (
        name_of(trigger.origin),
        trigger.stop_price,
        name_of(trigger.watched),
        trigger.protect,
        trigger.activation,
        trigger.callback,
        trigger.parent,
        trigger.extreme,
        trigger.fired_ms,
    )


def client_id_row(order: Order) -> Stored:
    """Return the row of stored.new_client_ids for an order with a client id."""
    return key_of(order.account, order.client_id), order.id, order.trigger is not None


def to_order(row: Stored) -> Order:
    """Return the order of a row of stored.orders."""
    placed, ended, futures, trigger, attached = row[:11], row[11:18], row[18:23], row[23:32], row[32:34]
    number, market, account, side, kind, tif, price, quantity, quote_quantity, client_id, signed_ms = placed
    filled, filled_value, status, end_reason, created_ms, updated_ms, request = ended
    reduce_only, close_position, leverage, hold_price, loss = futures
    take_profit, stop_loss = attached
    return Order(
        id=number,
        market=market,
        account=account,
        side=_SIDES[side],
        kind=_KINDS[kind],
        tif=_TIFS[tif],
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_id=client_id,
        signed_ms=signed_ms,
        filled=filled,
        filled_value=filled_value,
        hold=0,  # it was released
        status=_STATUSES[status],
        end_reason=EndReason(end_reason),
        created_ms=created_ms,
        updated_ms=updated_ms,
        request=request,
        reduce_only=reduce_only,
        close_position=close_position,
        leverage=leverage,
        hold_price=hold_price,
        loss=loss,
        trigger=_to_trigger(trigger) if trigger != _NO_TRIGGER else None,
        take_profit=take_profit,
        stop_loss=stop_loss,
    )


def _to_trigger(values: Stored) -> Trigger:
    origin, stop_price, watched, protect, activation, callback, parent, extreme, fired_ms = values
    return Trigger(
        origin=_KINDS[origin],
        stop_price=stop_price,
        watched=_WATCHED[watched],
        protect=protect,
        activation=activation,
        callback=callback,
        parent=parent,
        extreme=extreme,
        fired_ms=fired_ms,
    )


def refusal_row(rejected: CommandRejected, shard: int) -> Stored:
    """Return the row of stored.refusals."""
    new = rejected.new
    return (
        shard,
        rejected.sequence,
        rejected.position,
        rejected.attempt.value,
        rejected.account,
        rejected.market,
        rejected.reason,
        rejected.time_ms,
        rejected.order,
        rejected.client_id,
        name_of(new.side) if new else "",
        name_of(new.kind) if new else "",
        name_of(new.tif) if new else "",
        new.price if new else rejected.price,
        new.quantity if new else rejected.quantity,
        new.quote_quantity if new else 0,
        new.trigger.stop_price if new and new.trigger else rejected.stop_price,
        new is not None and new.reduce_only,
        new is not None and new.close_position,
        new.signed_ms if new else 0,
    )


# Trades and fills


def trade_row(trade: Trade, product: str, id_key: bytes) -> Stored:
    """Return the row of stored.trades; ``product`` is its market's. ``id_key`` is used to make its UUID."""
    return (
        trade.id,
        trade.market,
        trade.price,
        trade.quantity,
        name_of(trade.taker_side),
        trade.maker_order,
        trade.taker_order,
        trade.maker_account,
        trade.taker_account,
        trade.maker_fee,
        trade.taker_fee,
        trade.time_ms,
        product,
        to_uuid(trade.id, id_key, TRADE),
    )


def to_trade(row: Stored) -> Trade:
    """Return the trade of a row of stored.trades."""
    number, market, price, quantity, taker_side, maker_order, taker_order, *rest = row[:12]
    maker_account, taker_account, maker_fee, taker_fee, time_ms = rest
    return Trade(
        id=number,
        market=market,
        price=price,
        quantity=quantity,
        taker_side=_SIDES[taker_side],
        maker_order=maker_order,
        taker_order=taker_order,
        maker_account=maker_account,
        taker_account=taker_account,
        maker_fee=maker_fee,
        taker_fee=taker_fee,
        time_ms=time_ms,
    )


def fill_row(filled: MarginFilled) -> Stored:
    """Return the row of stored.futures_fills."""
    fill = filled.fill
    return (
        fill.trade,
        fill.order,
        filled.account,
        filled.market,
        name_of(fill.side),
        fill.price,
        fill.quantity,
        fill.lot_value,
        fill.fee,
        fill.maker,
        filled.profit,
        fill.time_ms,
        filled.time_ms,
    )


def to_fill(row: Stored) -> MarginFilled:
    """Return the fill of a row of stored.futures_fills."""
    trade, order, account, market, side, price, quantity, lot_value, fee, maker, profit, time_ms, booked_ms = row
    fill = MarginFill(trade, order, _SIDES[side], price, quantity, lot_value, fee, maker, time_ms)
    return MarginFilled(account, market, fill, profit, booked_ms)


# Funds and markets


def movement_row(moved: FundsMoved, shard: int) -> Stored:
    """Return the row of stored.movements."""
    return (
        shard,
        moved.id,
        moved.account,
        name_of(moved.wallet),
        moved.asset,
        moved.amount,
        moved.cause.value,
        moved.reference,
        moved.time_ms,
    )


def to_income(row: Stored) -> Income:
    """Return the change of a futures wallet from a row of :mod:`storage.wallet_queries`."""
    number, kind, amount, time_ms, market, trade, reference = row
    return Income(number, IncomeKind(kind), amount, time_ms, market, trade, reference)


def market_row(market: Market, time_ms: int) -> Stored:
    """Return the row of stored.markets."""
    return (
        market.number,
        name_of(market.product),
        market.symbol,
        market.base,
        market.quote,
        market.base_decimals,
        market.quote_decimals,
        format_fixed(market.tick_digits, market.price_decimals),
        format_fixed(market.lot_digits, market.lot_decimals),
        market.min_notional,
        market.maker_fee_bps,
        market.taker_fee_bps,
        market.status.value,
        time_ms,
    )
