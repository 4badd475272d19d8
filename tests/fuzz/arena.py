"""An exchange to be fuzzed: its accounts, what they have done so far, and good requests of every operation."""

import random
from collections import deque
from decimal import Decimal
from threading import Lock
from typing import Any, Final
from urllib.parse import unquote

from tests.exchange import Exchange
from tests.fuzz.draft import Credentials, Draft, Pairs, Place
from tests.fuzz.judge import Judge
from tests.fuzz.values import FUTURES, GOOD, SPOT
from tests.http.openapi_document import Operation
from tests.http.openapi_requests import Sample, samples
from tests.http.venue import Answer

Json = Any
Chance = random.Random

Payment = tuple[str, str, int]
"""Account, reference, direction: the same one again moves no more money."""

FUNDS: Final = {"USDT": "1000000000", "DF": "1000000000", "BTC": "100000", "ETH": "100000"}
REMEMBERED: Final = 50  # ids of each kind: most of them of orders that are still open
GOOD_SHARE: Final = 0.6  # of the values that are chosen anew
VICTIMS: Final = tuple(f"V{number}" for number in range(10))
NEWCOMERS: Final = 30  # markets that may be opened; a thousand would be another test
VICTIM_SHARE: Final = 0.1  # of the requests about a market
CLIENT_IDS: Final = 200  # names in use: an order's name often meets itself again
_BY_NAME: Final = {
    **dict.fromkeys(("orderId", "algoId", "parentOrderId"), "orderId"),
    **dict.fromkeys(("origClientOrderId", "clientAlgoId", "newClientOrderId", "client_order_id"), "clientOrderId"),
}


class Arena:
    """Accounts and markets. Threads may share it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.judge = Judge()
        self.callers = [
            Credentials(account.id, account.jwt, account.api_key, account.api_secret, exchange.admin_key)
            for account in exchange.accounts
        ]
        self._lock = Lock()
        self._seen: dict[str, deque[Json]] = {}
        self.paid: dict[str, dict[Payment, Decimal]] = {}  # asset → what came into spot wallets
        self.accounts = {who.account for who in self.callers}  # all that may have money
        self.samples = {str(operation): self._samples(operation) for operation in self.judge.operations}
        self._fund()
        self._open_markets()
        self.start = {asset: self.held(asset) for asset in FUNDS}

    def _fund(self) -> None:
        for account in self.accounts:
            for wallet, asset in [*(("spot", asset) for asset in FUNDS), ("futures", "USDT")]:
                payment = {"account": account, "wallet": wallet, "asset": asset, "amount": FUNDS[asset]}
                assert self.exchange.operate("POST", "/deposits", {**payment, "reference": f"fund-{wallet}-{asset}"}).ok

    def _open_markets(self) -> None:
        """Markets that may come to harm; trading there is free, so that no money becomes fees."""
        terms = {"tick_size": "0.01", "lot_size": "0.01", "min_notional": "1", "maker_fee_bps": 0, "taker_fee_bps": 0}
        for symbol in VICTIMS:
            spot = {"id": symbol, "base_token": "DF", "quote_token": "USDT"}
            assert self.exchange.operate("POST", "/spot/markets", {**spot, **terms}).ok
            assert self.exchange.operate("POST", "/futures/markets", {"symbol": symbol, "base_asset": "DF", **terms}).ok

    def held(self, asset: str) -> Decimal:
        """What all accounts have of it in their spot wallets, as the operator sees it."""
        total = Decimal(0)
        for account in self.accounts:
            for row in self.exchange.operate("GET", f"/accounts/{account}").json()["spot"]:
                if row["token"] == asset:
                    total += Decimal(row["available"]) + Decimal(row["frozen"])
        return total

    def _samples(self, operation: Operation) -> list[Sample]:
        return list(samples(self.judge.document_of(operation.path), operation))

    # Requests

    def draft(self, chance: Chance, who: Credentials) -> Draft:
        """A good request of any operation."""
        operation = chance.choice(self.judge.operations)
        sample = chance.choice(self.samples[str(operation)])
        query = [(name, self._value(chance, operation, who, name, value)) for name, value in sample.query.items()]
        body: Pairs | None = None
        if sample.body is not None:
            body = [(name, self._value(chance, operation, who, name, value)) for name, value in sample.body.items()]
        draft = Draft(operation, self._segments(chance, operation, who, sample), query, body)
        if "signature" in operation.schemes and "bearer" not in operation.schemes:
            draft.place = chance.choice(list(Place))
        self._choose_id(chance, draft)
        return draft

    def _segments(self, chance: Chance, operation: Operation, who: Credentials, sample: Sample) -> list[str]:
        parts = zip(operation.path.split("/")[1:], sample.path.split("/")[1:], strict=True)
        return [
            str(self._value(chance, operation, who, part[1:-1], unquote(text))) if part.startswith("{") else text
            for part, text in parts
        ]

    def _value(self, chance: Chance, operation: Operation, who: Credentials, name: str, example: Json) -> Json:
        """A good value for a parameter: of what has been seen, another good one, or the example."""
        admin = "adminKey" in operation.schemes
        if admin and operation.path.endswith("/markets") and name in ("id", "symbol"):
            return f"N{chance.randrange(NEWCOMERS)}"
        if admin and operation.path.endswith("/status") and name in ("id", "symbol"):
            return chance.choice(VICTIMS)
        if name == "symbol" and not admin and chance.random() < VICTIM_SHARE:
            return chance.choice(VICTIMS)
        if name in ("account", "id") and admin:
            return who.account
        if name == "reference":
            return f"r{chance.randrange(10**9)}"
        if name == "batchOrders":
            return [self._inner(chance, operation, who, each) for each in example]
        if name == "orderIdList":
            return [self._pick(chance, "orderId", each) for each in example]
        if name == "origClientOrderIdList":
            return [self._client_id(chance) for _ in example]
        kind = _BY_NAME.get(name, name)
        if kind == "clientOrderId":
            return self._client_id(chance)
        if kind in ("orderId", "id", "key", "before"):
            return self._pick(chance, "id" if kind == "before" else kind, example)
        known = {**GOOD, **(FUTURES if operation.path.startswith("/fapi") else SPOT)}.get(name)
        return chance.choice(known) if known and chance.random() < GOOD_SHARE else example

    def _inner(self, chance: Chance, operation: Operation, who: Credentials, order: dict[str, Json]) -> dict[str, Json]:
        return {name: self._value(chance, operation, who, name, value) for name, value in order.items()}

    @staticmethod
    def _client_id(chance: Chance) -> str:
        return f"c:{chance.randrange(CLIENT_IDS)}"

    @staticmethod
    def _choose_id(chance: Chance, draft: Draft) -> None:
        """One of two ways to name an order, where only one may be sent."""
        names = [name for name, _ in draft.query]
        for pair in (("orderIdList", "origClientOrderIdList"), ("orderId", "origClientOrderId")):
            if all(name in names for name in pair):
                gone = chance.choice(pair)
                draft.query = [(name, value) for name, value in draft.query if name != gone]

    def _pick(self, chance: Chance, kind: str, example: Json) -> Json:
        """Something seen lately; as many draws whatever that is, so that a seed gives the same requests."""
        place = chance.random()
        with self._lock:
            seen = self._seen.get(kind)
            return seen[int(place * len(seen))] if seen else example

    # Answers

    def learn(self, method: str, path: str, answer: Answer) -> None:
        """Take note of ids in a good answer, and of money that has come or gone."""
        operation = self.judge.document_of(path).find(method, path)
        if answer.status != 200 or operation is None or operation.method == "GET":
            return
        body = answer.json
        if operation.path.endswith(("/deposits", "/withdrawals")):
            self._note_payment(body, 1 if operation.path.endswith("deposits") else -1)
        for each in body if isinstance(body, list) else [body]:
            self._note("orderId", each.get("orderId", each.get("algoId")))
            self._note("id", each.get("id") if "filled_qty" in each else None)
            self._note("key", each.get("api_key"))

    def _note(self, kind: str, value: Json) -> None:
        if value is not None:
            with self._lock:
                self._seen.setdefault(kind, deque(maxlen=REMEMBERED)).append(value)

    def _note_payment(self, body: dict[str, Json], sign: int) -> None:
        with self._lock:
            self.accounts.add(body["account"])
            if body["wallet"] == "spot":
                payment = (body["account"], body["reference"], sign)
                self.paid.setdefault(body["asset"], {})[payment] = sign * Decimal(body["amount"])
