"""What annotations of an answer's fields tell the OpenAPI document beyond the type."""

from typing import NamedTuple


class Described(NamedTuple):
    """A schema of that name describes what the field holds."""

    schema: str


class Always(NamedTuple):
    """The field never holds anything else."""

    value: str


class Written(NamedTuple):
    """The document itself says what the field holds: it is more than a type can tell."""
