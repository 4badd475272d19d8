"""Audit of one account's futures calls against the exchange's statement afterwards."""

from collections.abc import Iterator, Mapping, Sequence

from loadtest.futures_cancels import CancelAudit
from loadtest.futures_money import MoneyAudit, Terms
from loadtest.futures_orders import OrderAudit
from loadtest.placements import resolve
from loadtest.reader import Reader
from loadtest.record import Call
from loadtest.statement import FuturesStatement, Opening


class FuturesAudit:
    """One account, once no call is pending and every countdown has expired."""

    def __init__(self, calls: Sequence[Call], opening: Opening, terms: Mapping[str, Terms]) -> None:
        """``calls``: the account's on futures. ``terms`` by symbol."""
        self._calls = sorted(calls, key=lambda call: call.started)
        self._opening = opening
        self._terms = terms

    def findings(self, reader: Reader, statement: FuturesStatement) -> Iterator[str]:
        """All findings as texts. Raises Unanswered."""
        known, found = resolve(self._calls, reader)
        yield from found
        orders = OrderAudit(self._calls, known, statement)
        yield from orders.findings(self._opening.time_s)
        yield from CancelAudit(self._calls, known, statement).findings()
        yield from MoneyAudit(self._opening, self._terms, statement).findings(orders.limits())
