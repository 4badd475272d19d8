"""Values → answers."""

from typing import Final

import msgspec
from flask import Response

_encode: Final = msgspec.json.Encoder().encode


def answer(value: object) -> Response:
    """200 with ``value`` as JSON; fields in the order of the dict or struct."""
    return Response(_encode(value), 200, mimetype="application/json")
