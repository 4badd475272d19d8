"""What shards ask each other to hold: two messages in memory, one of ever the same bytes on the wire."""

from typing import Final

import pytest

from shards.model.accounting import MarginTerms
from shards.model.codec import decode_input, decode_request, encode_hold
from shards.model.commands import FundsHold, MarginHold
from shards.model.orders import Kind, NewOrder, Side, TimeInForce

ORDER: Final = NewOrder(7, "alice", Side.BUY, Kind.LIMIT, TimeInForce.GTC, 30, 5, 0)
ORDER_TEXT: Final = b'[7,"alice",1,1,1,30,5,0,"",0,false,false,null,null,null,0]'
TERMS: Final = MarginTerms(900, 800, 20, 70_000, loss_value=60, entry_value=900)
TERMS_TEXT: Final = b"[900,800,20,70000,0,60,0,false,0,0,900]"
FUNDS: Final = FundsHold(ORDER, "USDT", 150, 1, 12, 1_000)
MARGIN: Final = MarginHold(ORDER, "USDT", 1, 12, 1_000, 31, TERMS, 77, 32, 2)
HOLDS: Final = (
    (FUNDS, b"[8," + ORDER_TEXT + b',"USDT",150,1,12,1000,0,null,0,0,0]'),
    (MARGIN, b"[8," + ORDER_TEXT + b',"USDT",0,1,12,1000,31,' + TERMS_TEXT + b",77,32,2]"),
)


@pytest.mark.parametrize(("hold", "body"), HOLDS)
def test_a_hold_and_its_bytes(hold: FundsHold | MarginHold, body: bytes) -> None:
    assert encode_hold(hold) == body
    assert decode_request(body) == decode_input(body) == hold


def test_holds_of_before() -> None:
    """What was journaled when there was less to say."""
    assert decode_input(b"[8," + ORDER_TEXT + b',"USDT",150,1,12,1000]') == FUNDS
    before = decode_input(b"[8," + ORDER_TEXT + b',"USDT",0,1,12,1000,31,' + TERMS_TEXT + b"]")
    assert before == MarginHold(ORDER, "USDT", 1, 12, 1_000, 31, TERMS, 0, 0, 0)
