"""Types of fields in the responses of the spot and operator APIs; the schemas of these names describe them."""

from typing import Annotated

from msgspec import Meta

from web.http.described import Described

Account = Annotated[str, Described("Account")]
Amount = Annotated[str, Described("Amount")]
ArchiveState = Annotated[str, Described("ArchiveState")]
FeeBps = Annotated[int, Described("FeeBps")]
Levels = Annotated[list[list[str]], Described("Levels")]
MarketStatus = Annotated[str, Described("MarketStatus")]
Milliseconds = Annotated[int, Described("Milliseconds")]
Name = Annotated[str, Described("Name")]
Pid = Annotated[int | None, Described("Pid")]
Price = Annotated[str, Described("Price")]
Reference = Annotated[str, Described("Reference")]
Seconds = Annotated[int, Described("Seconds")]
SignedAmount = Annotated[str, Described("SignedAmount")]
Uuid = Annotated[str, Described("Uuid")]

Natural = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
