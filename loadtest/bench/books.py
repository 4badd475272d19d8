"""One run of one order book on the stream, in a process of its own: ``python -m loadtest.bench.books <name> <count>``.

Prints nanoseconds of CPU per operation as JSON. The caller's inputs (sides and prices in a book's own types, commands
as decoded) are made before the clock starts; the book's own order objects are made while it runs. Each book maintains
whatever index it has for finding an order by id. A book whose final state differs from the stream's fails.
"""

import gc
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from loadtest.bench.stream import BUY, Operation, Outcome, PlainBook, Stream, make_stream

SEED: Final = 7

Step = tuple[Callable[..., object], tuple[Any, ...]]
"""A call to be made."""

Candidate = Callable[[Stream], tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]]
"""A stream → calls that fill the book, calls to be timed, a function that returns the final state."""


def _steps(
    operations: Sequence[Operation], place: Callable[..., object], cancel: Callable[..., object], convert: Any
) -> list[Step]:
    return [
        (place, (each.number, *convert(each))) if each.quantity else (cancel, (each.number,)) for each in operations
    ]


def _plain(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    book = PlainBook()

    def convert(each: Operation) -> tuple[int, int, int]:
        return each.side, each.price, each.quantity

    filling, timed = (_steps(part, book.place, book.cancel, convert) for part in stream[:2])
    return filling, timed, lambda: Outcome(book.traded_lots, len(book.open))


def _akhil4n(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    package = importlib.import_module("orderbook")
    book, order_ids, make = package.OrderBook(), {}, package.Order

    def place(number: int, side: Any, price: Decimal, quantity: int) -> None:
        order = make(side, price, quantity)
        order_ids[number] = order.order_id
        book.add_limit_order(order)

    def cancel(number: int) -> None:
        book.cancel_order(order_ids[number])

    def convert(each: Operation) -> tuple[Any, Decimal, int]:
        side = package.OrderSide.BID if each.side == BUY else package.OrderSide.ASK
        return side, Decimal(each.price), each.quantity

    filling, timed = (_steps(part, place, cancel, convert) for part in stream[:2])
    return filling, timed, lambda: Outcome(sum(trade.quantity_filled for trade in book.trade_log), len(book.orders))


def _pyorderbook(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    package = importlib.import_module("pyorderbook")
    book, orders, make, traded = package.Book(), {}, package.Order, [0]

    def place(number: int, side: Any, price: float, quantity: int) -> None:
        order = orders[number] = make(side, "DFUSDT", price, quantity)
        for trade in book.match(order).trades:
            traded[0] += trade.fill_quantity

    def cancel(number: int) -> None:
        book.cancel(orders[number])

    def convert(each: Operation) -> tuple[Any, float, int]:
        return package.Side.BID if each.side == BUY else package.Side.ASK, float(each.price), each.quantity

    filling, timed = (_steps(part, place, cancel, convert) for part in stream[:2])
    return filling, timed, lambda: Outcome(traded[0], len(book.order_map))


def _fastlob(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
    package = importlib.import_module("fastlob")
    book, order_ids, make, market, traded = package.Orderbook(), {}, package.OrderParams, package.ResultType.MARKET, [0]
    # its thread that looks for expired orders inherits daemon, and so does not keep the process alive
    starting = threading.Thread(target=book.start, daemon=True)
    starting.start()
    starting.join()

    def place(number: int, side: Any, price: Decimal, quantity: Decimal) -> None:
        result = book.process(make(side, price, quantity))
        order_ids[number] = result.orderid()
        if result.kind() is market:
            traded[0] += sum(result.execprices().values())

    def cancel(number: int) -> None:
        book.cancel(order_ids[number])

    def convert(each: Operation) -> tuple[Any, Decimal, Decimal]:
        side = package.OrderSide.BID if each.side == BUY else package.OrderSide.ASK
        return side, Decimal(each.price), Decimal(each.quantity)

    def outcome() -> Outcome:
        levels = (*book.best_asks(book.n_asks()), *book.best_bids(book.n_bids()))
        return Outcome(traded[0], sum(orders for _, _, orders in levels))

    filling, timed = (_steps(part, place, cancel, convert) for part in stream[:2])
    return filling, timed, outcome


def _own(name: str) -> Candidate:
    """Shardex's books, whose modules are not in the packages' environment."""

    def build(stream: Stream) -> tuple[Sequence[Step], Sequence[Step], Callable[[], Outcome]]:
        found: Candidate = getattr(importlib.import_module("loadtest.bench.own_books"), name)
        return found(stream)

    return build


CANDIDATES: Final[dict[str, Candidate]] = {
    "plain": _plain,
    "akhil4n-orderbook": _akhil4n,
    "pyorderbook": _pyorderbook,
    "fastlob": _fastlob,
    "book": _own("book"),
    "whole": _own("whole"),
}


def run(candidate: Candidate, stream: Stream) -> float:
    """CPU nanoseconds per operation."""
    filling, timed, outcome = candidate(stream)
    for call, values in filling:
        call(*values)
    gc.collect()
    gc.freeze()  # as a shard does after recovery
    start = time.process_time_ns()  # of this process only: other load on the machine does not count
    for call, values in timed:
        call(*values)
    taken = time.process_time_ns() - start
    assert outcome() == stream.outcome, (outcome(), stream.outcome)
    return taken / len(timed)


if __name__ == "__main__":
    print(json.dumps(run(CANDIDATES[sys.argv[1]], make_stream(SEED, int(sys.argv[2])))))
