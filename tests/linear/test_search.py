"""The search itself: histories that the model made are explained, and what is wrong in them is found."""

import random
from collections.abc import Callable, Sequence

import pytest

from shards.model.commands import AddMarket, Cancel, CancelAll, CancelByClientId, Deposit, Place
from shards.model.markets import Market, Product
from shards.model.orders import Kind, NewOrder, Side, TimeInForce
from shards.model.queries import GetDepth, GetOrder
from tests.linear.history import UNKNOWN, Op, Requested
from tests.linear.market import MarketModel
from tests.linear.search import Search, prove
from tests.model.seeds import read_seed

MARKET = Market(1, Product.SPOT, "MUSDT", "M", "USDT", 8, 6, 1, 2, 1, 3, 1, 0, 0)
ACCOUNTS = [f"a{number}" for number in range(8)]
OPS = 600
SPREAD = 8.0  # of a call around the moment it takes place, which is one of 0, 1, 2, …


def make_model() -> MarketModel:
    model = MarketModel()
    model.apply(AddMarket(MARKET), 0)
    for account in ACCOUNTS:
        for asset in (MARKET.base, MARKET.quote):
            model.apply(Deposit(account, asset, 10**15, f"f-{asset}"), 0)
    return model


def place(account: str, client_id: str, side: Side, price: int, quantity: int = 10) -> Place:
    terms = Kind.LIMIT, TimeInForce.GTC, price, quantity, 0
    return Place(NewOrder(MARKET.number, account, side, *terms, client_id))


def ask(rnd: random.Random, number: int, placed: int) -> Requested:
    account = rnd.choice(ACCOUNTS)
    order = MARKET.number << 40 | rnd.randint(max(1, placed - 30), placed + 1)
    return rnd.choices(
        (
            place(account, f"c{number}", rnd.choice(list(Side)), rnd.randint(95, 105), rnd.randint(1, 50)),
            Cancel(order, account),
            CancelByClientId(MARKET.number, account, f"c{rnd.randint(max(0, number - 30), number)}"),
            CancelAll(account, MARKET.number),
            GetOrder(order),
            GetDepth(MARKET.number, 1_000),
        ),
        (45, 20, 5, 2, 14, 14),
    )[0]


def make_history(rnd: random.Random, lost: float = 0.0) -> list[Op]:
    """What clients would see of a right market; of some calls they hear nothing, and half of these never happen."""
    model, ops = make_model(), []
    for number in range(OPS):
        requested = ask(rnd, number, model.placed[MARKET.number])
        called, ended = number - rnd.random() * SPREAD, number + rnd.random() * SPREAD
        if rnd.random() < lost and not isinstance(requested, GetOrder | GetDepth):
            if rnd.random() < 0.5:
                model.ask(requested)
            ops.append(Op(requested, UNKNOWN, called, number + 4 * SPREAD))
        else:
            ops.append(Op(requested, model.ask(requested), called, ended))
    return ops


def explain(ops: Sequence[Op]) -> list[Op] | None:
    return Search(ops, make_model()).run()


@pytest.mark.parametrize("lost", [0.0, 0.03])
def test_what_a_correct_market_answered_is_explained(lost: float) -> None:
    ops = make_history(random.Random(read_seed()), lost)
    order = explain(ops)
    assert order is not None
    prove(order, ops, make_model())


def swap_two_answers(rnd: random.Random, ops: list[Op]) -> None:
    """Of orders placed one after the other."""
    placed = [index for index, op in enumerate(ops) if isinstance(op.requested, Place) and op.answer[0] == "order"]
    one, other = rnd.choice([(a, b) for a in placed for b in placed if ops[a].ended < ops[b].called])
    ops[one], ops[other] = ops[one]._replace(answer=ops[other].answer), ops[other]._replace(answer=ops[one].answer)


def read_what_was_before(rnd: random.Random, ops: list[Op]) -> None:
    """The book as somebody saw it long before."""
    reads = [index for index, op in enumerate(ops) if isinstance(op.requested, GetDepth)]
    late = rnd.choice([index for index in reads if index > 300])
    early = rnd.choice([index for index in reads if index < 200])
    ops[late] = ops[late]._replace(answer=ops[early].answer)


def forget_a_cancel(rnd: random.Random, ops: list[Op]) -> None:
    """It was answered, and has not happened: somebody reads the order later as it was."""
    canceled = [op for op in ops if isinstance(op.requested, Cancel) and op.answer[0] == "order"]
    op = rnd.choice(canceled)
    number, side, kind, tif, _, *rest = op.answer[1]
    status = "partially_filled" if rest[-1] else "open"
    as_before = "order", (number, side, kind, tif, status, *rest)
    ops.append(Op(GetOrder(number), as_before, op.ended + 1, op.ended + 2))


def lose_an_order(rnd: random.Random, ops: list[Op]) -> None:
    """It was acknowledged, and is not there."""
    op = rnd.choice([op for op in ops if isinstance(op.requested, Place) and op.answer[0] == "order"])
    ops.append(Op(GetOrder(op.answer[1][0]), ("refused", 404, "ORDER_NOT_FOUND"), op.ended + 1, op.ended + 2))


@pytest.mark.parametrize("corrupt", [swap_two_answers, read_what_was_before, forget_a_cancel, lose_an_order])
def test_what_is_wrong_is_found(corrupt: Callable[[random.Random, list[Op]], None]) -> None:
    rnd = random.Random(read_seed())
    ops = make_history(rnd)
    corrupt(rnd, ops)
    assert explain(ops) is None


def test_an_unconfirmed_order_may_come_until_its_deadline_and_not_later() -> None:
    empty, there = ("depth", (), ()), ("depth", ((100, 10),), ())
    unknown = Op(place("a0", "c", Side.BUY, 100), UNKNOWN, 0.0, 5.0)
    look = GetDepth(MARKET.number, 1_000)
    never = [unknown, Op(look, empty, 6.0, 7.0), Op(look, empty, 8.0, 9.0)]
    in_time = [unknown, Op(look, empty, 3.0, 4.0), Op(look, there, 8.0, 9.0)]
    late = [unknown, Op(look, empty, 6.0, 7.0), Op(look, there, 8.0, 9.0)]
    gone = [unknown, Op(look, there, 3.0, 4.0), Op(look, empty, 8.0, 9.0)]
    assert [explain(ops) is not None for ops in (never, in_time, late, gone)] == [True, True, False, False]


def test_an_unconfirmed_order_is_not_excluded_by_ambiguous_answers() -> None:
    unknown = Op(place("a0", "c", Side.BUY, 100), UNKNOWN, 0.0, 5.0)
    nothing = Op(CancelByClientId(MARKET.number, "a1", "x"), ("refused", 404, "ORDER_NOT_FOUND"), 6.0, 9.0)
    there = Op(GetDepth(MARKET.number, 1_000), ("depth", ((100, 10),), ()), 6.0, 7.0)
    empty = Op(GetDepth(MARKET.number, 1_000), ("depth", (), ()), 6.0, 7.0)
    ops = [unknown, nothing, there]
    order = explain(ops)
    assert order is not None
    prove(order, ops, make_model())
    assert explain([unknown, nothing, empty]) is not None
    assert explain([unknown, nothing, there, empty]) is None
