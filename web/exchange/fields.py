"""What the fields of spot's and the operator's answers hold; the schemas of these names say more."""

from typing import Annotated

from msgspec import Meta

from web.http.described import Described

Account = Annotated[str, Described("Account")]
Amount = Annotated[str, Described("Amount")]
FeeBps = Annotated[int, Described("FeeBps")]
MarketStatus = Annotated[str, Described("MarketStatus")]
Milliseconds = Annotated[int, Described("Milliseconds")]
Name = Annotated[str, Described("Name")]
Price = Annotated[str, Described("Price")]
Reference = Annotated[str, Described("Reference")]
Seconds = Annotated[int, Described("Seconds")]
SignedAmount = Annotated[str, Described("SignedAmount")]
Uuid = Annotated[str, Described("Uuid")]

Natural = Annotated[int, Meta(ge=0)]
