"""Transfers of USDT between an account's spot and futures wallets."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from flask import Blueprint, Response

from shards.model.accounting import Wallet
from shards.model.commands import Transfer
from shards.model.decimals import format_plain
from shards.model.replies import TransferReply
from storage.reference import Asset
from web.auth import token_caller
from web.exchange.catalog import MARGIN_ASSET, Catalog
from web.exchange.fields import Amount, SignedAmount
from web.http.amounts import count_units, read_amount
from web.http.described import Always, Described
from web.http.errors import Problem, invalid
from web.http.parse import is_client_id, read_text
from web.http.request import json_body
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("spot_transfer", __name__, url_prefix="/api/v1/spot")

_DIRECTIONS: Final = {"perp_to_spot": Wallet.SPOT, "spot_to_perp": Wallet.FUTURES}


class TransferView(msgspec.Struct, gc=False):
    """A completed transfer."""

    direction: Annotated[str, Described("TransferDirection")]
    token: Annotated[str, Always(MARGIN_ASSET)]
    amount: Amount
    perp_balance_after: SignedAmount
    spot_balance_after: Amount


@blueprint.post("/transfer")
def transfer() -> Response:
    """Transfer an amount atomically from one wallet to the other; a reference, if given, makes it idempotent."""
    account = token_caller().account
    at = services()
    fields = json_body()
    direction = read_text(fields.get("direction")) or ""
    if direction not in _DIRECTIONS:
        raise Problem(400, "INVALID_DIRECTION")
    asset = _read_asset(fields, at.catalog())
    units = _read_units(fields, asset)
    command = Transfer(account, asset.symbol, _DIRECTIONS[direction], units, _read_reference(fields))
    reply = at.gateway.ask(TransferReply, at.gateway.account_shard(account), command)
    return answer(
        TransferView(
            direction=direction,
            token=asset.symbol,
            amount=format_plain(units, asset.decimals),
            perp_balance_after=format_plain(reply.futures_after, asset.decimals),
            spot_balance_after=format_plain(reply.spot_after, asset.decimals),
        )
    )


def _read_asset(fields: Mapping[str, object], catalog: Catalog) -> Asset:
    """The only asset with a futures wallet; raises UNSUPPORTED_TOKEN."""
    asset = catalog.margin_asset
    if asset is None or read_text(fields.get("token")) != asset.symbol:
        raise Problem(400, "UNSUPPORTED_TOKEN")
    return asset


def _read_units(fields: Mapping[str, object], asset: Asset) -> int:
    """The amount in the asset's smallest unit; raises AMOUNT_NON_POSITIVE, ``invalid amount``."""
    written = fields.get("amount")
    if not isinstance(written, str):
        raise invalid("amount")
    amount = read_amount(written.removeprefix("-"), "amount")
    if not amount.digits or written.startswith("-"):
        raise Problem(400, "AMOUNT_NON_POSITIVE")
    return count_units(amount, asset, "amount")


def _read_reference(fields: Mapping[str, object]) -> str:
    """The reference, "" for none; raises ``invalid reference``."""
    written = fields.get("reference")
    if written is None:
        return ""
    reference = read_text(written)
    if reference is None or not is_client_id(reference):
        raise invalid("reference")
    return reference
