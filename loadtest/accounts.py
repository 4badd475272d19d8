"""The accounts a load uses: one per concurrent user."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from web.cli.demo import Demo


class Account(msgspec.Struct, frozen=True):
    """An account and its credentials."""

    account: str
    jwt: str
    api_key: str
    api_secret: str


class AccountsUnusable(Exception):
    """The account file cannot be read, or is not one; the text says which and why."""


def read_accounts(path: Path) -> list[Account]:
    """Read a JSON list of accounts, or an exchange's ``demo.json``; raises AccountsUnusable."""
    try:
        found = _parse(path.read_bytes())
    except OSError as fault:
        raise AccountsUnusable(f"{path} cannot be read ({fault.strerror})") from fault
    except msgspec.DecodeError as fault:
        raise AccountsUnusable(f"{path} is neither a JSON list of accounts nor a demo.json: {fault}") from fault
    if not found:
        raise AccountsUnusable(f"{path} holds no account")
    return found


def _parse(content: bytes) -> list[Account]:
    if content.lstrip()[:1] != b"{":
        return msgspec.json.decode(content, type=list[Account])
    demo = msgspec.json.decode(content, type=Demo)
    return [Account(each.id, each.jwt, each.api_key, each.api_secret) for each in demo.accounts]


def write_accounts(path: Path, accounts: Sequence[Account]) -> None:
    """Write a file for :func:`read_accounts`; readable by its owner only, because it is secret."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(accounts))


class Pool:
    """Accounts not in use; each user has one of its own, so that an account's calls are sequential."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._free = list(accounts)

    def take(self) -> Account:
        """Raises IndexError if there are fewer accounts than users."""
        return self._free.pop(0)

    def give_back(self, account: Account) -> None:
        self._free.append(account)
