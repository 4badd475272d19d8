"""The accounts a load acts for: one for each user at a time."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Account(msgspec.Struct, frozen=True):
    """An account and its credentials."""

    account: str
    jwt: str
    api_key: str
    api_secret: str


def read_accounts(path: Path) -> list[Account]:
    """A JSON list of accounts; raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=list[Account])


def write_accounts(path: Path, accounts: Sequence[Account]) -> None:
    """Write what :func:`read_accounts` reads; for its owner alone, it is secret."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(accounts))


class Pool:
    """Accounts that no user has taken; each user has one to itself, so that its calls come one after the other."""

    def __init__(self, accounts: Sequence[Account]) -> None:
        self._free = list(accounts)

    def take(self) -> Account:
        """Raises IndexError if there are fewer accounts than users."""
        return self._free.pop(0)

    def give_back(self, account: Account) -> None:
        """Its user has stopped."""
        self._free.append(account)
