"""python -m tests.data.record NAME…: record journals and a data folder of today's format, to be replayed ever after.

To be run before what the shards decide is changed, on a version that is known to be right; what is recorded stays as it
is. A run of the simulation, a load of ordinary users and a storm of killed processes are kept as the journals of all
shards, with the hashes of the states that they come to; a small data folder is kept whole.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from loadtest.accounts import write_accounts
from loadtest.exchange import Exchange
from loadtest.load import Plan, run_load
from loadtest.site import open_accounts, open_site
from shards.folder import Folder
from shards.verify.folder import verify_folder
from storage.journal import START, Journal, Record
from tests.crash.faults import SYNCS_MAY_FAIL, kill_a_shard, kill_everything
from tests.crash.storm import Stage, Storm
from tests.crash.trading import FUTURES, SPOT
from tests.data import journals
from tests.sim.simulation import run_seed

SEED: Final = 12  # of a simulation on three shards with many traders of futures, and of storms
SIMULATED_COMMANDS: Final = 1_000
SHARDS: Final = 2
STORM_SHARDS: Final = 3
LOAD_USERS: Final = 8
LOAD_S: Final = 6
SMALL_SNAPSHOTS: Final = {"SHARDEX_SNAPSHOT_RECORDS": "150"}
FOLDER_CALLS: Final = 500


def record_simulation() -> Path:
    """A run of the simulation: every trouble it knows, on shards in one process."""
    nodes = run_seed(SEED, SIMULATED_COMMANDS).nodes
    return journals.write("simulation", [[record for record, _ in node.disk.history] for node in nodes])


def record_load() -> Path:
    """Ordinary users of both products."""
    with closing(open_site({}, SHARDS)) as exchange, tempfile.TemporaryDirectory(prefix="sxrecord") as place:
        accounts, records = Path(place, "accounts.json"), Path(place, "records")
        write_accounts(accounts, open_accounts(exchange, LOAD_USERS))
        run_load(Plan(exchange.base_url, accounts, "steady", LOAD_USERS, LOAD_S, records, Path(place, "report")))
        return _write_whole("load", exchange)


def record_storm() -> Path:
    """Futures under a load of real calls, with shards and everything killed in its midst."""
    with closing(Exchange(STORM_SHARDS, SYNCS_MAY_FAIL)) as exchange:
        exchange.start()
        with Storm(Stage.of(exchange, FUTURES), random.Random(SEED)) as storm:
            for shard in [*range(STORM_SHARDS)] * 2:
                storm.strike(1, lambda shard=shard: kill_a_shard(storm, shard))  # type: ignore[misc]
            storm.strike(1, lambda: kill_everything(exchange))
        return _write_whole("storm", exchange)


def _write_whole(name: str, exchange: Exchange) -> Path:
    exchange.stop()
    folder = exchange.folder
    return journals.write(name, [_read(folder, shard) for shard in range(folder.shard_count)])


def _read(folder: Folder, shard: int) -> list[Record]:
    with closing(Journal(folder.shard(shard) / "journal.sqlite", read_only=True)) as journal:
        return list(journal.read(START))


def record_folder() -> Path:
    """A data folder of both products: snapshots, trimmed journals, open orders, positions, history."""
    with closing(Exchange(SHARDS, SMALL_SNAPSHOTS)) as exchange:
        exchange.start()
        for stage in [Stage.of(exchange, trading) for trading in (SPOT, FUTURES)]:
            with Storm(stage, random.Random(SEED)) as storm:
                storm.await_trading(FOLDER_CALLS)
        exchange.stop()
        assert not verify_folder(exchange.folder)
        return journals.pack(exchange.data)


RECORDERS: Final[Mapping[str, Callable[[], Path]]] = {
    "simulation": record_simulation,
    "load": record_load,
    "storm": record_storm,
    "folder": record_folder,
}


def main() -> None:
    """Record what is named, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.data.record", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECORDERS)}; all by default")
    args = parser.parse_args()
    if unknown := set(args.names) - RECORDERS.keys():
        parser.error(f"nothing to record under {', '.join(sorted(unknown))}")
    for name in args.names or RECORDERS:
        path = RECORDERS[name]()
        print(f"{path}: {path.stat().st_size // 1_000} kB", flush=True)


if __name__ == "__main__":
    main()
