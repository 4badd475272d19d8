"""What the system tells of processes: CPU time and memory. Linux; elsewhere 0."""

from collections.abc import Sequence
from pathlib import Path


def cpu_s(pids: Sequence[int]) -> float:
    """What processes with all their living threads have run so far, in seconds."""
    files = (file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def children(pid: int) -> list[int]:
    """The processes that ``pid`` has started and that live."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def resident_bytes(pid: int) -> int:
    """Memory that a process has to itself or shares."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    return 0
