"""The body of an operator's request.

Unlike elsewhere, unknown fields are rejected: a typo must not silently select a default.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args, get_type_hints

from web.http.amounts import DecimalText
from web.http.errors import Problem, invalid
from web.http.parse import Number, read_long, read_text
from web.http.request import json_body
from web.operator.bracket_rows import BracketRow, read_rows

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Value = TypeVar("Value")
Terms = TypeVar("Terms", bound="DataclassInstance")


def _read_decimal_text(value: object) -> str | None:
    """A decimal as written, in quotes or not; parsed where its bounds are known."""
    return str(value) if isinstance(value, Number) else read_text(value)


_READERS: Final[Mapping[object, Callable[[object], object]]] = {
    str: read_text,
    int: read_long,
    DecimalText: _read_decimal_text,
    Sequence[BracketRow]: read_rows,
}


class Form:
    """The body's fields, all known; each reader raises ``invalid <name>``, also for a missing field."""

    def __init__(self, *names: str) -> None:
        self.fields = json_body()
        for name in self.fields:
            if name not in names:
                raise Problem(400, f"unknown field {name[:64]}")

    def text(self, name: str, default: str | None = None) -> str:
        """A JSON string."""
        return self.read(name, read_text, default)

    def long(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        return self.read(name, read_long, default)

    def decimal(self, name: str) -> str:
        """A decimal's text."""
        return self.read(name, _read_decimal_text)

    def optional_decimal(self, name: str) -> str | None:
        """A decimal's text; None for null, or if it was not sent."""
        return None if self.fields.get(name) is None else self.decimal(name)

    def optional_brackets(self) -> list[BracketRow] | None:
        """The rows of the field ``brackets``; None for null, or if it was not sent."""
        rows = self.fields.get("brackets")
        return None if rows is None else read_rows(rows)

    def read(self, name: str, parse: Callable[[object], Value | None], default: Value | None = None) -> Value:
        """The field, parsed; ``default`` for null, or if it was not sent."""
        value = self.fields.get(name)
        found = default if value is None else parse(value)
        if found is None:
            raise invalid(name)
        return found


def read_terms(kind: type[Terms]) -> Terms:
    """The body as a dataclass, in the order of its fields; for null, and what was not sent, the field's default."""
    form = Form(*kind.__dataclass_fields__)
    types = get_type_hints(kind, include_extras=True)
    values: dict[str, Any] = {}
    for field in fields(kind):
        if form.fields.get(field.name) is not None or field.default is MISSING:
            values[field.name] = form.read(field.name, _reader_of(types[field.name]))
    return kind(**values)


def _reader_of(kind: object) -> Callable[[object], object]:
    """The reader of a type, or of one that may also be None."""
    return _READERS[kind if kind in _READERS else get_args(kind)[0]]
