"""What commands operate on: the data folder, its reference file and its engine."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import click

from shards.folder import Folder
from shards.ipc.client import Client
from shards.model.markets import MarketStatus
from shards.process import is_locked
from shards.settings import load_settings
from storage.folder import FolderError
from storage.reference import Reference
from web.exchange.gateway import ExchangeGateway
from web.operator.actions import OperatorContext

CONNECT_S: Final = 3.0  # a running engine is reached in milliseconds, a starting one within a second


def open_folder(data: Path | None) -> Folder:
    """The existing data folder; raises FolderError."""
    path = data or load_settings().data
    if not os.path.isdir(path):
        raise FolderError(f"there is no data folder at {path}: name it with --data or SHARDEX_DATA")
    return Folder.open(path)


@contextmanager
def open_reference(folder: Folder) -> Iterator[Reference]:
    """The folder's reference file."""
    with closing(Reference(folder.reference, folder.secrets().storage_key)) as reference:
        yield reference


@contextmanager
def open_client(folder: Folder) -> Iterator[Client]:
    """A client of the folder's engine, connected if it runs."""
    with closing(Client(folder)) as client:
        if is_locked(folder.run / "engine.lock"):  # otherwise no engine runs, and there is nothing to wait for
            client.wait_connected(CONNECT_S)
        yield client


@contextmanager
def open_context(data: Path | None) -> Iterator[OperatorContext]:
    """The operator's context; the engine must run."""
    folder = open_folder(data)
    with open_reference(folder) as reference, open_client(folder) as client:
        if not is_running(client):
            raise click.ClickException(f"no engine runs on {folder.path}: start it first")
        yield OperatorContext(ExchangeGateway(client), reference)


def confirm_status(symbol: str, status: str, yes: bool) -> None:
    """Ask for confirmation of an irreversible change, unless already given. Aborts without a yes."""
    if status == MarketStatus.DELISTED and not yes:
        click.confirm(f"Delisting cancels every open order on {symbol} and is final. Continue?", abort=True, err=True)


def is_running(client: Client) -> bool:
    """Whether any process of the engine was reached."""
    return client.archive_serving() or any(client.depth_max(shard) for shard in range(client.shard_count))
