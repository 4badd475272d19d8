"""What one input causes outside of the machine that executes it."""

from shards.model.accounting import MarginSettlement, Settlement
from shards.model.events import Event
from shards.model.orders import Order


class Effects:
    """Collected while an input is applied; the engine delivers them."""

    __slots__ = ("again", "events", "fired", "margin_settlements", "marks", "now_ms", "request", "settlements")

    def __init__(self, now_ms: int, request: int) -> None:
        """``request`` is the journal sequence of the input."""
        self.now_ms = now_ms
        self.request = request
        self.settlements: list[Settlement] = []  # spot
        self.margin_settlements: list[MarginSettlement] = []  # futures
        self.marks: dict[int, int] = {}  # market → value of one lot at its new mark price, in units
        self.fired: list[Order] = []  # triggers that need margin
        self.again: list[Order] = []  # triggers whose margin was too little and has been released
        self.events: list[Event] = []  # for the archive
