"""What both APIs are refused for: the tables of refusals, and what they leave out."""

from typing import Final

from tests.http.futures.order_stage import OrderStage
from tests.http.openapi_venue import WitnessVenue
from tests.http.stage import Stage
from tests.http.table import read_table

SPOT_TABLES: Final = ("cancel_one", "cancel_all", "place", "query", "keys", "operator", "paths", "malformed_requests")
FUTURES_TABLES: Final = ("futures_place", "futures_modify", "futures_cancel")


def spot_tables(venue: WitnessVenue) -> None:
    """Every row of the spot and operator API's tables."""
    stage = Stage(venue)
    for table in SPOT_TABLES:
        for row in read_table(table):
            stage.play(row)
    for row in read_table("transfer"):
        venue.send("POST", "/api/v1/spot/transfer", stage.own.bearer, row["body"].encode())


def futures_tables(venue: WitnessVenue) -> None:
    """Every row of the tables of futures orders."""
    stage = OrderStage(venue)
    for actor in (stage.own, stage.other):
        actor.caller = venue.witness(actor.caller)
    stage.callers = {who: venue.witness(caller) for who, caller in stage.callers.items()}
    for table in FUTURES_TABLES:
        for row in read_table(table):
            stage.send(row["who"], row["request"])


REFUSALS: Final = (spot_tables, futures_tables)
