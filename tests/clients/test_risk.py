"""ccxt reads brackets, the price band, and what a position must be left with, by its unified calls."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.clients import PYTHON, TEST_S, Client
from tests.clients.program import Program
from tests.http.futures.trader import Trader, list_contract
from tests.http.venue import Venue

BRACKETS = ((40_000, 100, "0.005"), (200_000, 50, "0.01"), (1_000_000, 25, "0.02"))


@pytest.mark.timeout(TEST_S)
@pytest.mark.parametrize("client", [client for client in PYTHON if client.program == "ccxt_unified.py"], ids=str)
def test_tiers_filters_and_positions(
    program_of: Callable[[Client], Program], client: Client, venue: Venue, own: Trader, other: Trader
) -> None:
    terms: list[dict[str, Any]] = [
        {"notional_cap": cap, "max_leverage": leverage, "maint_margin_ratio": ratio}
        for cap, leverage, ratio in BRACKETS
    ]
    fees = {"maker_fee_bps": 0, "taker_fee_bps": 0}
    symbol = list_contract(venue, base_asset=venue.asset(8), mark_price="50000", brackets=terms, **fees)
    ccxt = program_of(client)
    ccxt.call("connect", url=venue.exchange.base_url, key=own.caller.key, secret=own.caller.secret)
    band = ccxt.call("filters", symbol=symbol)[4]
    assert (band["filterType"], band["multiplierUp"], band["multiplierDown"]) == ("PERCENT_PRICE", "1.05", "0.95")
    tiers = ccxt.call("tiers", symbol=symbol)
    floors = (0, *(cap for cap, _, _ in BRACKETS))
    for number, (tier, (cap, leverage, ratio), floor) in enumerate(zip(tiers, BRACKETS, floors, strict=False), 1):
        assert (tier["tier"], tier["minNotional"], tier["maxNotional"]) == (number, floor, cap)
        assert (tier["maxLeverage"], tier["maintenanceMarginRate"]) == (leverage, float(ratio))
    other.place(symbol, "SELL", "50000", "0.3")
    own.place(symbol, "BUY", "50000", "0.3")
    position = ccxt.call("position", symbol=symbol)
    assert position["maintenanceMargin"] == 75
    assert float(position["liquidationPrice"]) == pytest.approx(5_000 / (0.3 * 0.995), abs=0.05)
