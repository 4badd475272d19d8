"""An archive whose files were cut or changed: it says so, or it holds exactly what came up to its position."""

import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from shards.archive.service import History
from shards.model.events import OrderEnded
from shards.model.queries import GetArchiveStatus, ListOrders
from shards.model.replies import OrdersReply, Rejected
from tests.model.seeds import read_count, read_seed
from tests.unit.archive.samples import KEY, ROOT, make_order, number_rows

BATCHES, BATCH = 20, 10
DAMAGES = read_count("SHARDEX_TEST_CUTS", 200) // 4
REFUSED = "refused"


def make_files(folder: Path) -> list[Path]:
    """What a process that was killed leaves: the file, and what it had not put there yet."""
    path = folder / "history.duckdb"
    history = History(path, KEY)
    for batch in range(BATCHES):
        first = batch * BATCH + 1
        orders = [OrderEnded(make_order(number)) for number in range(first, first + BATCH)]
        history.store({0: number_rows(list(orders), first)})
        if batch == BATCHES // 2:
            history.checkpoint()
    left = folder / "left"
    left.mkdir()
    files = [path, path.with_name("history.duckdb.wal")]
    for file in files:
        shutil.copy(file, left)
    history.close()
    return [left / file.name for file in files]


def damage(path: Path, rnd: random.Random) -> None:
    """Cut the file off, or turn one bit."""
    content = bytearray(path.read_bytes())
    place = rnd.randrange(len(content))
    if rnd.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 1 << rnd.randrange(8)
    path.write_bytes(content)


def look(path: Path) -> str:
    """What such an archive says: its position if it holds just the rows up to there, "refused", or what is wrong."""
    try:
        history = History(path, KEY)
    except (duckdb.Error, OSError) as error:
        return REFUSED if str(error) else "refused without a word"
    try:
        position = history.position(0)
        status = history.answer(GetArchiveStatus())
        told = history.answer(ListOrders("alice", BATCHES * BATCH + 1))
    except (duckdb.Error, OSError):
        return REFUSED
    right = [make_order(number) for number in range(position, 0, -1)]
    if isinstance(told, Rejected):
        return REFUSED
    if not isinstance(told, OrdersReply) or told.orders != right or position % BATCH:
        return f"position {position}, {status}, {str(told)[:200]}"
    return str(position)


def look_at(paths: list[Path]) -> Iterator[str]:
    """What each says, in a process of its own: one that dies of it has refused as well."""
    left = list(paths)
    while left:
        done = subprocess.run(
            [sys.executable, "-c", _LOOKER, *map(str, left)], capture_output=True, text=True, cwd=ROOT, check=False
        )
        said = done.stdout.splitlines()
        yield from said
        if len(said) < len(left):
            assert done.returncode < 0, done.stderr
            yield REFUSED
        left = left[len(said) + 1 :]


_LOOKER = """
import sys
from pathlib import Path
from tests.unit.archive.test_damage import look
for path in sys.argv[1:]:
    print(look(Path(path)), flush=True)
"""


@pytest.mark.timeout(300)
def test_a_damaged_archive_is_refused_or_holds_what_it_says(tmp_path: Path) -> None:
    rnd = random.Random(read_seed())
    files = make_files(tmp_path)
    copies = []
    for number in range(DAMAGES):
        copy = tmp_path / str(number)
        shutil.copytree(files[0].parent, copy)
        damage(copy / rnd.choice(files).name, rnd)
        copies.append(copy / files[0].name)
    outcomes = Counter(look_at([files[0], *copies]))
    print(dict(outcomes))
    wrong = [outcome for outcome in outcomes if outcome != REFUSED and not outcome.isdecimal()]
    assert not wrong, f"a damaged archive told {wrong}"
    assert outcomes[str(BATCHES * BATCH)] and outcomes[REFUSED]
