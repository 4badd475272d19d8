"""The OpenAPI documents of both APIs: paths and texts from the files beside this one, and schemas of types.

A type's schema is added to the component of its name, or stands where a file has ``{"$type": name}``. Read once, served
unchanged.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from flask import Blueprint, Response

from web.futures.call.call import public
from web.http.responses import answer
from web.openapi.components import FUTURES, SPOT
from web.openapi.shapes import Shapes

blueprint: Final = Blueprint("openapi", __name__)

_FOLDER: Final = Path(__file__).parent
_FIRST: Final = "api.json"  # the document's head; the others add paths and components
_SHAPES: Final = {"spot": Shapes(SPOT), "futures": Shapes(FUTURES)}


def load_document(api: str) -> dict[str, Any]:
    """The document of ``spot`` or ``futures``, assembled; raises ValueError if two parts define the same name."""
    document: dict[str, Any] = {}
    shapes, inlined = _SHAPES[api], set[str]()

    def inline(written: dict[str, Any]) -> dict[str, Any]:
        """In place of a type's name its schema, with what is written beside the name."""
        name = written.pop("$type", None)
        if name is None:
            return written
        inlined.add(name)
        schema = shapes.of(name)
        _merge(schema, written, name)
        return schema

    for path in sorted((_FOLDER / api).glob("*.json"), key=lambda path: (path.name != _FIRST, path.name)):
        part = json.loads(path.read_text("utf-8"), object_hook=inline)
        schemas = part.get("components", {}).get("schemas", {})
        for name in schemas.keys() & shapes.types.keys():
            written, schemas[name] = schemas[name], shapes.of(name)
            _merge(schemas[name], written, path)
        _merge(document, part, path)
    missing = shapes.types.keys() - document["components"]["schemas"].keys() - inlined
    if missing:
        raise ValueError(f"{_FOLDER / api}: no part has a place for {', '.join(sorted(missing))}")
    return document


def _merge(whole: dict[str, Any], part: dict[str, Any], where: object) -> None:
    for name, value in part.items():
        if name not in whole:
            whole[name] = value
        elif isinstance(value, dict) and isinstance(whole[name], dict):
            _merge(whole[name], value, where)
        else:
            raise ValueError(f"{where}: another part has {name!r}, too")


@cache
def encode_document(api: str) -> msgspec.Raw:
    """The document of ``spot`` or ``futures``, as it is served."""
    return msgspec.Raw(msgspec.json.encode(load_document(api)))


@blueprint.get("/api/v1/openapi.json")
def spot() -> Response:
    """The OpenAPI document of spot, wallets, keys, operator and health."""
    return answer(encode_document("spot"))


@blueprint.get("/fapi/v1/openapi.json")
def futures() -> Response:
    """The OpenAPI document of the futures API."""
    public(1)
    return answer(encode_document("futures"))
