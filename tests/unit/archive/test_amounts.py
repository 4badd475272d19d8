"""Prices, quantities and amounts of the views: the nearest DOUBLE, the exact value beside it, on every market."""

import os
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from shards.archive.service import History
from shards.model.events import Event, MarketChanged, OrderEnded, Traded
from shards.model.markets import Market, Product
from shards.model.orders import Kind, Side
from tests.unit.archive.samples import (
    BTC_FUTURES,
    BTCUSDT,
    DFUSDT,
    make_fill,
    make_move,
    make_order,
    make_trade,
    number_rows,
    table,
)

FINE = Market(9, Product.SPOT, "FINE", "F", "WEI", 18, 18, 1, 9, 1, 9, 1, 0, 0)  # an asset of 18 decimals on each side
COARSE = Market(10, Product.SPOT, "COARSE", "C", "USDT", 0, 6, 2_500, 0, 1_000, 0, 1, 0, 0)
MARKETS = (DFUSDT, BTCUSDT, BTC_FUTURES, FINE, COARSE)
SEED = int(os.environ.get("SHARDEX_TEST_SEED", "11"))
COUNT = 60


def tick(market: Market) -> Fraction:
    return Fraction(market.tick_digits, 10**market.price_decimals)


def lot(market: Market) -> Fraction:
    return Fraction(market.lot_digits, 10**market.lot_decimals)


def wide(chance: Random, largest: int) -> int:
    """Of any size."""
    return max(1, int(largest ** chance.random()))


def close(found: object, exact: Fraction, steps: int = 2) -> bool:
    """Within so many units in the last place."""
    nearest = float(exact)
    return isinstance(found, float) and abs(found - nearest) <= steps * 2**-52 * abs(nearest)


def random_orders(chance: Random) -> dict[int, tuple[Market, Any]]:
    orders = {}
    for sequence in range(1, COUNT + 1):
        market = chance.choice(MARKETS)
        price = wide(chance, int(10**9 / tick(market)))
        quantity = wide(chance, int(10**12 / lot(market)))
        filled = chance.choice((wide(chance, quantity), quantity, 0))
        worse = chance.choice((0, wide(chance, filled), wide(chance, price))) if filled else 0  # at several prices
        order = make_order(
            sequence,
            market=market.number,
            side=chance.choice([Side.BUY, Side.SELL]),
            price=price,
            quantity=quantity,
            filled=filled,
            filled_value=min(price * filled + worse, 10**38 - 1),
        )
        orders[order.id] = (market, order)
    return orders


def test_amounts_of_orders(history: History) -> None:
    print(f"SHARDEX_TEST_SEED={SEED}")
    orders = random_orders(Random(SEED))
    markets = [MarketChanged(market, 1) for market in MARKETS]
    history.store({0: number_rows([*markets, *(OrderEnded(order) for _, order in orders.values())])})
    for row in table(history, "FROM orders"):
        market, order = orders[int(str(row["order_id"]))]
        price, quantity = order.price * tick(market), order.quantity * lot(market)
        assert row["price"] == float(price), order
        assert row["quantity"] == float(quantity), order
        assert row["filled"] == float(order.filled * lot(market)), order
        assert Fraction(Decimal(str(row["price_exact"]))) == price, order
        assert Fraction(Decimal(str(row["quantity_exact"]))) == quantity, order
        left = order.quantity - order.filled
        for column, tick_lots in (
            ("notional", order.price * order.quantity),
            ("left_notional", order.price * left),
            ("filled_quote", order.filled_value),
        ):
            exact = tick_lots * tick(market) * lot(market)
            digits = tick_lots * market.tick_digits * market.lot_digits
            assert row[column] == float(exact) or (digits >= 2**127 and close(row[column], exact)), (column, order)
        if order.filled:
            average = order.filled_value * tick(market) / order.filled
            digits = order.filled_value * market.tick_digits + order.filled * 10**18
            found = row["average_price"]
            assert found == float(average) or (digits >= 2**127 and close(found, average)), order


def test_an_average_price_and_a_deposit_are_what_they_were(history: History) -> None:
    order = make_order(market=3, price=500_931, quantity=25, filled=25, filled_value=500_931 * 25)
    finest = make_move(8, asset="WEI", amount=100_000 * 10**18)
    events: list[Event] = [
        MarketChanged(BTC_FUTURES, 1),
        MarketChanged(FINE, 1),
        OrderEnded(order),
        make_move(),
        finest,
    ]
    history.store({0: number_rows(events)})
    assert table(history, "SELECT price, average_price FROM orders") == [{"price": 50093.1, "average_price": 50093.1}]
    assert table(history, "SELECT amount FROM movements ORDER BY request") == [{"amount": 100}, {"amount": 100_000}]


@pytest.mark.parametrize("view", ["orders", "trades", "fills", "futures_fills"])
@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.symbol + str(market.number))
def test_price_times_quantity_adds_up(history: History, view: str, market: Market) -> None:
    price, quantity = int(10**9 / tick(market)), int(10**12 / lot(market))
    terms: dict[str, Any] = {"market": market.number, "price": price, "quantity": quantity}
    events: list[Event] = [MarketChanged(market, 1)]
    for sequence in (1, 2, 3):
        events += [OrderEnded(make_order(sequence, **terms)), Traded(make_trade(sequence, **terms))]
        events.append(make_fill(sequence, **terms))
    history.store({0: number_rows(events)})
    sides = 2 if view == "fills" else 1
    (row,) = table(history, f"SELECT sum(price * quantity) AS product, sum(notional) AS notional FROM {view}")
    assert row["product"] == row["notional"] == pytest.approx(3e21 * sides)


def test_what_was_held_for_an_order(history: History) -> None:
    """At its placement and at its end, by side, kind and product."""
    orders = [
        make_order(1, side=Side.BUY, price=6_100, quantity=4_000, filled=1_250),
        make_order(2, side=Side.SELL, quantity=4_000, filled=4_000),
        make_order(3, side=Side.BUY, kind=Kind.MARKET, price=0, quantity=0, quote_quantity=10_000_000, filled=1_250),
        make_order(4, market=3, price=600_000, quantity=25, filled=10, leverage=7, hold_price=600_000),
        make_order(5, market=3, price=600_000, quantity=25, filled=0, leverage=0),
        make_order(6, market=3, price=600_000, quantity=25, filled=10, leverage=7, hold_price=600_000, loss=100),
        make_order(7, market=3, price=600_000, quantity=25, filled=10, leverage=0, loss=100, reduce_only=True),
    ]
    history.store({0: number_rows([MarketChanged(DFUSDT, 1), MarketChanged(BTC_FUTURES, 1), *map(OrderEnded, orders)])})
    columns = "hold_at_placement_units AS placed, hold_units AS ended, hold_asset AS asset"
    assert [tuple(row.values()) for row in table(history, f"SELECT {columns} FROM orders ORDER BY order_id")] == [
        ("24400000", "16775000", "USDT"),
        ("40000000000000000000", "0", "DF"),
        ("10000000", "2375000", "USDT"),
        ("214285715", "128571429", "USDT"),
        ("0", "0", "USDT"),
        ("214535715", "128721429", "USDT"),  # each lot would lose 10,000 units
        ("250000", "150000", "USDT"),
    ]
