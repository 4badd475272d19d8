"""What one input does outside of the machine that decides it."""

from shards.model.accounting import MarginSettlement, Settlement
from shards.model.events import Event
from shards.model.orders import Order


class Effects:
    """Collected while an input is applied; the engine delivers them."""

    __slots__ = ("again", "events", "fired", "margin_settlements", "marks", "now_ms", "request", "settlements")

    def __init__(self, now_ms: int, request: int) -> None:
        """``request``: the journal sequence of the input."""
        self.now_ms = now_ms
        self.request = request
        self.settlements: list[Settlement] = []  # spot money
        self.margin_settlements: list[MarginSettlement] = []  # futures money
        self.marks: dict[int, int] = {}  # market → units that one lot is worth at its new mark price
        self.fired: list[Order] = []  # triggers that wait for their margin
        self.again: list[Order] = []  # those whose margin was too little, and has gone back
        self.events: list[Event] = []  # for the archive
