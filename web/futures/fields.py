"""Types of fields in the futures API's responses; the schemas of these names describe them.

The fields themselves keep the names that clients know.
"""

from typing import Annotated

from msgspec import Meta

from web.exchange.catalog import MARGIN_ASSET
from web.http.described import Always, Described

AlgoStatus = Annotated[str, Described("AlgoStatus")]
ClientOrderId = Annotated[str, Described("ClientOrderId")]
Decimal = Annotated[str, Described("Decimal")]
Id = Annotated[int, Described("Id")]
IncomeType = Annotated[str, Described("IncomeType")]
LeverageText = Annotated[str, Described("LeverageText")]
Levels = Annotated[list[list[str]], Described("Levels")]
Milliseconds = Annotated[int, Described("Milliseconds")]
OrderStatus = Annotated[str, Described("OrderStatus")]
OrderType = Annotated[str, Described("OrderType")]
PositionSide = Annotated[str, Described("PositionSide")]
Side = Annotated[str, Described("Side")]
SignedDecimal = Annotated[str, Described("SignedDecimal")]
Symbol = Annotated[str, Described("Symbol")]
TimeInForce = Annotated[str, Described("TimeInForce")]
TriggerType = Annotated[str, Described("TriggerType")]
WorkingType = Annotated[str, Described("WorkingType")]

Leverage = Annotated[int, Meta(ge=1, le=125)]
MarginAsset = Annotated[str, Always(MARGIN_ASSET)]
Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
