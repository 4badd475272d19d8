"""Messages ↔ bytes.

JSON arrays, each opened by its message's tag: typed, compact, readable in the journal, and exact for integers of any
size (an 18-decimals balance does not fit the 64 bits of MessagePack). Never pickle.
"""

import msgspec

from shards.model.accounting import MarginTerms
from shards.model.commands import CallerCommand, Command, FundsHold, MarginHold
from shards.model.events import Event
from shards.model.links import LinkMessage
from shards.model.orders import NewOrder
from shards.model.queries import Query
from shards.model.replies import Reply

VERSION = 2  # of everything below; written in every hello, journal and snapshot


class _Hold(msgspec.Struct, array_like=True, tag=8, gc=False, frozen=True):
    """A FundsHold or a MarginHold as it travels and is journaled: one message, of which each uses a part."""

    order: NewOrder
    asset: str
    amount: int  # of a FundsHold
    market_shard: int
    ticket: int
    deadline_ms: int
    hold_price: int = 0  # of a MarginHold, as all below
    terms: MarginTerms | None = None
    modifies: int = 0
    limit: int = 0
    loss: int = 0

    def narrow(self) -> FundsHold | MarginHold:
        """The one that it is."""
        requested = self.market_shard, self.ticket, self.deadline_ms
        if self.terms is None:
            return FundsHold(self.order, self.asset, self.amount, *requested)
        measured = self.modifies, self.limit, self.loss
        return MarginHold(self.order, self.asset, *requested, self.hold_price, self.terms, *measured)


_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Any message as bytes, but for holds."""

_requests: msgspec.json.Decoder[CallerCommand | _Hold | Query] = msgspec.json.Decoder(CallerCommand | _Hold | Query)
_inputs: msgspec.json.Decoder[CallerCommand | _Hold | LinkMessage] = msgspec.json.Decoder(
    CallerCommand | _Hold | LinkMessage
)
_links: msgspec.json.Decoder[LinkMessage] = msgspec.json.Decoder(LinkMessage)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Undecodable(Exception):
    """Bytes that are no message."""


def encode_hold(hold: FundsHold | MarginHold) -> bytes:
    """What one shard asks another to hold, as bytes."""
    requested = hold.market_shard, hold.ticket, hold.deadline_ms
    if isinstance(hold, FundsHold):
        return encode(_Hold(hold.order, hold.asset, hold.amount, *requested))
    measured = hold.modifies, hold.limit, hold.loss
    return encode(_Hold(hold.order, hold.asset, 0, *requested, hold.hold_price, hold.terms, *measured))


def decode_request(body: bytes) -> Command | Query:
    """What a mailbox received. Raises Undecodable."""
    try:
        request = _requests.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(repr(error)) from error
    return request.narrow() if isinstance(request, _Hold) else request


def decode_input(body: bytes) -> Command | LinkMessage:
    """What a journal holds."""
    journaled = _inputs.decode(body)
    return journaled.narrow() if isinstance(journaled, _Hold) else journaled


def decode_link(body: bytes) -> LinkMessage:
    """What a link between shards carried."""
    return _links.decode(body)


def decode_event(body: bytes) -> Event:
    """What a link to the archive carried."""
    return _events.decode(body)


def decode_reply(body: bytes) -> Reply:
    """An answer."""
    return _replies.decode(body)
