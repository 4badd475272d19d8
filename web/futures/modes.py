"""What an account may set and ask without any order: margin type, position mode, asset mode, brackets, fees.

There is one of each. The other is refused with a code that no client takes for "already so".
"""

from typing import Final

import msgspec
from flask import Blueprint, Response

from shards.markets import Market
from web.auth import READ, TRADE
from web.futures.call import Call, read_market, read_optional_market, signed_call
from web.futures.errors import not_offered, out_of_range
from web.futures.render import format_ratio
from web.futures.request import need
from web.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_modes", __name__, url_prefix="/fapi/v1")

_DONE: Final = {"code": 200, "msg": "success"}
_CROSS: Final = ("CROSSED", "CROSS")
_BPS_MILLIONTHS: Final = 100


@blueprint.post("/marginType")
def set_margin_type() -> Response:
    """Cross margin it is, and stays."""
    asked = signed_call(1, TRADE).asked
    read_market(asked, services().catalog())
    margin_type = need(asked.text("marginType"), "marginType")
    if margin_type == "ISOLATED":
        raise not_offered("Isolated margin")
    if margin_type not in _CROSS:
        raise out_of_range("marginType")
    return answer(_DONE)


@blueprint.get("/positionSide/dual")
def get_position_mode() -> Response:
    """One-way."""
    signed_call(1, READ)
    return answer({"dualSidePosition": False})


@blueprint.post("/positionSide/dual")
def set_position_mode() -> Response:
    """One-way it is, and stays."""
    return _refuse_true(signed_call(1, TRADE), "dualSidePosition", "Hedge mode")


@blueprint.get("/multiAssetsMargin")
def get_asset_mode() -> Response:
    """Single-asset."""
    signed_call(1, READ)
    return answer({"multiAssetsMargin": False})


@blueprint.post("/multiAssetsMargin")
def set_asset_mode() -> Response:
    """Single-asset it is, and stays."""
    return _refuse_true(signed_call(1, TRADE), "multiAssetsMargin", "Multi-asset margin")


@blueprint.get("/leverageBracket")
def leverage_brackets() -> Response:
    """The one bracket of a market, or of each."""
    asked = signed_call(1, READ).asked
    catalog = services().catalog()
    market = read_optional_market(asked, catalog)
    if market is not None:
        return answer(_render_brackets(market))
    return answer([_render_brackets(market) for market in catalog.futures.values()])


@blueprint.get("/commissionRate")
def commission_rate() -> Response:
    """The market's fees."""
    asked = signed_call(20, READ).asked
    market = read_market(asked, services().catalog())
    return answer(
        {
            "symbol": market.symbol,
            "makerCommissionRate": format_ratio(market.maker_fee_bps * _BPS_MILLIONTHS),
            "takerCommissionRate": format_ratio(market.taker_fee_bps * _BPS_MILLIONTHS),
        }
    )


def _refuse_true(call: Call, name: str, what: str) -> Response:
    if need(call.asked.boolean(name), name):
        raise not_offered(what)
    return answer(_DONE)


def _render_brackets(market: Market) -> dict[str, object]:
    assert market.futures is not None, "a futures market has its terms"
    ratio = msgspec.Raw(format_ratio(market.futures.maint_margin_ratio).encode())  # a number, exactly
    bracket = {
        "bracket": 1,
        "initialLeverage": market.futures.max_leverage,
        "notionalCap": market.futures.max_position_notional // int(10**market.quote_places),
        "notionalFloor": 0,
        "maintMarginRatio": ratio,
        "cum": 0,
    }
    return {"symbol": market.symbol, "notionalCoef": 1, "brackets": [bracket]}
