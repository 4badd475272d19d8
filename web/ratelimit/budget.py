"""Rate limits per IP and account: weight, orders, bans for persisting after rejections; wrong operator keys.

Usage is counted first, then checked, and undone if it exceeds the limit: two workers at the same moment may both
reject, but never both grant the same remainder.
"""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from web.ratelimit.limits import BAN_MEMORY_S, BAN_S, BAN_S_MAX, REFUSED_COUNT_MAX, SPAN_S
from web.ratelimit.shared_tables import SPAN_COUNT, Ban, Table, Tables, make_tag

_WEIGHT: Final = b"weight"
_ORDERS: Final = b"orders"
_REFUSED: Final = b"refused"
_WRONG_KEYS: Final = b"wrong keys"
_LEVEL_MAX: Final = 32  # more doublings than the longest ban needs


class Spent(NamedTuple):
    """The outcome of a rate limit check."""

    used: int  # in the window, including this request if it was granted
    wait_s: int = 0  # 0: granted; otherwise seconds until the same request may be granted
    banned: bool = False


class Budget:
    """The limits as one worker enforces them together with the others. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        slot: str,
        weight_max: int,
        order_count_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``folder`` holds the workers' tables, ``slot`` names this one's; ``clock`` returns seconds."""
        self._tables = Tables(folder, slot)
        self._weight_max = weight_max
        self._order_count_max = order_count_max
        self._clock = clock
        self._lock = threading.Lock()  # between this process's threads

    def spend_weight(self, ip: str, weight: int) -> Spent:
        """Charge ``weight`` to the IP; not granted if it is banned or over its limit."""
        with self._lock:
            now_s = self._clock()
            tables = self._tables.all(now_s)
            ban = _last_ban(tables, make_tag(_REFUSED, ip))
            left_ms = ban.until_ms - _ms(now_s) if ban is not None else 0
            if left_ms > 0:
                used = sum(amount for _, amount in _spans(tables, make_tag(_WEIGHT, ip), now_s))
                return Spent(used, math.ceil(left_ms / 1_000), banned=True)
            return self._spend(ip, make_tag(_WEIGHT, ip), weight, self._weight_max, now_s)

    def count_orders(self, ip: str, account: str, count: int) -> Spent:
        """Count new orders of the account; not granted if it is over its limit."""
        with self._lock:
            return self._spend(ip, make_tag(_ORDERS, account), count, self._order_count_max, self._clock())

    def count_wrong_key(self, ip: str) -> int:
        """Count a wrong operator key from the IP; returns how many it sent in the last minute, over all workers."""
        with self._lock:
            now_s = self._clock()
            tag = make_tag(_WRONG_KEYS, ip)
            self._tables.own.add(tag, 1, int(now_s // SPAN_S))
            return sum(count for _, count in _spans(self._tables.all(now_s), tag, now_s))

    def close(self) -> None:
        """Unmap the tables."""
        self._tables.close()

    def _spend(self, ip: str, tag: int, amount: int, amount_max: int, now_s: float) -> Spent:
        tables = self._tables.all(now_s)
        span = int(now_s // SPAN_S)
        if amount:
            self._tables.own.add(tag, amount, span)
        spans = _spans(tables, tag, now_s)
        used = sum(counted for _, counted in spans)
        if not amount or used <= amount_max:
            return Spent(used)
        self._tables.own.add(tag, -amount, span)
        self._note_refusal(ip, now_s)
        return Spent(used - amount, _wait_s(spans, used - amount_max, now_s))

    def _note_refusal(self, ip: str, now_s: float) -> None:
        """Count a rejection; ban the IP if there were too many."""
        tables = self._tables.all(now_s)
        tag = make_tag(_REFUSED, ip)
        self._tables.own.add(tag, 1, int(now_s // SPAN_S))
        if sum(count for _, count in _spans(tables, tag, now_s)) < REFUSED_COUNT_MAX:
            return
        last = _last_ban(tables, tag)
        if last is not None and _ms(now_s) < last.until_ms:
            return  # another worker has just done it
        again = last is not None and _ms(now_s) < last.until_ms + BAN_MEMORY_S * 1_000
        level = last.level + 1 if last is not None and again else 1
        length_s = min(BAN_S << min(level - 1, _LEVEL_MAX), BAN_S_MAX)
        self._tables.own.set_ban(tag, Ban(_ms(now_s + length_s), level))


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _spans(tables: list[Table], tag: int, now_s: float) -> list[tuple[int, int]]:
    now_span = int(now_s // SPAN_S)
    return [found for table in tables for found in table.spans(tag, now_span)]


def _last_ban(tables: list[Table], tag: int) -> Ban | None:
    return max((ban for table in tables if (ban := table.ban(tag)) is not None), default=None)


def _wait_s(spans: list[tuple[int, int]], excess: int, now_s: float) -> int:
    """Seconds until ``excess`` of the usage leaves the window; at most a window."""
    gone_s = float(SPAN_COUNT * SPAN_S) + now_s
    for span, amount in sorted(spans):
        excess -= amount
        if excess <= 0:
            gone_s = (span + SPAN_COUNT) * SPAN_S
            break
    return max(1, math.ceil(gone_s - now_s))
