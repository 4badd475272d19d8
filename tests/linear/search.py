"""Is there one order of all operations that explains every answer? (Wing & Gong's search, with Lowe's memory)

An operation may take place next if no other one that is still to come had its answer before this one was called. The
model then gives the answer. Where another one was recorded, that way is left. An operation without an
answer may take place at any moment up to its end, or never. If it is an order that was found afterwards, it has.

What changes nothing takes place as soon as its answer is right: no other way could be better for the rest. A state that
was come to with the same operations done is not searched again. The order that is found is proved by itself.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from shards.model.commands import Place
from tests.linear.history import Answer, Op, is_nothing
from tests.linear.market import MarketModel

STEPS_MAX: Final = 300_000  # of the model, in one search


class Undecided(Exception):
    """The search takes too long."""


class _Place:
    """How far one way has come."""

    def __init__(self, model: MarketModel, first: int, done: int, newest: float) -> None:
        self.model = model
        self.first = first  # all operations before it are done, or will never be
        self.done = done  # one bit for each operation, from the first on
        self.newest = newest  # the latest call of all that is done
        self.took = 0  # length of the order that led here
        self.ways: Iterator[_Place]


class Search:
    """One history and the market in which it begins."""

    def __init__(self, ops: Sequence[Op], model: MarketModel) -> None:
        self._ops = sorted(ops, key=lambda op: op.called)
        self._model = model
        self._order: list[Op] = []  # of the way at hand
        self._seen: set[Any] = set()
        self.steps = 0
        self.longest: list[Op] = []  # the longest order that explains its answers: where it ends, something is wrong

    def run(self) -> list[Op] | None:
        """An order that explains all answers; None if there is none. Raises Undecided."""
        place = self._arrive(_Place(self._model.copy(), 0, 0, 0.0))
        stack = [place] if place else []
        while stack:
            if self._is_complete(stack[-1]):
                return self._order
            following = next(stack[-1].ways, None)
            if following is not None:
                stack.append(following)
            else:
                stack.pop()
                del self._order[stack[-1].took if stack else 0 :]
        return None

    def _arrive(self, place: _Place) -> _Place | None:
        """Do what changes nothing. None if this has been searched before."""
        while self._take_pure(place):
            pass
        key = place.first, place.done, place.model.state()
        if key in self._seen:
            return None
        self._seen.add(key)
        place.took = len(self._order)
        place.ways = self._ways(place)
        if len(self._order) > len(self.longest):
            self.longest = list(self._order)
        return place

    def _is_complete(self, place: _Place) -> bool:
        return not any(op.is_sure and not self._is_done(place, index) for index, op in self._from(place))

    def _from(self, place: _Place) -> Iterator[tuple[int, Op]]:
        return ((index, self._ops[index]) for index in range(place.first, len(self._ops)))

    @staticmethod
    def _is_done(place: _Place, index: int) -> int:
        return place.done >> (index - place.first) & 1

    def _next(self, place: _Place) -> list[int]:
        """The operations that may take place next."""
        found, until = [], float("inf")
        for index, op in self._from(place):
            if op.called > until:
                break
            if self._is_done(place, index) or (not op.is_sure and op.ended < place.newest):
                continue
            found.append(index)
            if op.is_sure:
                until = min(until, op.ended)
        return [index for index in found if self._ops[index].called <= until]

    def _shuts_out(self, place: _Place, op: Op) -> bool:
        """Whether something without an answer, which may still happen, could not happen any more after this."""
        for index, other in self._from(place):
            if other.called > op.called:
                return False
            if not other.is_sure and place.newest <= other.ended < op.called and not self._is_done(place, index):
                return True
        return False

    def _take_pure(self, place: _Place) -> bool:
        taken = False
        for index in self._next(place):
            op = self._ops[index]
            # on a copy: what should change nothing may do so here, where it does not belong
            if not op.is_known or not op.is_pure or self._shuts_out(place, op):
                continue
            if self._ask(place.model.copy(), op) == op.answer:
                self._do(place, index)
                self._order.append(op)
                taken = True
        return taken

    def _ways(self, place: _Place) -> Iterator[_Place]:
        """Whatever may take place next; who was answered first comes first, who was not comes last."""
        able = ((index, self._ops[index]) for index in self._next(place))
        indexes = [index for index, op in able if not op.is_pure or (op.is_known and self._shuts_out(place, op))]
        for index in sorted(indexes, key=lambda index: (not self._ops[index].is_known, self._ops[index].ended)):
            op, model = self._ops[index], place.model.copy()
            answer = self._ask(model, op)
            if not _fits(op, answer, model):
                continue
            following = _Place(model, place.first, place.done, place.newest)
            self._do(following, index)
            del self._order[place.took :]
            self._order.append(op)
            arrived = self._arrive(following)
            if arrived is not None:
                yield arrived
        del self._order[place.took :]

    def _do(self, place: _Place, index: int) -> None:
        place.done |= 1 << (index - place.first)
        place.newest = max(place.newest, self._ops[index].called)
        while place.first < len(self._ops) and (
            place.done & 1 or (not self._ops[place.first].is_sure and self._ops[place.first].ended < place.newest)
        ):
            place.first += 1
            place.done >>= 1

    def _ask(self, model: MarketModel, op: Op) -> Any:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise Undecided(f"{len(self.longest)} of {len(self._ops)} operations are explained")
        return model.ask(op.requested)


def _fits(op: Op, answer: Answer, model: MarketModel) -> bool:
    """Whether the model's answer may be what the caller of ``op`` got, or would have got."""
    if op.is_known:
        return answer == op.answer
    if isinstance(op.requested, Place) and op.number:
        return model.newest(op.requested.order.market) == op.number
    return not is_nothing(op.requested, answer)  # where it does nothing, it may as well never take place


def prove(order: Sequence[Op], ops: Sequence[Op], model: MarketModel) -> None:
    """Whether an order explains a history, without any search. Raises AssertionError."""
    assert sorted(map(id, order)) == sorted({id(op) for op in order}), "an operation takes place twice"
    assert {id(op) for op in ops if op.is_sure} <= {id(op) for op in order} <= {id(op) for op in ops}
    model = model.copy()
    newest = 0.0
    for op in order:
        assert newest <= op.ended, f"it comes after one that was called only when it had ended: {op}"
        newest = max(newest, op.called)
        answer = model.ask(op.requested)
        assert _fits(op, answer, model), f"{op}: right is {answer}"
