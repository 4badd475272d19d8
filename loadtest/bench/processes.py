"""Processes as the system reports them: CPU time and memory. Linux; elsewhere 0."""

from collections.abc import Sequence
from pathlib import Path


def cpu_s(pids: Sequence[int]) -> float:
    """CPU seconds used so far by all living threads of these processes."""
    files = (file for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def children(pid: int) -> list[int]:
    """The living child processes of ``pid``."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in files for child in file.read_text().split()]


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, private and shared."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    return 0
