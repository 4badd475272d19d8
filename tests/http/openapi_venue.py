"""A venue that holds every answer against the document of its API."""

import itertools
import json
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import quote

from tests.exchange import Exchange
from tests.http.futures.caller import Caller
from tests.http.openapi_document import Document, Operation
from tests.http.openapi_requests import Sample
from tests.http.venue import Answer, User, Venue

SETTINGS: Final = {
    "SHARDEX_RATE_LIMITS": "on",
    "SHARDEX_TRUSTED_PROXIES": "127.0.0.1/32",  # so that each call can come from an IP of its own
    "SHARDEX_FUTURES_WEIGHT": "1000",  # soon used up by whoever stays at one
    "SHARDEX_FUTURES_ORDERS": "500",
}
Flow = Callable[["WitnessVenue"], None]

WEIGHT: Final = "X-MBX-USED-WEIGHT-1M"


class WitnessVenue(Venue):
    """Notes what does not fit (``faults``, by flow) and what each operation has answered (``seen``)."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.documents = {"spot": Document("spot"), "futures": Document("futures")}
        self.faults: dict[str, list[str]] = {}
        self._found: list[str] = []
        self.seen: dict[str, set[str]] = {}
        self._ips = itertools.count(1)

    def send(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """A call from an IP of its own, unless ``headers`` name one."""
        answer = super().send(method, target, {"X-Forwarded-For": self._next_ip(), **(headers or {})}, body)
        path = target.partition("?")[0]
        document = self.documents["futures" if path.startswith("/fapi") else "spot"]
        found = document.faults_of_answer(method, path, answer)
        operation = document.find(method, path)
        if operation is not None:
            self.seen.setdefault(str(operation), set()).update(_outcomes(answer))
            if "X-Forwarded-For" not in (headers or {}):
                found += _faults_of_weight(operation, answer)
        self._found += [f"{method} {target} → {answer.status} {answer.body[:400]!r}: {fault}" for fault in found]
        return answer

    def play(self, flow: Flow) -> None:
        """What does not fit in ``flow``, and where it stopped, is in ``faults``."""
        self._found = self.faults[name_of(flow)] = []
        try:
            flow(self)
        except AssertionError:  # one flow's failure does not hide what the others find
            self._found.append(traceback.format_exc(limit=-4))

    def operations(self, *apis: str) -> list[Operation]:
        """All operations of these APIs, of both by default."""
        found = [operation for api in apis or self.documents for operation in self.documents[api].operations]
        assert found
        return found

    def document_of(self, operation: Operation) -> Document:
        """The document it stands in."""
        return self.documents["futures" if operation.path.startswith("/fapi") else "spot"]

    def witness(self, caller: Caller) -> Caller:
        """The same caller of the futures API, under these eyes."""
        return Caller(self.send, caller.key, caller.secret)  # type: ignore[arg-type]

    def _next_ip(self) -> str:
        number = next(self._ips)
        return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    def trader(self, *permissions: str, usdt: str = "") -> "Trader":
        """A fresh account with an API key, and so much in its futures wallet."""
        user = self.user()
        if usdt:
            payment = {"account": user.name, "wallet": "futures", "asset": "USDT", "amount": usdt}
            self.operate("POST", "/deposits", {**payment, "reference": f"r{self.number()}"}).ok()
        return Trader(user, *permissions)

    def ask(self, operation: Operation, sample: Sample, who: "Trader | None") -> Answer:
        """The sample with credentials that open it; with none of ``who`` is None."""
        query = encode(sample.query)
        body = b"" if sample.body is None else json.dumps(sample.body).encode()
        headers: dict[str, str] = {}
        if who is not None:
            if "signature" in operation.schemes and "bearer" not in operation.schemes:
                return cast(Answer, who.call(operation.method, sample.path.removeprefix("/fapi"), query))
            headers = {
                **({"X-API-Key": self.exchange.admin_key} if "adminKey" in operation.schemes else {}),
                **({"X-MBX-APIKEY": who.key} if operation.schemes == {"apiKey"} else {}),
                **(who.user.bearer if "bearer" in operation.schemes else {}),
            }
        return self.send(operation.method, f"{sample.path}?{query}" if query else sample.path, headers, body or None)


class Trader(Caller):
    """A caller of the futures API, and of the spot API by its ``user``."""

    def __init__(self, user: User, *permissions: str) -> None:
        made = user.make_key(*permissions)
        super().__init__(user.venue.send, made.key, made.secret)  # type: ignore[arg-type]
        self.user = user

    def ask(self, method: str, path: str, **parameters: Any) -> Any:
        """A signed call; ``path`` after ``/fapi``."""
        return self.call(method, path, encode(parameters))

    def ok(self, method: str, path: str, **parameters: Any) -> Any:
        """The body of a 200."""
        return self.ask(method, path, **parameters).ok()


def encode(parameters: Mapping[str, Any]) -> str:
    """A query: texts as they are, all else as JSON."""
    return "&".join(
        f"{name}={quote(value if isinstance(value, str) else json.dumps(value), safe='')}"
        for name, value in parameters.items()
    )


def name_of(flow: Flow) -> str:
    """The flow's name and what it is about: "spot_flows.transfer"."""
    return f"{flow.__module__.rpartition('openapi_')[2]}.{flow.__name__}"


def _outcomes(answer: Answer) -> set[str]:
    """The status, and with it the error in one word."""
    found = {str(answer.status)}
    if answer.status >= 400 and answer.body:
        told = json.loads(answer.body)
        found.add(f"{answer.status} {told.get('error', told.get('code'))}")
    return found


def _faults_of_weight(operation: Operation, answer: Answer) -> list[str]:
    """The first call of an IP has used its own weight, once it has come as far as the view."""
    weights = operation.said.get("x-weight")
    if weights is None or answer.status not in (200, 401):
        return []
    used = int(answer.headers[WEIGHT])
    return [] if used in weights else [f"weight {used}, not {weights}"]
