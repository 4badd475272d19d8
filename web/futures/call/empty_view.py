"""The response that says nothing but 200."""

from typing import Final

import msgspec


class EmptyView(msgspec.Struct, gc=False):
    """An empty object."""


EMPTY: Final = EmptyView()
