"""Annotations of response fields for the OpenAPI document, beyond the type."""

from typing import NamedTuple


class Described(NamedTuple):
    """The field is described by the schema of this name."""

    schema: str


class Always(NamedTuple):
    """The field always holds this value."""

    value: str


class Written(NamedTuple):
    """The field's schema is written by hand in the document: it says more than a type can."""
