"""The program ``shardex``: help and version without importing what commands need; the rest is :mod:`web.cli.main`."""

import sys
from typing import Final

import click

from web.cli.words import DATA_HELP, SETTINGS

SUMMARY: Final = "Operate a Shardex exchange."
COMMANDS: Final = {
    "asset": "Manage assets.",
    "backup": "Copy the exchange to DIR as of one moment, beside the running exchange or at rest.",
    "deposit": "Credit AMOUNT of ASSET to a wallet of ACCOUNT.",
    "futures": "Manage futures markets.",
    "key": "Make an API key for ACCOUNT.",
    "market": "Manage spot markets.",
    "restore": "Make the data folder from the backup in DIR.",
    "snapshot": "Have every shard of the running exchange take a snapshot, and wait until they are on disk.",
    "sql": "Run one SELECT or EXPLAIN on the history, beside the running exchange or at rest.",
    "token": "Print a bearer token with all rights of ACCOUNT.",
    "verify": "Replay every journal and check all invariants, at rest or beside the running exchange.",
    "withdraw": "Debit AMOUNT of ASSET from a wallet of ACCOUNT.",
}


def main() -> None:
    """Run the program; commands are delegated to :mod:`web.cli.main`."""
    if sys.argv[1:2] in ([], ["-h"], ["--help"], ["--version"]):
        describe()(prog_name="shardex")
        return
    from web.cli.main import main as run

    run(prog_name="shardex")


def describe() -> click.Group:
    """The commands as ``shardex --help`` shows them, without their implementation."""
    commands = [click.Command(name, help=text) for name, text in COMMANDS.items()]
    group = click.Group("shardex", help=SUMMARY, commands=commands, context_settings=SETTINGS)
    group.params.append(click.Option(["--data"], type=click.Path(), help=DATA_HELP))
    return click.version_option(package_name="shardex")(group)


if __name__ == "__main__":
    main()
