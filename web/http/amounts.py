"""Amounts in requests: decimal texts → whole numbers of an asset's smallest unit."""

from typing import Annotated

from shards.model.decimals import Decimal, count_steps, parse_decimal
from storage.reference import Asset
from web.http.errors import invalid

DecimalText = Annotated[str, "a decimal number, as written"]


def read_amount(text: str, name: str) -> Decimal:
    """Parse a decimal; raises ``invalid <name>``."""
    value = parse_decimal(text)
    if value is None:
        raise invalid(name)
    return value


def count_units(value: Decimal, asset: Asset, name: str) -> int:
    """An amount in the asset's smallest unit; raises ``invalid <name>`` if it has more decimals than the asset."""
    units = count_steps(value, Decimal(1, asset.decimals))
    if units is None:
        raise invalid(name)
    return units
