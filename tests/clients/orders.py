"""Orders as the tests of the clients check them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.clients.bot import Bot
from tests.clients.program import Raised

UNKNOWN = 2**52  # the id of no order
TEXTS = {
    -1021: "Timestamp for this request",
    -1022: "Signature for this request is not valid.",
    -2011: "Unknown order sent.",
    -2013: "Order does not exist.",
    -2019: "Margin is insufficient.",
    -2021: "Order would immediately trigger.",
    -2030: "Trigger order has already been triggered.",
    -2031: "Trigger order has already been canceled.",
}


def check_order(order: Any, **expected: Any) -> None:
    """Compares numbers as numbers."""
    for name, value in expected.items():
        found = order[name]
        assert (float(found) if isinstance(value, float) else found) == value, (name, order)


def check_batch(bot: Bot, orders: Sequence[int | str], expected: Sequence[str | int]) -> None:
    """Cancels a batch; ``expected`` are statuses, and codes of what is no order."""
    told = bot.cancel_batch(orders)
    if bot.client.shows_batches:
        assert told == expected
    else:
        assert sorted(told) == sorted(each for each in expected if isinstance(each, str))


def check_raises(bot: Bot, code: int, call: Callable[[], Any]) -> None:
    """The client's own exception, with the exchange's code and text."""
    with pytest.raises(Raised) as raised:
        call()
    told = code if bot.client.tells_code else None
    assert (raised.value.name, raised.value.code) == (bot.client.error(code), told), raised.value
    assert TEXTS[code] in str(raised.value)
