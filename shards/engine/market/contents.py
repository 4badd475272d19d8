"""Whether a new futures order equals an open one as placed: then it is the same request again."""

from collections.abc import Mapping

from shards.engine.market.triggers import trigger_of
from shards.model.orders import NewOrder, Order


def is_same(order: Order, new: NewOrder, waiting: Mapping[int, Order]) -> bool:
    """Compare as placed: firing changes an order's kind, and a reduce-only order may have shrunk since.

    ``waiting``: the waiting triggers, by id.
    """
    trigger, requested = order.trigger, new.trigger
    if (order.side, order.tif, order.price) != (new.side, new.tif, new.price):
        return False
    if trigger is None or requested is None:
        same = trigger is requested and order.kind is new.kind and order.reduce_only == new.reduce_only
        return same and _same_quantity(order, new) and _same_children(order, new, waiting)
    terms = trigger.origin, trigger.stop_price, trigger.watched, trigger.protect, trigger.callback, trigger.parent
    wanted = (
        requested.origin,
        requested.stop_price,
        requested.watched,
        requested.protect,
        requested.callback,
        requested.parent,
    )
    implied = trigger.parent or order.close_position  # reduce-only, even if not requested
    return (
        terms == wanted
        and requested.activation in (0, trigger.activation)
        and order.close_position == new.close_position
        and bool(implied or order.reduce_only == new.reduce_only)
        and (_same_quantity(order, new) or not new.quantity)
    )


def _same_children(order: Order, new: NewOrder, waiting: Mapping[int, Order]) -> bool:
    """Compare the attached triggers that are still waiting."""
    for number, requested in ((order.take_profit, new.take_profit), (order.stop_loss, new.stop_loss)):
        if (number > 0) != (requested is not None):
            return False
        child = waiting.get(number)
        if child is not None and requested is not None:
            terms = trigger_of(child)
            if (terms.stop_price, terms.watched) != (requested.stop_price, requested.watched):
                return False
    return True


def _same_quantity(order: Order, new: NewOrder) -> bool:
    return order.quantity == new.quantity or (order.reduce_only and order.quantity < new.quantity)
