"""The events of rejected commands: who requested what, and why it was rejected.

Derived from the machines' state only, so that a replay gives the same events: whether an order that is not open ended
recently or never existed depends on the archive's progress.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from shards.engine.market.machine import MarketMachine
from shards.model.commands import Cancel, CancelBatch, CancelByClientId, Command, FundsHold, MarginHold, Modify, Place
from shards.model.events import Attempt, CommandRejected
from shards.model.ids import market_of
from shards.model.links import Granted, LinkMessage
from shards.model.orders import NewOrder, Order, Status
from shards.model.reasons import RejectReason
from shards.model.replies import BatchReply, Rejected, Reply

_NUMBER_END: Final = 2**63  # exclusive bound of the archive's integers; no order has a number this high

Wanted = tuple[Attempt, str, int, dict[str, Any]]
"""Attempt, account, market, and the other fields of the event."""


def refusals_of(
    message: Command | LinkMessage,
    reply: Reply,
    markets: Mapping[int, MarketMachine],
    sequence: int,
    now_ms: int,
    rules: int,
) -> Iterator[CommandRejected]:
    """Yield one event per command that ``reply`` rejects, in the order of the request.

    A command may name anything: a market that is not in ``markets`` is shown as 0. The market of a hold belongs to
    another shard.
    """
    rejected = _refused_by(message, reply, sequence, rules)
    for position, ((attempt, account, market, shown), reason) in enumerate(rejected):
        machine = markets.get(market)
        if attempt is Attempt.CANCEL and reason is not RejectReason.UNKNOWN_MARKET:
            is_open = machine is not None and shown.get("order") in machine.open
            reason = RejectReason.NOT_OWNER if is_open else RejectReason.UNKNOWN_ORDER
        if attempt is Attempt.MODIFY and machine is not None and rules >= 3:
            shown = _as_it_would_be(shown, machine.open.get(shown["order"]))
        number = market if machine is not None or isinstance(message, (FundsHold, MarginHold)) else 0
        yield CommandRejected(sequence, position, attempt, account, number, reason.value, now_ms, **shown)


def _refused_by(
    message: Command | LinkMessage, reply: Reply, sequence: int, rules: int
) -> Iterator[tuple[Wanted, RejectReason]]:
    match message, reply:
        case CancelBatch(), BatchReply(found):
            for wanted, each in zip(_wanted_by_batch(message), found, strict=True):
                if isinstance(each, RejectReason):
                    yield wanted, each
                elif each.request != sequence:  # it had ended before
                    yield wanted, RejectReason.TERMINAL_ORDER
        case CancelBatch(), Rejected(reason):
            for wanted in _wanted_by_batch(message):
                yield wanted, reason
        case Granted(), Rejected(RejectReason.INSUFFICIENT_MARGIN):
            pass  # the market has moved: more is requested
        case _, Rejected(_, Order(status=Status.REJECTED, request=ended_by)) if rules >= 3 or ended_by == sequence:
            pass  # rejected by a spot market's book, by now or when it came first: it has an event of its own
        case _, Rejected(reason):
            for wanted in _wanted_by(message):
                yield wanted, reason


def _as_it_would_be(changes: dict[str, Any], order: Order | None) -> dict[str, Any]:
    """The price and quantity that the open order would have had: a hold for it has them all."""
    if order is None:
        return changes
    return {**changes, "price": changes["price"] or order.price, "quantity": changes["quantity"] or order.quantity}


def _wanted_by(message: Command | LinkMessage) -> Iterator[Wanted]:
    match message:
        case Place(order):
            yield _placing(order)
        case MarginHold(order, modifies=modifies) | Granted(order, modifies=modifies) if modifies:
            yield _modifying(modifies, order)
        case FundsHold(order) | MarginHold(order) | Granted(order):
            yield _placing(order)
        case Modify(number, account, price, quantity, stop_price):
            changes = {"price": price, "quantity": quantity, "stop_price": stop_price}
            yield Attempt.MODIFY, account, market_of(number), {**_named(number), **changes}
        case Cancel(number, account):
            yield Attempt.CANCEL, account, market_of(number), _named(number)
        case CancelByClientId(market, account, client_id):
            yield Attempt.CANCEL, account, market, {"client_id": client_id}


def _placing(new: NewOrder) -> Wanted:
    return Attempt.PLACE, new.account, new.market, {"client_id": new.client_id, "new": new}


def _modifying(number: int, changed: NewOrder) -> Wanted:
    shown = {"order": number, "price": changed.price, "quantity": changed.quantity}
    return Attempt.MODIFY, changed.account, changed.market, shown


def _wanted_by_batch(batch: CancelBatch) -> Iterator[Wanted]:
    for number in batch.ids:
        yield Attempt.CANCEL, batch.account, batch.market, _named(number)
    for client_id in batch.client_ids:
        yield Attempt.CANCEL, batch.account, batch.market, {"client_id": client_id}


def _named(number: int) -> dict[str, Any]:
    return {"order": number if 0 <= number < _NUMBER_END else 0}
