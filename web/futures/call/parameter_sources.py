"""Sources of a futures call's parameters: query, form body, JSON body. The query takes precedence over the body."""

from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from web.futures.call.errors import BODY_MALFORMED, NAME_TWICE, FuturesProblem
from web.futures.call.parameters import Parameters, Values
from web.http.parse import Malformed, NameTwice, parse_json
from web.http.request import request_context
from web.http.signing import is_json


def read_parameters() -> Parameters:
    """The parameters of this request."""
    context = request_context()
    query, body = read_form(context.query), context.body
    if not body:
        return Parameters(query)
    if not is_json(body):
        return Parameters(query, read_form(body))
    try:
        members = parse_json(body)
    except NameTwice:
        return Parameters(query, fault=FuturesProblem(*NAME_TWICE))
    except Malformed:
        return Parameters(query, fault=FuturesProblem(*BODY_MALFORMED))
    assert isinstance(members, dict), "it begins with a brace"
    return Parameters(query, read_members(members))


def read_form(text: bytes) -> Values:
    """The pairs of a query or a form."""
    found: dict[str, list[object]] = {}
    if text.isascii() and b"%" not in text and b"+" not in text:
        for plain in text.decode().split("&"):
            if plain:
                name, _, value = plain.partition("=")
                found.setdefault(name.lower(), []).append(value)
        return found
    for pair in text.split(b"&"):
        if pair:
            escaped_name, _, escaped = pair.partition(b"=")
            found.setdefault(_fold(_unquote(escaped_name)), []).append(_unquote(escaped))
    return found


def read_members(members: Mapping[str, object]) -> Values:
    """The members of a JSON object."""
    found: dict[str, list[object]] = {}
    for name, value in members.items():
        found.setdefault(_fold(name), []).append(value)
    return found


def _fold(name: str) -> str:
    """Lower case, for ASCII names only: no other letter may fold to an ASCII one."""
    return name.lower() if name.isascii() else name


def _unquote(text: bytes) -> str:
    return unquote_to_bytes(text.replace(b"+", b" ")).decode("utf-8", "replace")
