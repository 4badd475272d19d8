"""What counts as standing still: seen by one that looks at real processes, while time passes as the test says."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shards.limits import LOOK_TURN_S, SILENCE_LOGGED_S
from shards.vitals import Vitals
from shards.watch import StillWatch
from tests.exchange import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there it can be known what a process does")


class Scene:
    """A process, its signs of life, and a clock."""

    def __init__(self, path: Path) -> None:
        self.now_ms = 1_000
        self.vitals = Vitals(path, lambda: self.now_ms)
        self.watch = StillWatch("shard-0", path, lambda: self.now_ms)
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.look(0)

    def look(self, after_s: float) -> None:
        self.now_ms += int(after_s * 1_000)
        self.watch.look(self.process.pid)

    def stop(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", 10, "it is stopped")


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "shard-0.vitals")
    yield made
    made.process.kill()
    made.process.wait()


def test_what_is_stopped_stands_still(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    scene.stop()
    for _ in range(400):
        scene.look(0.1)
    assert 36 < scene.watch.still_s < 40
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    scene.vitals.beat()
    scene.look(0.1)
    assert scene.watch.still_s == 0
    assert [record.message.split(") ")[1].split()[0] for record in caplog.records] == ["has", "is"]


def test_what_computes_lives(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    used = Path(f"/proc/{scene.process.pid}/stat")

    def cpu() -> int:
        return int(used.read_text().rpartition(")")[2].split()[11])

    for _ in range(5):
        before = cpu()
        until(lambda old=before: cpu() > old, 20, "it computes")  # type: ignore[misc]
        scene.look(10)
    assert scene.watch.still_s == 0
    for _ in range(int(SILENCE_LOGGED_S / LOOK_TURN_S)):
        scene.look(10)
    assert "it computes" in caplog.text


def test_a_look_after_a_long_time_counts_little(scene: Scene) -> None:
    """The machine was suspended, or the one that looks stood still: so might have the other."""
    scene.stop()
    for _ in range(30):
        scene.look(0.1)
    before = scene.watch.still_s
    scene.look(3_600)
    assert before < scene.watch.still_s <= before + LOOK_TURN_S


def test_another_process_begins_anew(scene: Scene) -> None:
    scene.stop()
    for _ in range(60):
        scene.look(0.1)
    assert scene.watch.still_s > 0
    scene.watch.look(os.getpid())
    assert scene.watch.still_s == 0
