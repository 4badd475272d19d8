"""A process that is kept from its work most of the time: stopped and continued in turns."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.crash.processes import stopped


@contextmanager
def slowed(pid: int, still_s: float, on_s: float) -> Iterator[None]:
    """Stands still for ``still_s``, goes on for ``on_s``, and so on while the context lasts."""
    end = threading.Event()

    def alternate() -> None:
        while not end.wait(on_s):
            with stopped(pid):
                end.wait(still_s)

    thread = threading.Thread(target=alternate)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
