"""Types → schemas, as the OpenAPI documents have them."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct, UnsetType

from web.http.described import Described
from web.openapi.shapes import Shapes

Amount = Annotated[str, Described("Amount")]


class Part(Struct):
    number: Annotated[int, Meta(ge=1, lt=9)]


class Whole(Struct):
    amount: Amount
    nothing: Amount | None
    count: Annotated[int, Meta(ge=0)] | None
    word: Literal["a", "b"]
    reason: Literal["a", "b"] | None
    always: Literal["USDT"]
    never: None
    parts: list[Part]


class More(Whole):
    part: Part
    later: Amount | UnsetType


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("amount", {"$ref": "#/components/schemas/Amount"}),
        ("nothing", {"oneOf": [{"$ref": "#/components/schemas/Amount"}, {"type": "null"}]}),
        ("count", {"type": ["integer", "null"], "minimum": 0}),
        ("word", {"enum": ["a", "b"]}),
        ("reason", {"enum": ["a", "b", None]}),
        ("always", {"const": "USDT"}),
        ("never", {"type": "null"}),
        ("parts", {"type": "array", "items": {"$ref": "#/components/schemas/Part"}}),
    ],
)
def test_what_a_field_holds(name: str, schema: dict[str, Any]) -> None:
    whole = Shapes({"Whole": Whole, "Part": Part}).of("Whole")
    assert whole["properties"][name] == schema
    assert name in whole["required"]


def test_a_type_without_a_name_is_described_in_place() -> None:
    part = {
        "type": "object",
        "properties": {"number": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9}},
        "required": ["number"],
        "additionalProperties": False,
    }
    assert Shapes({"Part": Part}).of("Part") == part
    assert Shapes({"Whole": Whole}).of("Whole")["properties"]["parts"]["items"] == part


def test_what_adds_to_another_tells_what_it_adds() -> None:
    shapes = Shapes({"Whole": Whole, "More": More, "Part": Part})
    assert shapes.of("More") == {
        "$ref": "#/components/schemas/Whole",
        "properties": {
            "part": {"$ref": "#/components/schemas/Part"},
            "later": {"$ref": "#/components/schemas/Amount"},
        },
        "required": ["part"],
    }
    assert "additionalProperties" not in shapes.of("Whole")
