"""Every reason for which the engine may refuse something has an answer in each API, or cannot come up there."""

from typing import Final

from shards.model.reasons import RejectReason
from web.futures.call.errors import REFUSALS
from web.http.errors import SPOT_REFUSALS

OF_FUTURES_ORDERS: Final = {  # spot has no margin, no triggers, no positions, no such filters, and modifies nothing
    RejectReason.INSUFFICIENT_MARGIN,
    RejectReason.POSITION_LIMIT,
    RejectReason.PARENT_NOT_OPEN,
    RejectReason.WOULD_TRIGGER,
    RejectReason.NOTHING_TO_REDUCE,
    RejectReason.TOO_MANY_TRIGGERS,
    RejectReason.CANNOT_FILL,
    RejectReason.NOT_MODIFIABLE,
    RejectReason.NOTHING_CHANGES,
    RejectReason.BELOW_FILLED,
    RejectReason.MIN_NOTIONAL,
    RejectReason.MAX_NOTIONAL,
    RejectReason.PRICE_TOO_HIGH,
    RejectReason.PRICE_TOO_LOW,
    RejectReason.NO_LEAVE,
}
OF_SPOT_AND_OPERATOR: Final = {
    RejectReason.MARKET_EXISTS,  # markets are made by the operator
    RejectReason.POSITIONS_OPEN,  # and delisted
    RejectReason.REFERENCE_CONFLICT,  # money moves by the operator API and by spot's transfer
    RejectReason.AMOUNT_TOO_BIG,
    RejectReason.SELF_TRADE,  # a futures order cancels the account's own orders in its way
    RejectReason.BAD_SQL,  # an operator's statement
}


def test_spot_keys_and_operator_have_an_answer() -> None:
    assert set(RejectReason) - set(SPOT_REFUSALS) == OF_FUTURES_ORDERS


def test_futures_have_an_answer() -> None:
    assert set(RejectReason) - set(REFUSALS) == OF_SPOT_AND_OPERATOR
