"""Response types → schemas: fields in order, which are required, and their types.

Descriptions, examples and conditions are written by hand, beside this file; so are schemas of single values, which
fields name with :class:`web.http.described.Described`.
"""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta, Struct, UnsetType
from msgspec.structs import fields

from web.http.described import Always, Described, Written

Schema = dict[str, Any]

_TYPES: Final = {str: "string", int: "integer", bool: "boolean", float: "number", NoneType: "null"}
_BOUNDS: Final = {
    "pattern": "pattern",
    "min_length": "minLength",
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}


class Shapes:
    """The schemas of one document's types, by schema name."""

    def __init__(self, types: Mapping[str, type[Struct]]) -> None:
        self.types = types
        self._names = {type_: name for name, type_ in types.items()}

    def of(self, name: str) -> Schema:
        """The schema of that name; if its type extends another of these, only the additions."""
        type_ = self.types[name]
        base = self._names.get(type_.__base__)  # type: ignore[arg-type]
        if base is not None:
            return {"$ref": _ref(base), **self._members(type_, type_.__base__)}
        is_base = any(other.__base__ is type_ for other in self.types.values())
        return self._object(type_, open_=is_base)

    def _object(self, type_: type[Struct], *, open_: bool = False) -> Schema:
        closed = {} if open_ else {"additionalProperties": False}
        return {"type": "object", **self._members(type_), **closed}

    def _members(self, type_: type[Struct], base: Any = None) -> Schema:
        known = {field.name for field in fields(base)} if base is not None else set()
        hints = get_type_hints(type_, include_extras=True)
        own = [field for field in fields(type_) if field.name not in known]
        return {
            "properties": {field.encode_name: self._value(hints[field.name]) for field in own},
            "required": [field.encode_name for field in own if UnsetType not in get_args(hints[field.name])],
        }

    def _value(self, hint: Any) -> Schema:
        origin, arguments = get_origin(hint), get_args(hint)
        if origin is Annotated:
            return self._annotated(*arguments)
        if origin is Literal:
            return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
        if origin in (Union, UnionType):
            return self._either(*arguments)
        if origin is list:
            return {"type": "array", "items": self._value(arguments[0])}
        if hint in self._names:
            return {"$ref": _ref(self._names[hint])}
        if isinstance(hint, type) and issubclass(hint, Struct):
            return self._object(hint)
        return {"type": _TYPES[hint]}

    def _annotated(self, hint: Any, *notes: object) -> Schema:
        for note in notes:
            if isinstance(note, Described):
                return {"$ref": _ref(note.schema)}
            if isinstance(note, Always):
                return {"const": note.value}
            if isinstance(note, Written):
                return {}
        schema = self._value(hint)
        for note in notes:
            if isinstance(note, Meta):
                schema |= {word: bound for name, word in _BOUNDS.items() if (bound := getattr(note, name)) is not None}
        return schema

    def _either(self, *hints: Any) -> Schema:
        """One type, possibly nullable or optional."""
        (hint,) = (each for each in hints if each not in (NoneType, UnsetType))
        schema = self._value(hint)
        if NoneType not in hints:
            return schema
        if "$ref" in schema:
            return {"oneOf": [schema, {"type": "null"}]}
        if "enum" in schema:
            return {"enum": [*schema["enum"], None]}
        return schema | {"type": [schema["type"], "null"]}


def _ref(name: str) -> str:
    return f"#/components/schemas/{name}"
