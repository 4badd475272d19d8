"""Columns that DuckDB itself must convert to text, because Python's values would lose part of it.

A ``datetime`` has no infinity, no nanoseconds and no years BC, a ``timedelta`` has no months, and values with a time
zone need a zone database to become a ``datetime`` at all. The session's time zone is UTC.
"""

import re
from collections.abc import Sequence
from typing import Final

import duckdb

_TEMPORAL: Final = re.compile(r"\b(?:DATE|TIME|TIME_\w+|TIMETZ\w*|TIMESTAMP\w*|INTERVAL)\b")
_NESTED: Final = re.compile(r"(?:STRUCT|MAP|UNION|TUPLE)\(|.*\]$", re.DOTALL)
_NOT_FOR_PYTHON: Final = ("VARIANT", "TYPE")  # values of any type, which the Python client does not support
_ENUM: Final = "ENUM("


def is_nested(type_: str) -> bool:
    """Whether values of the type contain other values."""
    return _NESTED.match(type_) is not None


def cast_for_python(statement: str, types: Sequence[str]) -> str:
    """Return the SELECT ``statement`` with text in the columns that Python cannot represent exactly."""
    casts = [_cast(type_) for type_ in types]
    if not any(casts):
        return statement
    names = [f"c{number}" for number in range(len(types))]
    shown = ", ".join(cast.format(name) if cast else name for cast, name in zip(casts, names, strict=True))
    return f"SELECT {shown} FROM ({_without_semicolon(statement)}\n) AS answer({', '.join(names)})"


def _without_semicolon(statement: str) -> str:
    text = statement.encode()  # tokens are counted in bytes
    tokens = [position for position, kind in duckdb.tokenize(statement) if kind != duckdb.token_type.comment]
    while text[tokens[-1] :].startswith(b";"):
        text = text[: tokens.pop()]
    return text.decode()


def _cast(type_: str) -> str:
    if is_nested(type_):
        return "to_json({})::VARCHAR" if _TEMPORAL.search(type_) or type_.startswith("UNION(") else ""
    if type_ in _NOT_FOR_PYTHON or type_.startswith("GEOMETRY"):
        return "{}::VARCHAR"
    return "{}::VARCHAR" if _TEMPORAL.match(type_) and not type_.startswith(_ENUM) else ""
