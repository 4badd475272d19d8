"""A trader who looks after orders and triggers, and how long it takes until they are history."""

from collections.abc import Callable
from typing import Any, Final

from tests.exchange import until
from tests.http.futures.caller import Answer, Caller, Json, sender
from tests.http.futures.trader import Trader
from tests.http.venue import Venue

AwaitArchive = Callable[[], None]
"""What the fixture ``await_archive`` gives."""

ARCHIVED_S: Final = 10.0  # rows are archived within half a second under load; a busy machine takes longer


class OrderTrader(Trader):
    """With plenty of money, unless it is told otherwise."""

    def __init__(self, venue: Venue, account_shard: int | None = None, funds: str = "1000000") -> None:
        super().__init__(venue, account_shard, funds)

    def get(self, path: str, /, **query: Any) -> Json:
        """The answer of a GET that must succeed; ``path`` after ``/fapi/v1``."""
        return self.call("GET", f"/v1{path}", **query).ok()

    def send(self, method: str, path: str, query: str) -> Answer:
        """With the query as it stands, signed."""
        return self.caller.call(method, path, query)

    def stop(self, symbol: str, side: str, stop_price: str, quantity: str, **more: Any) -> Json:
        """A new trigger that becomes a market order."""
        terms = {"symbol": symbol, "side": side, "type": "STOP_MARKET", "stopPrice": stop_price, "quantity": quantity}
        return self.call("POST", "/v1/order", **terms, **more).ok()

    @property
    def reader(self) -> Caller:
        """The same account with a key that may only read."""
        key = self.user.make_key("read")
        return Caller(sender(self.venue.exchange.port), key.key, key.secret)


def wait_archived(venue: Venue) -> None:
    """Until every row is in the archive and no shard has it any more."""
    until(
        lambda: all(shard["archive_lag"] == 0 for shard in venue.operate("GET", "/shards").ok()["shards"]),
        ARCHIVED_S,
        "all is archived",
    )
