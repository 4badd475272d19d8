"""Audit of trades from both sides, and of the conservation of funds across accounts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from loadtest.statement import FuturesStatement, Opening, SpotStatement, read_positions


class Side(NamedTuple):
    """A trade as reported to one account."""

    account: str
    symbol: str
    price: Decimal
    quantity: Decimal
    buys: bool
    maker: bool


class MatchAudit:
    """All accounts of a load, once each statement has been read."""

    def __init__(
        self,
        openings: Mapping[str, Opening],
        spot: Mapping[str, SpotStatement],
        futures: Mapping[str, FuturesStatement],
    ) -> None:
        """The opening and final statements of each account."""
        self._openings = openings
        self._spot = spot
        self._futures = futures
        self._trades = {"spot": _spot_trades(spot), "futures": _futures_trades(futures)}

    def findings(self) -> Iterator[str]:
        """All findings as texts. Conservation is checked only if no other account took part."""
        for trades in self._trades.values():
            for name, sides in trades.items():
                yield from _check_sides(name, sides)
        if not any(self._one_sided("spot")):
            yield from self._check_spot_money()
        if not any(self._one_sided("futures")):
            yield from self._check_futures_money()

    def strangers(self) -> Iterator[str]:
        """Trades with unknown accounts: there are none if nobody else trades."""
        for product in self._trades:
            yield from self._one_sided(product)

    def _one_sided(self, product: str) -> Iterator[str]:
        for name, sides in self._trades[product].items():
            if len(sides) == 1:
                yield f"trade {name} was reported to one side only: {sides[0]}"

    def _check_spot_money(self) -> Iterator[str]:
        """The accounts lose nothing but fees, in any token."""
        change: defaultdict[str, Decimal] = defaultdict(Decimal)
        fees: defaultdict[str, Decimal] = defaultdict(Decimal)
        for name, statement in self._spot.items():
            for token, amount in self._openings[name].spot.items():
                change[token] -= amount
            for token, (available, frozen) in statement.balances.items():
                change[token] += available + frozen
            for row in statement.trades.values():
                fees[row["fee_token"]] += Decimal(row["fee"])
        for token in change.keys() | fees.keys():
            if change[token] != -fees[token]:
                yield f"all accounts have {change[token]:+f} {token}, and paid fees of {fees[token]:f}"

    def _check_futures_money(self) -> Iterator[str]:
        """The accounts lose nothing but fees.

        An unrealized profit is in the counterparty's wallet: it is included through the cost of open positions.
        """
        change = fees = Decimal(0)
        for name, statement in self._futures.items():
            opening = self._openings[name]
            change += Decimal(statement.account["totalWalletBalance"]) - opening.wallet
            change -= sum(each.signed_cost for each in read_positions(statement.account).values())
            change += sum(each.signed_cost for each in opening.positions.values())
            fees += sum(Decimal(row["commission"]) for row in statement.fills.values())
        if change != -fees:
            yield f"all futures wallets, less what positions cost, have {change:+f}, and paid fees of {fees:f}"


def _check_sides(name: str, sides: list[Side]) -> Iterator[str]:
    """A buyer and a seller; only one side if the counterparty is unknown."""
    if len(sides) == 1:
        return
    if len(sides) > 2:
        yield f"trade {name} has more than two sides: {sides}"
        return
    one, other = sides
    if (one.symbol, one.price, one.quantity) != (other.symbol, other.price, other.quantity):
        yield f"the sides of trade {name} do not agree: {one} and {other}"
    if one.buys == other.buys:
        yield f"trade {name} has no buyer and seller: {one} and {other}"
    if one.maker == other.maker:
        yield f"trade {name} has no maker and taker: {one} and {other}"


def _spot_trades(statements: Mapping[str, SpotStatement]) -> dict[str, list[Side]]:
    trades: defaultdict[str, list[Side]] = defaultdict(list)
    for account, statement in statements.items():
        for name, row in statement.trades.items():
            amounts = Decimal(row["price"]), Decimal(row["quantity"])
            trades[name].append(Side(account, row["symbol"], *amounts, row["side"] == "buy", row["role"] == "maker"))
    return trades


def _futures_trades(statements: Mapping[str, FuturesStatement]) -> dict[str, list[Side]]:
    """By symbol and id: trade ids are per market."""
    trades: defaultdict[str, list[Side]] = defaultdict(list)
    for account, statement in statements.items():
        for (symbol, number), row in statement.fills.items():
            amounts = Decimal(row["price"]), Decimal(row["qty"])
            side = Side(account, row["symbol"], *amounts, row["side"] == "BUY", row["maker"])
            trades[f"{symbol} {number}"].append(side)
    return trades
