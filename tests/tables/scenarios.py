"""Reading and running the text tables beside this file. README.txt there says how they are written."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from shards.engine.outbox import ARCHIVE
from shards.engine.queries import answer
from shards.model.accounting import Wallet
from shards.model.codec import decode_event, decode_reply, encode
from shards.model.commands import (
    AddMarket,
    Cancel,
    CancelAll,
    CancelByClientId,
    Command,
    Deposit,
    Place,
    SetMarketStatus,
)
from shards.model.decimals import count_steps, format_plain, parse_decimal
from shards.model.events import OrderEnded, Traded
from shards.model.markets import Market, MarketStatus
from shards.model.orders import Kind, NewOrder, Order, Side, Status, TimeInForce, Trade
from shards.model.queries import (
    GetBalances,
    GetDepth,
    GetMargin,
    GetOrder,
    GetOrderByClientId,
    ListOrders,
    ListTrades,
    Query,
)
from shards.model.replies import (
    AmountReply,
    BalancesReply,
    DepthReply,
    MarginReply,
    MarketReply,
    OrderReply,
    OrdersReply,
    Rejected,
    Reply,
    TradesReply,
)
from tests.model.reference import Reference
from tests.model.world import START_MS, World, make_market

WIDTH = 52  # where the right side starts
DECIMALS = {"USDT": 6, "DF": 8, "BTC": 8}
NUMBERS = {"DF": 2, "BTC": 1}
NOWHERE = 999  # the number of any other market


class Step(NamedTuple):
    """A command, and what must come of it; None: whatever comes."""

    number: int
    command: str
    events: list[str] | None


class Scenario(NamedTuple):
    path: Path
    name: str
    steps: list[Step]


def read_scenarios(path: Path) -> Iterator[Scenario]:
    """The scenarios of one file."""
    scenario = None
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if text.startswith("== "):
            if scenario:
                yield scenario
            scenario = Scenario(path, text[3:].strip(), [])
            continue
        left, bar, right = text.partition("|")
        if not left.strip() and not bar:
            continue
        assert scenario is not None, f"{path}:{number}: a line before the first scenario"
        events = [event.strip() for event in right.split(";") if event.strip()] if bar else None
        if left.strip():
            scenario.steps.append(Step(number, left.strip(), events))
        else:
            before = scenario.steps[-1].events
            assert before is not None and events is not None, f"{path}:{number}: continues nothing"
            before.extend(events)
    if scenario:
        yield scenario


def write_scenarios(path: Path) -> None:
    """Put what comes of every command on its right side, for somebody to read and judge."""
    texts = []
    for scenario in read_scenarios(path):
        texts.append(f"== {scenario.name}")
        stage = Stage(1)
        for step in scenario.steps:
            events = stage.run(step.command)
            texts += [step.command] if step.events is None else _lay_out(step.command, events)
        texts.append("")
    path.write_text("\n".join(texts))


def _lay_out(command: str, events: list[str]) -> list[str]:
    """Two columns; the right one broken where it would become too long."""
    rows = [""]
    for event in events:
        if rows[-1] and len(rows[-1]) + len(event) + 2 > 118 - WIDTH:
            rows.append("")
        rows[-1] += ("; " if rows[-1] else "") + event
    return [f"{left:<{WIDTH - 2}} | {right}".rstrip() for left, right in zip([command, *[""] * 99], rows, strict=False)]


class Stage:
    """One scenario's exchange. Orders are named #1, #2 … as they come into being."""

    def __init__(self, shard_count: int) -> None:
        self.world = World(shard_count)
        self.world.archiving = False  # until a table says so
        self.names: dict[int, str] = {}
        self.orders: list[int] = []
        self.seen = [0] * shard_count  # rows to the archive
        self.references = 0
        self.decimals = 0  # of the asset that was paid in or out last
        self.markets: dict[int, Market] = {}
        self.before: dict[str, str] = {}
        self.reply: Reply | None = None
        self.reference = Reference()

    def run(self, command: str) -> list[str]:
        """Carry out one command; returns everything that came of it."""
        if NUMBERS["DF"] not in self.markets and not command.startswith("market DF"):
            self._open("DF", 0, 0)
        words = command.split()
        for patterns, act in ((OPERATOR, self._operate), (CALLER, self._act)):
            for name, pattern in patterns.items():
                match = pattern.fullmatch(command)
                if match:
                    return act(name, match) + self._consequences()
        raise AssertionError(f"not understood: {' '.join(words)}")

    # The operator's commands

    def _operate(self, name: str, match: re.Match[str]) -> list[str]:
        if name == "market":
            return self._open(match["base"], int(match["maker"] or 0), int(match["taker"] or 0))
        if name == "status":
            status = {"halt": "halted", "list": "listed", "delist": "delisted"}[match["verb"]]
            return self._send(SetMarketStatus(self._number(match["base"]), MarketStatus(status)))
        if name == "book":
            return self._send(GetDepth(self._number(match["base"]), 1_000))
        if name == "show":
            return self._send(GetOrder(self._id(match["order"])), times=True)
        if name == "wait":
            self.world.now_ms += int(match["ms"])
        elif name == "archive":
            for shard in range(self.world.shard_count):
                self.world.store(shard)
            self.reference.ended.clear()
        else:
            for shard in range(self.world.shard_count):
                self.world.take_snapshot(shard)
                self.world.restart(shard, from_snapshot=name == "restart")
            assert self.world.unfaithful() == []
            self.world.drain()
        return []

    def _open(self, base: str, maker: int, taker: int) -> list[str]:
        number = NUMBERS[base]
        market = make_market(number, base + "USDT", maker_fee_bps=maker, taker_fee_bps=taker)
        self.markets.setdefault(number, market)
        return self._send(AddMarket(market))

    # The callers' commands

    def _act(self, name: str, match: re.Match[str]) -> list[str]:
        account = match["account"]
        market = self._number(match.groupdict().get("base") or "DF")
        if name == "has":
            for amount in match["amounts"].split(", "):
                self.references += 1
                self._send(self._payment(account, amount, 1, f"has-{self.references}"))
            return []
        if name == "pays":
            sign = 1 if match["verb"] == "deposits" else -1
            wallet = Wallet.FUTURES if match["wallet"] else Wallet.SPOT
            return self._send(self._payment(account, match["amount"], sign, match["reference"], wallet))
        if name in ("limit", "buy_for", "sell_at_market"):
            return self._send(Place(self._new_order(name, account, market, match)))
        if name == "cancel":
            return self._send(Cancel(self._id(match["order"]), account))
        if name == "cancel_by_client_id":
            return self._send(CancelByClientId(market, account, match["client_id"]))
        if name == "cancel_all":
            return self._cancel_all(account, market if match["base"] else 0)
        if name == "client_id":
            return self._send(GetOrderByClientId(market, account, match["client_id"]))
        if name == "wallets":
            return self._send(GetBalances(account)) + self._send(GetMargin(account))
        return self._list(account, name)

    def _new_order(self, name: str, account: str, market: int, match: re.Match[str]) -> NewOrder:
        words = match.groupdict()
        side = Side.BUY if match["verb"] == "buys" else Side.SELL
        limit = name == "limit"
        tif = TimeInForce[(words.get("tif") or "gtc").upper()] if limit else TimeInForce.IOC
        return NewOrder(
            market=market,
            account=account,
            side=side,
            kind=Kind.LIMIT if limit else Kind.MARKET,
            tif=tif,
            price=_steps(match["price"], 2) if limit else 0,
            quantity=0 if name == "buy_for" else _steps(match["quantity"], 1),
            quote_quantity=_steps(match["quote"], 6) if name == "buy_for" else 0,
            client_id=match["client_id"] or "",
            signed_ms=START_MS + int(match["signed"]) if match["signed"] else 0,
        )

    def _payment(self, account: str, amount: str, sign: int, reference: str, wallet: Wallet = Wallet.SPOT) -> Deposit:
        number, asset = amount.split()
        self.decimals = DECIMALS[asset]
        return Deposit(account, asset, sign * _steps(number, DECIMALS[asset]), reference, wallet)

    def _cancel_all(self, account: str, market: int) -> list[str]:
        replies = self.world.call_all(CancelAll(account, market))
        orders = [order for reply in replies if isinstance(reply, OrdersReply) for order in reply.orders]
        orders.sort(key=lambda order: (order.created_ms, order.id))
        for number in sorted(self.markets) if market == 0 else [market]:
            own = [order for order in orders if order.market == number]
            self._compare(CancelAll(account, number), OrdersReply(own))
        return self._show_reply(OrdersReply(orders))

    def _list(self, account: str, name: str) -> list[str]:
        replies = self.world.call_all(ListOrders(account, 99) if name == "orders" else ListTrades(account, 99))
        orders = [order for reply in replies if isinstance(reply, OrdersReply) for order in reply.orders]
        trades = [trade for reply in replies if isinstance(reply, TradesReply) for trade in reply.trades]
        orders.sort(key=lambda order: (order.created_ms, order.id), reverse=True)
        trades.sort(key=lambda trade: (trade.time_ms, trade.id), reverse=True)
        return [self._show_order(order) for order in orders] + [self._show_trade(trade) for trade in trades]

    # What comes of them

    def _send(self, message: Command | Query, *, times: bool = False) -> list[str]:
        reply = self.world.call(message)
        self._compare(message, reply)
        return self._show_reply(reply, times=times)

    def _compare(self, message: Command | Query, reply: Reply) -> None:
        """The naive reference answers the same, as far as it goes."""
        futures = isinstance(message, GetMargin) or getattr(message, "wallet", None) is Wallet.FUTURES
        if futures or getattr(message, "market", 0) == NOWHERE or isinstance(message, GetOrderByClientId):
            return
        same = decode_reply(encode(reply))
        orders = same.orders if isinstance(same, OrdersReply) else [getattr(same, "order", None)]
        for order in orders:
            if order is not None:
                order.request = 0  # the journal's sequence, which the reference does not have
        if isinstance(same, DepthReply):
            same.update_id = 0
        expected = self.reference.apply(message, self.world.now_ms)
        assert same == expected, f"engine:    {same}\nreference: {expected}"

    def _show_reply(self, reply: Reply, *, times: bool = False) -> list[str]:
        self.reply = reply
        match reply:
            case Rejected(reason, order):
                return [f"refused {reason.value}" + (f" ({self._show_order(order)})" if order else "")]
            case OrderReply(order, trades, repeated):
                text = ("again " if repeated else "") + self._show_order(order)
                if times:
                    text += f", {order.created_ms - START_MS} to {order.updated_ms - START_MS} ms"
                return [text, *(self._show_trade(trade) for trade in trades)]
            case OrdersReply(orders):
                return [self._show_order(order) for order in orders] or ["nothing to cancel"]
            case AmountReply(amount):
                return [f"balance {format_plain(amount, self.decimals)}"]
            case MarketReply(market):
                return [f"{market.symbol} {market.status.value}"]
            case BalancesReply(balances):
                return [f"{each.asset} {_amounts(each.asset, each.available, each.held)}" for each in balances]
            case MarginReply():
                balance = max(0, reply.free)
                return [f"futures {format_plain(balance, 6)}"] if balance else []
            case DepthReply(_, bids, asks):
                return [f"bids {_levels(bids)}", f"asks {_levels(asks)}"]
        raise AssertionError(reply)

    def _show_order(self, order: Order) -> str:
        market = self.markets[order.market]
        if order.id not in self.names:
            self.orders.append(order.id)
            self.names[order.id] = f"#{len(self.orders)}"
        quantity = f" of {market.format_quantity(order.quantity)}" if order.quantity else ""
        text = f"{self.names[order.id]} {order.status.name.lower()} {market.format_quantity(order.filled)}{quantity}"
        if order.filled:
            text += f" at {market.format_average(order.filled_value, order.filled)}"
        ended = order.status not in (Status.OPEN, Status.PARTIALLY_FILLED)
        assert ended == bool(order.end_reason.value) and (order.hold == 0) == ended
        return text + (f" ({order.end_reason.value})" if order.status is Status.CANCELED else "")

    def _show_trade(self, trade: Trade) -> str:
        market = self.markets[trade.market]
        text = f"fill {market.format_quantity(trade.quantity)} @ {market.format_price(trade.price)}"
        text += f" {self.names[trade.maker_order]}<{self.names[trade.taker_order]}"
        to_taker = market.base if trade.taker_side is Side.BUY else market.quote
        to_maker = market.quote if trade.taker_side is Side.BUY else market.base
        if trade.maker_fee or trade.taker_fee:
            maker_fee, taker_fee = _amount(to_maker, trade.maker_fee), _amount(to_taker, trade.taker_fee)
            text += f" fees {maker_fee} {to_maker}, {taker_fee} {to_taker}"
        return text

    def _consequences(self) -> list[str]:
        """Orders that ended beside the one of the reply, and every wallet that is not as it was."""
        rows = self._new_rows()
        ended = [row.order for row in rows if isinstance(row, OrderEnded)]
        trades = [row.trade for row in rows if isinstance(row, Traded)]
        shown = self._orders_in_reply()
        if isinstance(self.reply, OrderReply) and not self.reply.repeated and ended:
            assert self.reply.trades == trades, "the archive gets other trades than the caller"
        texts = [self._show_order(order) for order in ended if order.id not in shown]
        for order in ended:
            assert shown.get(order.id, order) == order, "the archive gets another order than the caller"
        after = dict(self._wallets())
        texts += [f"{key} {after[key]}" for key in sorted(after) if self.before.get(key) != after[key]]
        self.before = after
        self.reply = None
        assert self.world.violations() == []
        return texts

    def _orders_in_reply(self) -> dict[int, Order]:
        reply = self.reply
        if isinstance(reply, OrdersReply):
            return {order.id: order for order in reply.orders}
        if isinstance(reply, OrderReply | Rejected) and reply.order is not None:
            return {reply.order.id: reply.order}
        return {}

    def _new_rows(self) -> list[object]:
        rows: list[object] = []
        for shard, engine in enumerate(self.world.engines):
            for posted in engine.outboxes[ARCHIVE].after(self.seen[shard]):
                rows.append(decode_event(posted.body))
            self.seen[shard] = engine.outboxes[ARCHIVE].last_number
        return rows

    def _wallets(self) -> Iterator[tuple[str, str]]:
        for engine in self.world.engines:
            for account, balances in engine.accounts.wallets.by_account.items():
                for each in balances.values():
                    yield f"{account} {each.asset}", _amounts(each.asset, each.available, each.held)
            for account in engine.accounts.margins.by_account:
                reply = answer(engine, GetMargin(account))
                assert isinstance(reply, MarginReply)
                yield f"{account} futures", format_plain(max(0, reply.free), 6)

    def _id(self, name: str) -> int:
        """#3: the third order; #999 and the like: one that was never made."""
        number = int(name[1:])
        return self.orders[number - 1] if number <= len(self.orders) else (NUMBERS["DF"] << 40) + number

    def _number(self, base: str) -> int:
        return NUMBERS.get(base, NOWHERE)


_BASE = r"(?: on (?P<base>[A-Z]+))?"
_ID = r"(?: id (?P<client_id>\S+))?(?: signed (?P<signed>\d+))?"
_ORDER = r"(?P<order>#\d+)"

OPERATOR = {
    name: re.compile(text)
    for name, text in {
        "market": r"market (?P<base>[A-Z]+)(?: fees (?P<maker>\d+) (?P<taker>\d+))?",
        "status": r"(?P<verb>halt|list|delist) (?P<base>[A-Z]+)",
        "book": r"book (?P<base>[A-Z]+)",
        "show": rf"show {_ORDER}",
        "wait": r"wait (?P<ms>\d+) ms",
        "restart": "restart",
        "replay": "replay",
        "archive": "archive",
    }.items()
}
CALLER = {
    name: re.compile(r"(?P<account>[a-z]+) " + text)
    for name, text in {
        "has": r"has (?P<amounts>.+)",
        "pays": r"(?P<verb>deposits|withdraws) (?P<amount>\S+ [A-Z]+)(?P<wallet> futures)? as (?P<reference>\S+)",
        "limit": rf"(?P<verb>buys|sells) (?P<quantity>\S+) @ (?P<price>\S+)(?: (?P<tif>ioc|post_only))?{_BASE}{_ID}",
        "buy_for": rf"(?P<verb>buys) for (?P<quote>\S+){_BASE}{_ID}",
        "sell_at_market": rf"(?P<verb>sells) (?P<quantity>\S+) at market{_BASE}{_ID}",
        "cancel": rf"cancels {_ORDER}",
        "cancel_by_client_id": rf"cancels id (?P<client_id>\S+){_BASE}",
        "cancel_all": rf"cancels all{_BASE}",
        "client_id": rf"shows id (?P<client_id>\S+){_BASE}",
        "wallets": "wallets",
        "orders": "orders",
        "trades": "trades",
    }.items()
}


def _steps(text: str, decimals: int) -> int:
    value = parse_decimal(text)
    one = parse_decimal(f"1e-{decimals}")
    assert value is not None and one is not None
    steps = count_steps(value, one)
    assert steps is not None, f"{text} has more than {decimals} decimals"
    return steps


def _amount(asset: str, units: int) -> str:
    return format_plain(units, DECIMALS[asset])


def _amounts(asset: str, available: int, held: int) -> str:
    """Available, and what is held if anything is: 60+40."""
    return _amount(asset, available) + (f"+{_amount(asset, held)}" if held else "")


def _levels(levels: list[tuple[int, int]]) -> str:
    market = make_market(NUMBERS["DF"])
    texts = [f"{market.format_quantity(lots)} @ {market.format_price(ticks)}" for ticks, lots in levels]
    return ", ".join(texts) or "none"


if __name__ == "__main__":
    for each in sorted(Path(os.path.dirname(__file__)).glob("*.table")):
        write_scenarios(each)
