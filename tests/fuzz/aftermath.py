"""After a campaign: the exchange is whole, and its money adds up, by its API and by its files."""

from decimal import Decimal

from shards.verify.folder import verify_folder
from tests.crash.processes import await_archived, connected
from tests.fuzz.arena import Arena

ARCHIVE_S = 60.0


def check_aftermath(arena: Arena) -> None:
    """Fails if anything is wrong. Stops the exchange."""
    exchange = arena.exchange
    exchange.wait_ready()
    log = exchange.log()
    for word in ("Traceback", "fault in", "WORKER TIMEOUT", "SIGKILL", "is being restarted"):
        assert word not in log, log[max(0, log.index(word) - 2_000) : log.index(word) + 4_000]
    for asset in ("DF", "BTC", "ETH"):  # nobody takes fees of these or transfers them: all that was paid in is there
        paid = sum(arena.paid.get(asset, {}).values(), Decimal(0))
        held = arena.held(asset)
        assert held == arena.start[asset] + paid, f"{asset}: {held} of {arena.start[asset]} + {paid}"
    with connected(exchange) as client:
        await_archived(client, ARCHIVE_S)
    exchange.stop()
    assert verify_folder(exchange.folder) == []
