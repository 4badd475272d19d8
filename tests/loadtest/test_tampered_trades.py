"""One profit, one price or one side of a trade is changed in the statements: the auditor finds it."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec
import pytest

from loadtest.auditor import Statements, read_openings, write_openings
from loadtest.futures_money import MoneyAudit, Terms
from loadtest.match_audit import MatchAudit
from loadtest.positions import UNIT, Position
from loadtest.statement import FuturesStatement, JsonObject, Opening
from tests.loadtest.stage import Load, audit

LEVERAGE: Final = 20


def skim_a_profit(statements: Statements) -> tuple[str, str]:
    """The wallet lacks it as well: both report the same."""
    name, fill = next(
        (name, fill)
        for name, futures in statements.futures.items()
        for fill in futures.fills.values()
        if Decimal(fill["realizedPnl"]) > 0
    )
    fill["realizedPnl"] = str(Decimal(fill["realizedPnl"]) - UNIT)
    account = statements.futures[name].account
    account["totalWalletBalance"] = str(Decimal(account["totalWalletBalance"]) - UNIT)
    return name, "the profit should be"


def skim_an_entry(statements: Statements) -> tuple[str, str]:
    """A long position has cost more than was paid, or a short one brought less: its profit will be less."""
    name, position = _held(statements)
    position["unrealizedProfit"] = str(Decimal(position["unrealizedProfit"]) - UNIT)
    return name, "the positions are"


def move_a_position(statements: Statements) -> tuple[str, str]:
    name, position = _held(statements)
    position["positionAmt"] = str(Decimal(position["positionAmt"]) * 2)
    return name, "the positions are"


def pay_out_less_than_came_in(statements: Statements) -> tuple[str, str]:
    name, futures = next((name, futures) for name, futures in statements.futures.items() if futures.fills)
    futures.account["totalWalletBalance"] = str(Decimal(futures.account["totalWalletBalance"]) - UNIT)
    return name, "all futures wallets"


def lose_a_token(statements: Statements) -> tuple[str, str]:
    name, spot = next(iter(statements.spot.items()))
    available, frozen = spot.balances["DF"]
    spot.balances["DF"] = available - UNIT, frozen
    return name, "all accounts have -0.000001 DF"


def report_another_price_to_one_side(statements: Statements) -> tuple[str, str]:
    """It has paid that much, too: its own statement is right in itself."""
    name, trade = _free_trade(statements)
    trade["price"] = str(Decimal(trade["price"]) + UNIT)
    available, frozen = statements.spot[name].balances["USDT"]
    more = Decimal(trade["quantity"]) * UNIT * (-1 if trade["side"] == "buy" else 1)
    statements.spot[name].balances["USDT"] = available + more, frozen
    return name, "do not agree"


def make_both_sides_makers(statements: Statements) -> tuple[str, str]:
    name, trade = _free_trade(statements)
    trade["role"] = "maker"
    return name, "has no maker and taker"


def let_both_sides_buy(statements: Statements) -> tuple[str, str]:
    name, fill = next((name, fill) for name, futures in statements.futures.items() for fill in futures.fills.values())
    fill["side"] = "BUY" if fill["side"] == "SELL" else "SELL"
    return name, "has no buyer and seller"


def trade_among_three(statements: Statements) -> tuple[str, str]:
    name, _ = _free_trade(statements)
    number, trade = next(iter(statements.spot[name].trades.items()))
    other = next(other for other, spot in statements.spot.items() if number not in spot.trades)
    statements.spot[other].trades[number] = trade
    return other, "has more than two sides"


def _held(statements: Statements) -> tuple[str, JsonObject]:
    rows = ((name, row) for name, futures in statements.futures.items() for row in futures.account["positions"])
    return next((name, row) for name, row in rows if Decimal(row["positionAmt"]))


def _free_trade(statements: Statements) -> tuple[str, JsonObject]:
    """As a taker, without a fee that would be another one."""
    rows = ((name, trade) for name, spot in statements.spot.items() for trade in spot.trades.values())
    return next((name, trade) for name, trade in rows if trade["role"] == "taker" and not Decimal(trade["fee"]))


@pytest.mark.parametrize(
    "tamper",
    [
        skim_a_profit,
        skim_an_entry,
        move_a_position,
        pay_out_less_than_came_in,
        lose_a_token,
        report_another_price_to_one_side,
        make_both_sides_makers,
        let_both_sides_buy,
        trade_among_three,
    ],
)
def test_a_wrong_statement_of_trades_is_found(load: Load, tamper: Callable[[Statements], tuple[str, str]]) -> None:
    statements = deepcopy(load.auditor.statements)
    name, expected = tamper(statements)
    found = audit(load, name, load.calls, load.openings, statements)
    assert any(expected in text for text in found), found


def test_a_trade_with_a_stranger_is_found(load: Load) -> None:
    assert list(load.auditor.matches(load.openings).strangers()) == []
    statements = deepcopy(load.auditor.statements)
    fills = next(futures.fills for futures in statements.futures.values() if futures.fills)
    (symbol, number), _ = fills.popitem()
    (found,) = MatchAudit(load.openings, statements.spot, statements.futures).strangers()
    assert f"trade {symbol} {number} was reported to one side only" in found


def test_with_strangers_the_sum_of_money_is_not_checked(load: Load) -> None:
    statements = deepcopy(load.auditor.statements)
    name, _ = pay_out_less_than_came_in(statements)
    traded = [other for other, futures in statements.futures.items() if futures.fills and other != name]
    del statements.futures[traded[0]]
    assert list(MatchAudit(load.openings, statements.spot, statements.futures).findings()) == []


def test_an_account_may_begin_with_positions(load: Load, tmp_path: Path) -> None:
    statements = load.auditor.statements.futures
    openings = {name: _after_half(load.openings[name], futures) for name, futures in statements.items()}
    assert any(opening.positions for opening in openings.values())
    write_openings(tmp_path / "openings.json", openings)
    for name, opening in read_openings(tmp_path / "openings.json").items():
        assert _by_fills(opening, statements[name]) == []
        for symbol, position in opening.positions.items():
            opening.positions[symbol] = msgspec.structs.replace(position, cost=position.cost + UNIT)
            assert _by_fills(opening, statements[name])
            opening.positions[symbol] = position


def _after_half(opening: Opening, statements: FuturesStatement) -> Opening:
    """As if the load had begun then."""
    wallet, positions = opening.wallet, dict(opening.positions)
    rows = sorted(statements.fills.items())
    for (symbol, _), row in rows[: len(rows) // 2]:
        amount = Decimal(row["qty"]) * (1 if row["buyer"] else -1)
        positions[symbol], profit = positions.get(symbol, Position()).trade(amount, Decimal(row["price"]), LEVERAGE)
        wallet += profit - Decimal(row["commission"])
    return msgspec.structs.replace(opening, wallet=wallet, positions={k: v for k, v in positions.items() if v.amount})


def _by_fills(opening: Opening, statements: FuturesStatement) -> list[str]:
    """What is wrong by the other half of the fills; their orders are no matter here."""
    rows = sorted(statements.fills.items())
    half = statements._replace(fills=dict(rows[len(rows) // 2 :]))
    terms = {symbol: Terms(Decimal(1), Decimal(0), Decimal(0), LEVERAGE) for symbol, _ in statements.fills}
    return list(MoneyAudit(opening, terms, half).follow_fills())
