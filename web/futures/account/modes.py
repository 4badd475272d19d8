"""Margin type, position mode, asset mode, fees: only one of each is supported.

Any other is rejected with a code that no client takes for "no need to change".
"""

from typing import Final, Literal

import msgspec
from flask import Blueprint, Response

from web.auth import READ, TRADE
from web.futures.call.call import Call, read_market, signed
from web.futures.call.errors import not_offered, out_of_range
from web.futures.call.parameters import need
from web.futures.fields import Decimal, Symbol
from web.http.formats import format_ratio
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_modes", __name__, url_prefix="/fapi/v1")


class DoneView(msgspec.Struct, gc=False):
    """The setting is in effect."""

    code: Literal[200] = 200
    msg: Literal["success"] = "success"


class PositionModeView(msgspec.Struct, gc=False):
    """The position mode: one-way."""

    dualSidePosition: Literal[False]


class AssetModeView(msgspec.Struct, gc=False):
    """The asset mode: single-asset."""

    multiAssetsMargin: Literal[False]


class CommissionView(msgspec.Struct, gc=False):
    """A market's fee rates."""

    symbol: Symbol
    makerCommissionRate: Decimal
    takerCommissionRate: Decimal


_DONE: Final = DoneView()
_CROSS: Final = ("CROSSED", "CROSS")
_BPS_MILLIONTHS: Final = 100


@blueprint.post("/marginType")
def set_margin_type() -> Response:
    """Cross margin is the only margin type."""
    parameters = signed(1, TRADE).parameters
    read_market(parameters, services().catalog())
    margin_type = need(parameters.text("marginType"), "marginType")
    if margin_type == "ISOLATED":
        raise not_offered("Isolated margin")
    if margin_type not in _CROSS:
        raise out_of_range("marginType")
    return answer(_DONE)


@blueprint.get("/positionSide/dual")
def get_position_mode() -> Response:
    """Always one-way."""
    signed(1, READ)
    return answer(PositionModeView(dualSidePosition=False))


@blueprint.post("/positionSide/dual")
def set_position_mode() -> Response:
    """One-way is the only position mode."""
    return _refuse_true(signed(1, TRADE), "dualSidePosition", "Hedge mode")


@blueprint.get("/multiAssetsMargin")
def get_asset_mode() -> Response:
    """Always single-asset."""
    signed(1, READ)
    return answer(AssetModeView(multiAssetsMargin=False))


@blueprint.post("/multiAssetsMargin")
def set_asset_mode() -> Response:
    """Single-asset is the only mode."""
    return _refuse_true(signed(1, TRADE), "multiAssetsMargin", "Multi-asset margin")


@blueprint.get("/commissionRate")
def commission_rate() -> Response:
    """The market's fee rates."""
    parameters = signed(20, READ).parameters
    market = read_market(parameters, services().catalog())
    return answer(
        CommissionView(
            symbol=market.symbol,
            makerCommissionRate=format_ratio(market.maker_fee_bps * _BPS_MILLIONTHS),
            takerCommissionRate=format_ratio(market.taker_fee_bps * _BPS_MILLIONTHS),
        )
    )


def _refuse_true(call: Call, name: str, what: str) -> Response:
    if need(call.parameters.boolean(name), name):
        raise not_offered(what)
    return answer(_DONE)
