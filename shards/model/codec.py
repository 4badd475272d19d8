"""Messages ↔ bytes.

JSON arrays whose first element is the message's tag: typed, compact, readable in the journal, and exact for integers of
any size (a balance with 18 decimals does not fit the 64 bits of MessagePack). Never pickle.
"""

import msgspec

from shards.model.accounting import MarginTerms
from shards.model.commands import CallerCommand, Command, FundsHold, MarginHold
from shards.model.events import Event
from shards.model.links import LinkMessage
from shards.model.orders import NewOrder
from shards.model.queries import Query
from shards.model.replies import Reply

VERSION = 2  # of all messages below; written into every hello, journal and snapshot


class _Hold(msgspec.Struct, array_like=True, tag=8, gc=False, frozen=True):
    """The encoding of FundsHold and MarginHold: one message, of which each uses a part."""

    order: NewOrder
    asset: str
    amount: int  # FundsHold only
    market_shard: int
    ticket: int
    deadline_ms: int
    hold_price: int = 0  # MarginHold only, as all below
    terms: MarginTerms | None = None
    modifies: int = 0
    limit: int = 0
    loss: int = 0

    def narrow(self) -> FundsHold | MarginHold:
        """Return the message this encodes."""
        requested = self.market_shard, self.ticket, self.deadline_ms
        if self.terms is None:
            return FundsHold(self.order, self.asset, self.amount, *requested)
        measured = self.modifies, self.limit, self.loss
        return MarginHold(self.order, self.asset, *requested, self.hold_price, self.terms, *measured)


_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Encode any message except holds."""

_requests: msgspec.json.Decoder[CallerCommand | _Hold | Query] = msgspec.json.Decoder(CallerCommand | _Hold | Query)
_inputs: msgspec.json.Decoder[CallerCommand | _Hold | LinkMessage] = msgspec.json.Decoder(
    CallerCommand | _Hold | LinkMessage
)
_links: msgspec.json.Decoder[LinkMessage] = msgspec.json.Decoder(LinkMessage)
_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Undecodable(Exception):
    """Bytes that are not a valid message."""


def encode_hold(hold: FundsHold | MarginHold) -> bytes:
    """Encode a hold request from one shard to another."""
    requested = hold.market_shard, hold.ticket, hold.deadline_ms
    if isinstance(hold, FundsHold):
        return encode(_Hold(hold.order, hold.asset, hold.amount, *requested))
    measured = hold.modifies, hold.limit, hold.loss
    return encode(_Hold(hold.order, hold.asset, 0, *requested, hold.hold_price, hold.terms, *measured))


def decode_request(body: bytes) -> Command | Query:
    """Decode a mailbox request. Raises Undecodable."""
    try:
        request = _requests.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(repr(error)) from error
    return request.narrow() if isinstance(request, _Hold) else request


def decode_input(body: bytes) -> Command | LinkMessage:
    """Decode a journaled input."""
    journaled = _inputs.decode(body)
    return journaled.narrow() if isinstance(journaled, _Hold) else journaled


def decode_link(body: bytes) -> LinkMessage:
    """Decode a message of a link between shards."""
    return _links.decode(body)


def decode_event(body: bytes) -> Event:
    """Decode a message of a link to the archive."""
    return _events.decode(body)


def decode_reply(body: bytes) -> Reply:
    """Decode a reply."""
    return _replies.decode(body)
