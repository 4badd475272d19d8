"""Listen keys, which authorize a stream of account events. No stream uses them yet."""

from typing import Annotated, Final

import msgspec
from flask import Blueprint, Response
from msgspec import Meta

from shards.clock import now_ms
from web.auth import TRADE
from web.futures.call.call import keyed
from web.futures.call.empty_view import EMPTY
from web.futures.call.errors import NO_LISTEN_KEY, FuturesProblem
from web.futures.limits import LISTEN_KEY_FRESH_MS, LISTEN_KEY_MS
from web.http.responses import answer
from web.services import services

blueprint: Final = Blueprint("futures_listen", __name__, url_prefix="/fapi/v1")


class ListenKeyView(msgspec.Struct, gc=False):
    """The account's listen key."""

    listenKey: Annotated[str, Meta(pattern="^[A-Za-z0-9]{64}$")]


@blueprint.post("/listenKey")
def start() -> Response:
    """Create or renew the account's key."""
    return _renew(keyed(1, TRADE).principal.account)


@blueprint.put("/listenKey")
def keep() -> Response:
    """Renew the account's key; raises -1125 if there is none."""
    account = keyed(1, TRADE).principal.account
    if services().reference.find_listen_key(account, now_ms()) is None:
        raise FuturesProblem(*NO_LISTEN_KEY)
    return _renew(account)


@blueprint.delete("/listenKey")
def drop() -> Response:
    """Delete the account's key; succeeds even if there is none."""
    account = keyed(1, TRADE).principal.account
    if services().reference.find_listen_key(account, now_ms()) is not None:
        services().reference.drop_listen_key(account)
    return answer(EMPTY)


def _renew(account: str) -> Response:
    reference = services().reference
    return answer(ListenKeyView(reference.renew_listen_key(account, now_ms(), LISTEN_KEY_MS, LISTEN_KEY_FRESH_MS)))
