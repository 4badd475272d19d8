"""The body of a new spot order → NewOrder: syntax first, then the rules of its market."""

from typing import Final, NamedTuple

from shards.limits import AMOUNT_MAX
from shards.model.decimals import Decimal, count_steps
from shards.model.markets import Market
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from web.auth import Principal
from web.exchange.limits import PRICE_MAX, QUANTITY_MAX
from web.http.errors import Problem, invalid
from web.http.parse import is_client_id, read_decimal, read_text
from web.spot.views import KINDS, SIDES, TIMES_IN_FORCE

_SIDES: Final = {text: side for side, text in SIDES.items()}
_KINDS: Final = {text: kind for kind, text in KINDS.items()}
_TIMES_IN_FORCE: Final = {text: tif for tif, text in TIMES_IN_FORCE.items()}
_DEFAULT_TIF: Final = {Kind.LIMIT: TimeInForce.GTC, Kind.MARKET: TimeInForce.IOC}


class Draft(NamedTuple):
    """A syntactically valid new order whose market has not been looked up yet. What does not apply is None."""

    symbol: str
    side: Side
    kind: Kind
    tif: TimeInForce
    price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None
    client_id: str


def read_draft(fields: dict[str, object]) -> Draft:
    """Validate the fields in the contract's order; raises Problem 400."""
    symbol = _read_symbol(fields.get("symbol"))
    side = _SIDES.get(read_text(fields.get("side")) or "")
    if side is None:
        raise invalid("side")
    kind = _KINDS.get(read_text(fields.get("type")) or "")
    if kind is None:
        raise invalid("type")
    tif = _read_tif(fields.get("tif"), kind)
    client_id = _read_client_id(fields.get("client_order_id"))
    price, quantity, quote_quantity = _read_amounts(fields, side, kind)
    return Draft(symbol, side, kind, tif, price, quantity, quote_quantity, client_id)


def _read_symbol(value: object) -> str:
    if value is None or value == "":
        raise Problem(400, "symbol required")
    symbol = read_text(value)
    if symbol is None:
        raise invalid("symbol")
    return symbol


def _read_tif(value: object, kind: Kind) -> TimeInForce:
    if value is None:
        return _DEFAULT_TIF[kind]
    tif = _TIMES_IN_FORCE.get(read_text(value) or "")
    if tif is None or (kind is Kind.MARKET and tif is not TimeInForce.IOC):
        raise invalid("tif")
    return tif


def _read_client_id(value: object) -> str:
    if value is None:
        return ""
    text = read_text(value)
    if text is None or not is_client_id(text):
        raise invalid("client_order_id")
    return text


def _read_amounts(
    fields: dict[str, object], side: Side, kind: Kind
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Price, quantity and quote_quantity: presence of all required ones is checked before any is parsed."""
    market_buy = kind is Kind.MARKET and side is Side.BUY
    subject = "limit" if kind is Kind.LIMIT else "market buy" if market_buy else "market sell"
    needed = ["quote_quantity"] if market_buy else ["price", "quantity"] if kind is Kind.LIMIT else ["quantity"]
    for name in needed:
        if fields.get(name) is None:
            raise Problem(400, f"{name} required for {subject}")
    found: dict[str, Decimal] = {}
    for name in needed:
        value = read_decimal(fields[name])
        if value is None:
            raise invalid(name)
        found[name] = value
    return found.get("price"), found.get("quantity"), found.get("quote_quantity")


def make_order(draft: Draft, market: Market, principal: Principal) -> NewOrder:
    """The draft in ticks, lots and units of its market; raises INVALID_TICK, INVALID_LOT, BELOW_MIN_NOTIONAL."""
    price = _count(draft.price, market.tick, PRICE_MAX, "INVALID_TICK")
    quantity = _count(draft.quantity, market.lot, QUANTITY_MAX, "INVALID_LOT")
    quote_quantity = _count(draft.quote_quantity, Decimal(1, market.quote_decimals), None, "INVALID_LOT")
    notional = quote_quantity if draft.quote_quantity is not None else price * quantity * market.tick_lot_units
    if notional > AMOUNT_MAX:
        raise Problem(400, "INVALID_LOT")  # more than any wallet can hold, or the archive can store
    if (draft.price is not None or draft.quote_quantity is not None) and notional < market.min_notional:
        raise Problem(400, "BELOW_MIN_NOTIONAL")
    return NewOrder(
        market=market.number,
        account=principal.account,
        side=draft.side,
        kind=draft.kind,
        tif=draft.tif,
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_id=draft.client_id,
        signed_ms=principal.signed_ms,
    )


def _count(value: Decimal | None, step: Decimal, value_max: int | None, error: str) -> int:
    """``value`` in steps, at least one; 0 if it does not apply."""
    if value is None:
        return 0
    steps = count_steps(value, step)
    if not steps or (value_max is not None and value.digits > value_max * 10**value.decimals):
        raise Problem(400, error)
    return steps
