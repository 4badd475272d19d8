"""SQL expressions for prices, quantities and amounts: integers in ticks, lots and smallest units → decimals.

Rounded ones are the nearest DOUBLE: both factors and the power of ten are exact below 2^53 and 10^22, so a single
division rounds once. Larger integers are parsed as decimal text, which is ten times as expensive and rounds once, too.
The error can reach two units in the last place only for values that exceed 128 bits on the way, and for steps with more
than 15 digits (of an amount, tick and lot together), because digits are held as a DOUBLE.

The cost is in columns of the market, which the join copies into every row, and in branches that most rows take: so a
step has two columns, and the rarely taken branch comes first (docs/performance.md).
"""

from typing import Final

_EXACT: Final = "9007199254740992e0"  # 2^53


def _factors(step: str, digits: str, decimals: str) -> str:
    """Return two DOUBLE columns: a step's digits, infinite if their power of ten is not exact; and that power."""
    return (
        f"CASE WHEN {decimals} <= 22 THEN {digits}::DOUBLE ELSE 'infinity'::DOUBLE END AS {step}_factor,"
        f" 10e0 ** {decimals} AS {step}_scale"
    )


MARKETS: Final = f"""(
    SELECT *, places_of_tick + places_of_lot AS notional_places,
        {_factors("tick", "tick_digits", "places_of_tick")},
        {_factors("lot", "lot_digits", "places_of_lot")},
        {_factors("notional", "(tick_digits * lot_digits)", "(places_of_tick + places_of_lot)")},
        10e0 ** base_places AS base_scale, 10e0 ** quote_places AS quote_scale,
        TRY(tick_digits * lot_digits
            * ('1' || repeat('0', quote_places - places_of_tick - places_of_lot))::HUGEINT) AS tick_lot_units,
        TRY(lot_digits * ('1' || repeat('0', base_places - places_of_lot))::HUGEINT) AS lot_units
    FROM (
        SELECT *, replace(tick_text, '.', '')::HUGEINT AS tick_digits,
            replace(lot_text, '.', '')::HUGEINT AS lot_digits, length(split_part(tick_text, '.', 2)) AS places_of_tick,
            length(split_part(lot_text, '.', 2)) AS places_of_lot
        FROM (
            SELECT *, rtrim(tick_size::VARCHAR, '0') AS tick_text, rtrim(lot_size::VARCHAR, '0') AS lot_text
            FROM stored.markets
        )
    )
)"""
"""The markets with their decimals, computed once per market. A step is its digits / 10^places."""


def nearest(number: str, decimals: str, scale: str) -> str:
    """``number`` / 10^``decimals`` as the nearest DOUBLE; ``scale`` is 10^``decimals``."""
    return (
        f"CASE WHEN abs({number}::DOUBLE) < {_EXACT} AND {decimals} <= 22 THEN {number}::DOUBLE / {scale}"
        f" ELSE ({number}::VARCHAR || 'e-' || {decimals})::DOUBLE END"
    )


def price(ticks: str) -> str:
    """A price of ``ticks`` of the market ``m``, in quote."""
    return _steps(ticks, "tick")


def quantity(lots: str) -> str:
    """A quantity of ``lots`` of the market ``m``, in base."""
    return _steps(lots, "lot")


def _steps(number: str, step: str) -> str:
    return (
        f"CASE WHEN {number}::DOUBLE * m.{step}_factor >= {_EXACT}"
        f" THEN (({number} * m.{step}_factor::HUGEINT)::VARCHAR || 'e-' || round(log10(m.{step}_scale))::INT)::DOUBLE"
        f" ELSE {number}::DOUBLE * m.{step}_factor / m.{step}_scale END"
    )


def notional(ticks: str, lots: str) -> str:
    """Price × quantity, in quote."""
    product = f"{ticks}::DOUBLE * {lots}::DOUBLE"
    return (
        f"CASE WHEN {product} * m.notional_factor >= {_EXACT}"
        f" THEN coalesce({_exact_notional(f'{ticks} * {lots}')}, ({price(ticks)}) * ({quantity(lots)}))"
        f" ELSE {product} * m.notional_factor / m.notional_scale END"
    )


def sum_of_notionals(tick_lots: str) -> str:
    """A sum of ticks × lots, in quote."""
    return (
        f"CASE WHEN {tick_lots}::DOUBLE * m.notional_factor >= {_EXACT}"
        f" THEN coalesce({_exact_notional(tick_lots)},"
        f" ({tick_lots}::VARCHAR || 'e-' || m.notional_places)::DOUBLE * m.tick_factor * m.lot_factor)"
        f" ELSE {tick_lots}::DOUBLE * m.notional_factor / m.notional_scale END"
    )


def _exact_notional(tick_lots: str) -> str:
    """Computed by decimal text; NULL beyond 128 bits."""
    digits = f"({tick_lots} * m.notional_factor::HUGEINT)::VARCHAR"
    return f"TRY(({digits} || 'e-' || round(log10(m.notional_scale))::INT)::DOUBLE)"


def average_price(tick_lots: str, lots: str) -> str:
    """Average price of fills with these sums, in quote; NULL without fills."""
    each = f"({tick_lots} // nullif({lots}, 0))"
    above, below = f"{tick_lots}::DOUBLE * m.tick_factor", f"nullif({lots}, 0)::DOUBLE * m.tick_scale"
    return (
        f"CASE WHEN {tick_lots} % nullif({lots}, 0) = 0 THEN {price(each)}"
        f" WHEN {above} < {_EXACT} AND {below} < {_EXACT} THEN ({above}) / ({below})"
        f" ELSE coalesce({_exact_average(tick_lots, lots)}, ({above}) / ({below})) END"
    )


def _exact_average(tick_lots: str, lots: str) -> str:
    """Computed by decimal text of 19 digits or more, the last nonzero if there is a remainder; NULL beyond 128 bits."""
    sum_of_digits = f"({tick_lots} * m.tick_factor::HUGEINT)"
    rest = f"({sum_of_digits} % {lots} * {10**18}::HUGEINT)"
    text = (
        f"({sum_of_digits} // {lots})::VARCHAR || lpad(({rest} // {lots})::VARCHAR, 18, '0')"
        f" || least({rest} % {lots}, 1)::VARCHAR || 'e-' || (round(log10(m.tick_scale)) + 19)::INT"
    )
    return f"TRY(({text})::DOUBLE)"


def quote_units(number: str) -> str:
    """An amount in smallest units of the quote asset of the market ``m``, in quote."""
    return nearest(number, "m.quote_places", "m.quote_scale")
