"""Messages ↔ bytes.

JSON arrays, each opened by its message's tag: typed, compact, readable in the journal, and exact for integers of any
size (an 18-decimals balance does not fit the 64 bits of MessagePack). Never pickle.
"""

import msgspec

from shards.model.commands import Command
from shards.model.events import Row
from shards.model.links import LinkMessage
from shards.model.queries import Question
from shards.model.replies import Reply

VERSION = 2  # of everything below; written in every hello, journal and snapshot

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
"""Any message as bytes."""

_requests: msgspec.json.Decoder[Command | Question] = msgspec.json.Decoder(Command | Question)
_inputs: msgspec.json.Decoder[Command | LinkMessage] = msgspec.json.Decoder(Command | LinkMessage)
_links: msgspec.json.Decoder[LinkMessage] = msgspec.json.Decoder(LinkMessage)
_rows: msgspec.json.Decoder[Row] = msgspec.json.Decoder(Row)
_replies: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Undecodable(Exception):
    """Bytes that are no message."""


def decode_request(body: bytes) -> Command | Question:
    """What a mailbox received. Raises Undecodable."""
    try:
        return _requests.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(repr(error)) from error


def decode_input(body: bytes) -> Command | LinkMessage:
    """What a journal holds."""
    return _inputs.decode(body)


def decode_link(body: bytes) -> LinkMessage:
    """What a link between shards carried."""
    return _links.decode(body)


def decode_row(body: bytes) -> Row:
    """What a link to the archive carried."""
    return _rows.decode(body)


def decode_reply(body: bytes) -> Reply:
    """An answer."""
    return _replies.decode(body)
