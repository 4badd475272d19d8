"""How a field of an answer names its description in the OpenAPI document."""

from typing import NamedTuple


class Described(NamedTuple):
    """Stands in the field's annotation: a schema of that name describes what it holds."""

    schema: str
