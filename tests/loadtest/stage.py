"""A short load with a shard killed in its midst, and what its auditor found."""

from typing import NamedTuple

from loadtest.__main__ import may_lose
from loadtest.accounts import Account
from loadtest.auditor import Auditor, Openings, Statements
from loadtest.exchange import Exchange
from loadtest.load import Plan
from loadtest.processes import Processes
from loadtest.record import Call


class Load(NamedTuple):
    exchange: Exchange
    accounts: list[Account]
    spares: list[Account]  # take no part
    plan: Plan
    openings: Openings
    calls: list[Call]
    processes: Processes  # before it
    auditor: Auditor  # has read the statements at the end
    found: list[str]


def audit(load: Load, name: str, calls: list[Call], openings: Openings, statements: Statements) -> list[str]:
    """Of one account, by these statements."""
    auditor = Auditor(load.exchange.base_url, [each for each in load.accounts if each.account == name])
    auditor.statements = statements
    return list(auditor.findings(calls, openings, may_lose("shard", None)))
