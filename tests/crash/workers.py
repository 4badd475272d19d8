"""Threads that repeat an action."""

import threading
from collections.abc import Callable
from typing import Self


class Workers:
    """Each repeats its step for the duration of the context."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.stop = threading.Event()
        self.failures: list[str] = []  # of steps that have raised, which ends their thread
        self._threads = [threading.Thread(target=self._work, args=(step,)) for step in steps]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self, step: Callable[[], object]) -> None:
        while not self.stop.is_set():
            try:
                step()
            except Exception as error:
                self.failures.append(f"{threading.current_thread().name} failed: {error!r}")
                raise
