"""Audit of the accounts' spot calls against the exchange's statements afterwards."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from loadtest.auditor import read_places
from loadtest.markets import read_markets
from loadtest.reader import Reader
from loadtest.spot_audit import SpotAudit
from loadtest.statement import Opening, read_spot
from tests.crash.calls import READABLE_S, Call, wait_decided
from tests.crash.floor import FUNDS, QUOTE, Account, Floor

EVER_S: Final = 1  # start of the statements


def audit_spot(floor: Floor, accounts: Sequence[Account], calls: Sequence[Call]) -> list[str]:
    """All findings about these accounts' calls; no call may be pending."""
    wait_decided(calls)
    url, found = floor.exchange.base_url, []
    markets, decimals = {market.symbol: market for market in read_markets(url)}, read_places(url)
    funds = {asset: Decimal(FUNDS) for asset in (QUOTE, *(market.base for market in floor.markets))}
    for account in accounts:
        own = [call.as_record("spot") for call in calls if call.account is account]
        with Reader(url, account, READABLE_S) as reader:
            audit = SpotAudit(own, Opening(EVER_S, funds, Decimal(0), {}), markets, decimals)
            said = read_spot(reader, EVER_S)
            found += [f"{account.account}: {text}" for text in audit.findings(reader, said)]
    return found
