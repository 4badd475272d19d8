"""Every reason for which the engine may refuse something has an answer in each API, or cannot come up there."""

from typing import Final

from shards.model.reasons import Reason
from web.futures.call.errors import REFUSALS
from web.http.errors import SPOT_REFUSALS

OF_FUTURES_ORDERS: Final = {  # spot has no margin, no triggers, no positions, no such filters, and modifies nothing
    Reason.INSUFFICIENT_MARGIN,
    Reason.POSITION_LIMIT,
    Reason.PARENT_NOT_OPEN,
    Reason.WOULD_TRIGGER,
    Reason.NOTHING_TO_REDUCE,
    Reason.TOO_MANY_TRIGGERS,
    Reason.CANNOT_FILL,
    Reason.NOT_MODIFIABLE,
    Reason.NOTHING_CHANGES,
    Reason.BELOW_FILLED,
    Reason.MIN_NOTIONAL,
    Reason.MAX_NOTIONAL,
    Reason.PRICE_TOO_HIGH,
    Reason.PRICE_TOO_LOW,
    Reason.NO_LEAVE,
}
OF_SPOT_AND_OPERATOR: Final = {
    Reason.MARKET_EXISTS,  # markets are made by the operator
    Reason.POSITIONS_OPEN,  # and delisted
    Reason.REFERENCE_CONFLICT,  # money moves by the operator API and by spot's transfer
    Reason.AMOUNT_TOO_BIG,
    Reason.SELF_TRADE,  # a futures order cancels the account's own orders in its way
    Reason.BAD_SQL,  # an operator's statement
}


def test_spot_keys_and_operator_have_an_answer() -> None:
    assert set(Reason) - set(SPOT_REFUSALS) == OF_FUTURES_ORDERS


def test_futures_have_an_answer() -> None:
    assert set(Reason) - set(REFUSALS) == OF_SPOT_AND_OPERATOR
