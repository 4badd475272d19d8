"""Dead man's switches: when to cancel all of an account's orders on a futures market unless the timer is renewed."""

Key = tuple[int, str]  # market, account


class Countdowns:
    """The timers of a shard's markets, one per account and market."""

    def __init__(self) -> None:
        self.due: dict[Key, int] = {}  # Unix ms

    def set(self, market: int, account: str, now_ms: int, after_ms: int) -> None:
        """Replace the timer; 0 removes it."""
        if after_ms:
            self.due[market, account] = now_ms + after_ms
        else:
            self.due.pop((market, account), None)

    def due_ms(self) -> int | None:
        """Return when the next timer expires."""
        return min(self.due.values(), default=None)

    def take_due(self, now_ms: int) -> list[Key]:
        """Remove and return the expired timers, by market and account."""
        found = sorted(key for key, due_ms in self.due.items() if due_ms <= now_ms)
        for key in found:
            del self.due[key]
        return found
