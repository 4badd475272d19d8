"""The model's rows for rejected commands."""

from collections.abc import Iterator
from typing import Any

from shards.model.commands import Cancel, CancelBatch, CancelByClientId, FundsHold, MarginHold, Modify, Place
from shards.model.events import Attempt, CommandRejected
from shards.model.links import Granted
from shards.model.orders import Order, Status
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, Rejected


def refused_rows(message: Any, reply: Any, shard: Any) -> Iterator[CommandRejected]:
    """The rows of the current input of a shard of the model."""
    elsewhere = [message.order.market] if isinstance(message, FundsHold | MarginHold) else []
    known = {*shard.futures, *shard.markets, *elsewhere}
    requested: list[dict[str, Any]] = []
    if isinstance(message, CancelBatch):
        names = [("order", each) for each in message.ids] + [("client_id", each) for each in message.client_ids]
        found = reply.found if isinstance(reply, BatchReply) else [reply.reason] * len(names)
        for (name, value), each in zip(names, found, strict=True):
            if isinstance(each, RejectReason) or each.request < shard.sequence:
                requested.append({"attempt": Attempt.CANCEL, name: value, "market": message.market})
    elif not isinstance(reply, Rejected) or reply.reason is RejectReason.BUSY:
        return
    elif isinstance(message, Cancel):
        requested.append({"attempt": Attempt.CANCEL, "order": message.id, "market": message.id // 2**40})
    elif isinstance(message, CancelByClientId):
        requested.append({"attempt": Attempt.CANCEL, "client_id": message.client_id, "market": message.market})
    elif isinstance(message, Modify):
        wanted = {"price": message.price, "quantity": message.quantity, "stop_price": message.stop_price}
        requested.append({"attempt": Attempt.MODIFY, "order": message.id, "market": message.id // 2**40, **wanted})
    elif isinstance(message, Place | FundsHold | MarginHold | Granted):
        again = isinstance(message, Granted) and reply.reason is RejectReason.INSUFFICIENT_MARGIN
        if again or (reply.order is not None and reply.order.status is Status.REJECTED):  # recorded as an order instead
            return
        new, changes = message.order, getattr(message, "modifies", 0)
        made = {"client_id": new.client_id, "new": new}
        changed = {"order": changes, "price": new.price, "quantity": new.quantity}
        attempt = Attempt.MODIFY if changes else Attempt.PLACE
        requested.append({"attempt": attempt, "market": new.market, **(changed if changes else made)})
    account = message.order.account if hasattr(message, "order") else getattr(message, "account", "")
    opened = _open_on(shard)
    for position, each in enumerate(requested):
        reason = reply.reason if isinstance(reply, Rejected) else RejectReason.UNKNOWN_ORDER
        if each["attempt"] is Attempt.CANCEL and reason is not RejectReason.UNKNOWN_MARKET:
            reason = RejectReason.NOT_OWNER if each.get("order", 0) in opened else RejectReason.UNKNOWN_ORDER
        if each["attempt"] is Attempt.MODIFY and each["order"] in opened:
            order = opened[each["order"]]
            each |= {"price": each["price"] or order.price, "quantity": each["quantity"] or order.quantity}
        market = each.pop("market")
        shown = {**each, "market": market if market in known else 0, "reason": reason.value}
        yield CommandRejected(
            sequence=shard.sequence, position=position, account=account, time_ms=shard.now_ms, **shown
        )


def _open_on(shard: Any) -> dict[int, Order]:
    spot = [order for orders in shard.open.values() for order in orders]
    futures = [
        order
        for market in shard.futures.values()
        for order in (*market.resting, *market.waiting, *market.fired, *market.asked_for)
    ]
    return {order.id: order for order in (*spot, *futures)}
