"""Orders that come while somebody reads."""

import threading
from collections.abc import Callable
from typing import Final

from tests.exchange import until

FIRST_S: Final = 30.0


class Flow:
    """Steps in a thread of their own, ``round_count`` each time it is let go on.

    So what they make comes while it is read, and yet ends, however slowly it is read.
    """

    def __init__(self, step: Callable[[], object], round_count: int) -> None:
        self._step = step
        self._round_count = round_count
        self._taken_count = 0
        self._turns = threading.Semaphore(0)  # steps that may be taken
        self._stop = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Flow":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends with what went wrong in a step, if anything did."""
        self._stop.set()
        self._turns.release()
        self._thread.join()
        if self._fault is not None:
            raise self._fault

    def go_on(self) -> None:
        """Let it take further steps, and wait for a quarter of them."""
        least = self._taken_count + self._round_count // 4
        self._turns.release(self._round_count)
        until(lambda: self._fault is not None or self._taken_count >= least, FIRST_S, "steps taken")

    def _run(self) -> None:
        try:
            while self._turns.acquire() and not self._stop.is_set():
                self._step()
                self._taken_count += 1
        except BaseException as fault:
            self._fault = fault
