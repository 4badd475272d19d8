"""Leverage brackets as operators write them: rows of texts and numbers ↔ integers."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from shards.model.brackets import MILLION, Bracket, make_brackets
from shards.model.decimals import Decimal, count_steps, parse_decimal
from shards.model.markets import Market
from web.exchange.fields import Amount, Positive
from web.http.errors import Problem, invalid
from web.http.formats import RATIO_DECIMALS, format_ratio
from web.http.parse import Number, read_long, read_text
from web.operator.limits import BRACKET_COUNT_MAX, LEVERAGE_MAX, NOTIONAL_MAX


class BracketView(msgspec.Struct, gc=False):
    """A row in the form of a JSON body."""

    notional_cap: Positive
    max_leverage: Positive
    maint_margin_ratio: Amount


FIELDS: Final = BracketView.__struct_fields__
BracketRow = tuple[int, int, str]
"""Cap in whole units of the quote asset, maximum leverage, maintenance ratio as a decimal text."""


def read_rows(value: object) -> list[BracketRow]:
    """Parse rows of a JSON body; raises ``invalid brackets``."""
    if not isinstance(value, list):
        raise invalid("brackets")
    return [_read_row(each) for each in value]


def rows_of(market: Market) -> list[BracketRow]:
    """The brackets of a futures market."""
    unit = 10**market.quote_decimals
    return [(each.cap // unit, each.max_leverage, format_ratio(each.ratio)) for each in market.brackets]


def to_brackets(rows: Sequence[BracketRow], decimals: int, name: str = "brackets", band: int = 0) -> list[Bracket]:
    """The brackets of these rows; ``decimals``: decimals of the quote asset. Raises ``invalid <name>``.

    ``band``: millionths of the mark price by which fills may lie below it. The margin of such a fill must cover the
    maintenance margin of its position, which follows the mark price.
    """
    if not 1 <= len(rows) <= BRACKET_COUNT_MAX:
        raise invalid(name)
    unit = 10**decimals
    try:
        brackets = make_brackets((cap * unit, leverage, _read_ratio(ratio)) for cap, leverage, ratio in rows)
    except ValueError:
        raise invalid(name) from None
    if not all(_is_sane(bracket, unit) for bracket in brackets):
        raise invalid(name)
    if any(bracket.ratio * bracket.max_leverage > MILLION - band for bracket in brackets):
        raise invalid(name)
    return brackets


def _is_sane(bracket: Bracket, unit: int) -> bool:
    """Bounds of a bracket; ``cum`` must be a whole number, as clients expect."""
    return bracket.cap <= NOTIONAL_MAX * unit and bracket.max_leverage <= LEVERAGE_MAX and not bracket.cum % unit


def _read_ratio(text: str) -> int:
    """In millionths. Raises ValueError."""
    value = parse_decimal(text)
    millionths = count_steps(value, Decimal(1, RATIO_DECIMALS)) if value is not None else None
    if millionths is None:
        raise ValueError("no ratio")
    return millionths


def _read_row(value: object) -> BracketRow:
    if not isinstance(value, Mapping) or set(value) != set(FIELDS):
        raise invalid("brackets")
    cap, leverage = read_long(value["notional_cap"]), read_long(value["max_leverage"])
    ratio = value["maint_margin_ratio"]
    text = str(ratio) if isinstance(ratio, Number) else read_text(ratio)
    if cap is None or leverage is None or text is None:
        raise invalid("brackets")
    return cap, leverage, text


def parse_row(text: str) -> BracketRow:
    """Parse a row of the command line: CAP:LEVERAGE:RATIO. Raises Problem."""
    parts = text.split(":")
    if len(parts) != len(FIELDS) or not all(part.isascii() and part.isdigit() for part in parts[:2]):
        raise Problem(400, "a bracket is CAP:LEVERAGE:RATIO, as in 40000:100:0.005")
    return int(parts[0]), int(parts[1]), parts[2]
