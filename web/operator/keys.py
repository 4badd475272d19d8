"""The caller's API keys; bearer tokens only."""

from typing import Annotated, Final, Literal

import msgspec
from flask import Blueprint, Response

from storage.reference import ApiKey
from web.auth import READ, TRADE, token_caller
from web.exchange.fields import Seconds
from web.http.described import Described
from web.http.errors import invalid
from web.http.parse import read_text
from web.http.request import json_body
from web.http.responses import answer
from web.operator import actions
from web.services import services

blueprint: Final = Blueprint("keys", __name__, url_prefix="/api/v1/api-keys")

KeyText = Annotated[str, Described("ApiKey")]
Permissions = Annotated[tuple[str, ...], Described("Permissions")]


class CreatedView(msgspec.Struct, gc=False):
    """A new key, with its secret."""

    api_key: KeyText
    api_secret: KeyText
    permissions: Permissions
    created_at: Seconds


class KeyView(msgspec.Struct, gc=False):
    """A key, without its secret."""

    api_key: KeyText
    label: str
    permissions: Permissions
    created_at: Seconds


class RevokedView(msgspec.Struct, gc=False):
    """A revoked key."""

    api_key: KeyText
    revoked: Literal[True]


@blueprint.post("")
def create() -> Response:
    """Create a key. The secret is returned here and never again."""
    principal = token_caller()
    fields = json_body()
    label = _read_label(fields.get("label"))
    permissions = _read_permissions(fields.get("permissions"))
    made = actions.create_key(services().reference, principal.account, label, permissions)
    return answer(
        CreatedView(
            api_key=made.key,
            api_secret=made.secret.decode(),
            permissions=made.permissions,
            created_at=made.created_ms // 1_000,
        )
    )


@blueprint.get("")
def list_all() -> Response:
    """The caller's keys, newest first."""
    principal = token_caller()
    return answer([_render(key) for key in services().reference.list_keys(principal.account)])


@blueprint.delete("/<key>")
def revoke(key: str) -> Response:
    """Revoke one of the caller's keys."""
    principal = token_caller()
    actions.revoke_key(services().reference, principal.account, key)
    return answer(RevokedView(api_key=key, revoked=True))


def _render(key: ApiKey) -> KeyView:
    return KeyView(
        api_key=key.key,
        label=key.label,
        permissions=key.permissions,
        created_at=key.created_ms // 1_000,
    )


def _read_label(value: object) -> str:
    if value is None:
        return ""
    label = read_text(value)
    if label is None:
        raise invalid("label")
    return label


def _read_permissions(value: object) -> list[str]:
    if value is None:
        return [READ, TRADE]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid("permissions")
    return value
