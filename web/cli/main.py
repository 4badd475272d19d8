"""``shardex``: the operator's commands. They work on the data folder and its running engine, without HTTP."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import duckdb

from shards.archive.mark import HistoryLost
from shards.limits import SQL_PATIENCE_MS
from shards.model.queries import Query
from shards.model.reasons import RejectReason
from shards.model.replies import Reply
from shards.settings import SettingsError, check_names, count_shards
from shards.verify.folder import verify_folder
from storage.files import describe_fault
from storage.folder import FolderError
from storage.reference import ReferenceUnusable, StorageFull
from web.auth import READ, TRADE
from web.cli.access import is_running, open_client, open_context, open_folder, open_reference
from web.cli.backup import backup_command, folder_to_verify, restore_command, snapshot_command
from web.cli.futures import futures_group
from web.cli.markets import asset_group, market_group
from web.cli.sql import sql
from web.cli.words import DATA_HELP, SETTINGS
from web.http.errors import SPOT_REFUSALS, EngineRejected, Problem
from web.http.tokens import LIFETIME_S_MAX, Tokens
from web.operator import actions, payments
from web.operator.actions import OperatorContext
from web.operator.payments import WALLETS, Paid, Payment
from web.settings import load_web_settings

DAY_S: Final = 24 * 3_600


class Commands(click.Group):
    """A group whose commands report errors in one line, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except StorageFull as full:
            raise click.ClickException("no room on disk: nothing was changed") from full
        except (FolderError, SettingsError, ReferenceUnusable, HistoryLost) as error:
            raise click.ClickException(str(error)) from error
        except Problem as problem:
            raise click.ClickException(problem.error) from problem
        except EngineRejected as refusal:
            raise click.ClickException(describe_refusal(refusal)) from refusal
        except duckdb.Error as error:
            raise click.ClickException(f"the history cannot be opened: {error}") from error
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(describe_fault(error)) from error


def describe_refusal(refusal: EngineRejected) -> str:
    """The rejection as a message for a terminal."""
    match refusal.reason:
        case RejectReason.TIMEOUT:
            return "no answer in time, so the outcome is unknown: check it, or repeat the command"
        case RejectReason.RESTARTING:
            return "the engine is restarting: try again in a moment"
        case RejectReason.BUSY:
            return "the engine is busy and did nothing: try again"
        case RejectReason.BAD_SQL:
            return refusal.rejected.text
        case RejectReason.HISTORY_UNREADABLE:
            return "the history cannot be read now: try again in a moment"
        case _:
            return SPOT_REFUSALS[refusal.reason][1]


@click.group(cls=Commands, context_settings=SETTINGS)
@click.option("--data", type=click.Path(path_type=Path), help=DATA_HELP)
@click.version_option(package_name="shardex")
@click.pass_context
def main(context: click.Context, data: Path | None) -> None:
    """Operate a Shardex exchange."""
    check_names()
    context.obj = data


for command in (asset_group, market_group, futures_group, sql, snapshot_command, backup_command, restore_command):
    main.add_command(command)


# Credentials


@main.command()
@click.argument("account")
@click.option(
    "--days", type=click.IntRange(1, LIFETIME_S_MAX // DAY_S), default=1, show_default=True, help="Lifetime in days."
)
@click.pass_obj
def token(data: Path | None, account: str, days: int) -> None:
    """Print a bearer token with all rights of ACCOUNT."""
    settings = load_web_settings()
    secret = open_folder(data).secrets().jwt
    tokens = Tokens(secret, settings.jwt_keys, settings.jwt_algorithm)
    click.echo(actions.mint_token(tokens, account, days * DAY_S))


@main.command()
@click.argument("account")
@click.option("--read-only", is_flag=True, help="A key that cannot trade.")
@click.option("--label", default="", help="A label for the key.")
@click.pass_obj
def key(data: Path | None, account: str, read_only: bool, label: str) -> None:
    """Make an API key for ACCOUNT. Its secret is shown only once."""
    with open_reference(open_folder(data)) as reference:
        made = actions.create_key(reference, account, label, (READ,) if read_only else (READ, TRADE))
    click.echo(f"api_key     {made.key}\napi_secret  {made.secret.decode()}\npermissions {','.join(made.permissions)}")


# Money


def _payment(action: Callable[..., None]) -> Callable[..., None]:
    """Adds the arguments of a payment to a command."""
    for decorate in (
        click.pass_obj,
        click.option("--reference", help="Repeating a payment with the same reference changes nothing."),
        click.option("--wallet", type=click.Choice(list(WALLETS)), default="spot", show_default=True),
        click.argument("amount"),
        click.argument("asset"),
        click.argument("account"),
    ):
        action = decorate(action)
    return action


@main.command()
@_payment
def deposit(data: Path | None, account: str, asset: str, amount: str, wallet: str, reference: str | None) -> None:
    """Credit AMOUNT of ASSET to a wallet of ACCOUNT."""
    paid, reference = _pay(data, payments.deposit, Payment(account, wallet, asset, amount, reference or _draw()))
    click.echo(f"{paid.amount} {asset} to {account}, available {paid.balance_after}, reference {reference}")


@main.command()
@_payment
def withdraw(data: Path | None, account: str, asset: str, amount: str, wallet: str, reference: str | None) -> None:
    """Debit AMOUNT of ASSET from a wallet of ACCOUNT."""
    paid, reference = _pay(data, payments.withdraw, Payment(account, wallet, asset, amount, reference or _draw()))
    click.echo(f"{paid.amount} {asset} from {account}, available {paid.balance_after}, reference {reference}")


def _draw() -> str:
    return f"cli-{secrets.token_hex(8)}"


def _pay(data: Path | None, action: Callable[[OperatorContext, Payment], Paid], payment: Payment) -> tuple[Paid, str]:
    with open_context(data) as context:
        try:
            return action(context, payment), payment.reference
        except EngineRejected as refusal:
            if refusal.reason is RejectReason.TIMEOUT:
                text = f"no answer in time: repeat it with --reference {payment.reference}, so that it is done once"
                raise click.ClickException(text) from refusal
            raise


# Inspecting the data


@main.command()
@click.pass_obj
def verify(data: Path | None) -> None:
    """Replay every journal and check all invariants, at rest or beside the running exchange; also of a backup."""
    with folder_to_verify(data) as folder, open_client(folder) as client:

        def ask(query: Query) -> Reply:
            return client.ask_archive(query, SQL_PATIENCE_MS)

        findings = verify_folder(folder, ask if is_running(client) else None)
    for finding in findings:
        click.echo(finding)
    if findings:
        raise click.exceptions.Exit(1)
    click.echo(f"ok: {count_shards(folder.shard_count)} and the archive of {data or folder.path}")
