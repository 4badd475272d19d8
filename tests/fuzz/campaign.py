"""A campaign of mutated requests from several connections; stops at the first answer that is wrong."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from tests.exchange import Exchange
from tests.fuzz.arena import Arena
from tests.fuzz.damage import AFTER, FRAMING
from tests.fuzz.draft import sign
from tests.fuzz.judge import may_server_refuse, read_line
from tests.fuzz.mutations import BEFORE
from tests.fuzz.wire import Broken, Connection, is_of_server
from tests.http.venue import Answer

Json = Any

CONNECTIONS: Final = 4
GOOD_SHARE: Final = 0.15  # requests sent as they are: they keep orders and money coming
AFTER_SHARE: Final = 0.25  # of the others, mutated after they were signed
FRAMING_SHARE: Final = 0.08  # of all, mutated in their framing
DEADLINE_S: Final = 8.0  # the longest of the deadlines: no answer may come later
LOG_LINES: Final = 40  # that are shown with a fault
LOOK_COUNT: Final = 500  # requests of a connection between two looks at the workers
SHOWN_BYTES: Final = 200  # of the slowest request


class Fault(AssertionError):
    """A wrong answer, with all that is needed to send the request again."""


@dataclass
class Report:
    """What a campaign came to."""

    seed: int
    requests: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    slowest: bytes = b""  # the beginning of its first line
    statuses: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)  # answered with 200

    def __str__(self) -> str:
        counts = ", ".join(f"{status} × {count}" for status, count in sorted(self.statuses.items()))
        return (
            f"seed {self.seed}: {self.requests} requests in {self.seconds:.1f} s, slowest {self.slowest_s:.3f} s"
            f" ({self.slowest.decode(errors='replace')}),"
            f" {len(self.operations)} operations answered with 200; {counts}"
        )


class Campaign:
    """One exchange, one seed."""

    def __init__(self, exchange: Exchange, seed: int) -> None:
        self.arena = Arena(exchange)
        self.report = Report(seed)
        self._exchange = exchange
        self._workers = exchange.worker_pids()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self, count: int) -> Report:
        """Send ``count`` requests; raises Fault."""
        start = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            runs = [pool.submit(self._attack, number, count // CONNECTIONS) for number in range(CONNECTIONS)]
        self.report.seconds = time.monotonic() - start
        for run in runs:
            run.result()
        self._check_workers()
        return self.report

    def _attack(self, number: int, count: int) -> None:
        """What one connection sends: the same for the same seed, but for ids that others have made."""
        chance = random.Random(f"{self.report.seed}-{number}")
        with Connection(self._exchange.port) as connection:
            try:
                for turn in range(count):
                    if self._stop.is_set():
                        return
                    if turn % LOOK_COUNT == 0:
                        self._check_workers()
                    self._send_one(chance, connection)
            except BaseException:
                self._stop.set()
                raise

    def _check_workers(self) -> None:
        now = self._exchange.worker_pids()
        if now != self._workers:
            raise Fault(
                f"seed {self.report.seed}: workers {self._workers} became {now}\n{self._exchange.log()[-4_000:]}"
            )

    def _send_one(self, chance: random.Random, connection: Connection) -> None:
        who = chance.choice(self.arena.callers)
        draft = self.arena.draft(chance, who)
        good, after, framing = chance.random(), chance.random(), chance.random()
        if good >= GOOD_SHARE:
            for _ in range(chance.choice((1, 1, 2, 3))):
                chance.choice(BEFORE)(chance, draft)
        signed = sign(draft, who, by_key=chance.random() < 0.5)
        if good >= GOOD_SHARE and after < AFTER_SHARE:
            for _ in range(chance.choice((1, 1, 2))):
                chance.choice(AFTER)(chance, signed)
        data = signed.bytes()
        if framing < FRAMING_SHARE:
            self._send_broken(chance, connection, data)
        else:
            self._send_whole(connection, data, draft.operation)

    def _send_whole(self, connection: Connection, data: bytes, operation: Json) -> None:
        start = time.monotonic()
        try:
            answer = connection.ask(data)
        except (Broken, OSError) as fault:
            raise self._fault(data, f"no answer: {fault!r}") from fault
        seconds = time.monotonic() - start
        method, path = read_line(data.partition(b"\r\n")[0])
        refused = is_of_server(answer) and may_server_refuse(data)
        found = [] if refused else self.arena.judge.faults(method, path, answer)
        self._count(data, [answer], seconds, found)
        with self._lock:
            if answer.status == 200:
                self.report.operations[str(operation)] += 1
        self.arena.learn(method, path, answer)

    def _send_broken(self, chance: random.Random, connection: Connection, data: bytes) -> None:
        data = chance.choice(FRAMING)(chance, data)
        start = time.monotonic()
        try:
            answers = connection.ask_last(data)
        except (Broken, OSError) as fault:
            raise self._fault(data, f"no answers: {fault!r}") from fault
        seconds = time.monotonic() - start
        first = data.removeprefix(b"\r\n").partition(b"\r\n")[0]  # an empty line before it is passed over
        for answer in answers:  # where there are several they are of the same request
            self.arena.learn(*read_line(first), answer)
        found = [fault for answer in answers[:1] for fault in self.arena.judge.faults_of_line(first, answer)]
        found += [f"status {answer.status}" for answer in answers if answer.status in (500, 503, 504)]
        self._count(data, answers, seconds, found)

    def _count(self, data: bytes, answers: list[Answer], seconds: float, found: list[str]) -> None:
        if seconds > DEADLINE_S * max(1, len(answers)):
            found = [*found, f"answered after {seconds:.1f} s"]
        if found:
            shown = "\n".join(f"{answer.status} {answer.headers.items()} {answer.body[:600]!r}" for answer in answers)
            raise self._fault(data, "; ".join(found) + "\n" + shown)
        with self._lock:
            self.report.requests += 1
            if seconds > self.report.slowest_s:
                self.report.slowest_s, self.report.slowest = seconds, data.partition(b"\r\n")[0][:SHOWN_BYTES]
            self.report.statuses.update(str(answer.status) for answer in answers or ())
            if not answers:
                self.report.statuses["closed"] += 1

    def _fault(self, data: bytes, text: str) -> Fault:
        lines = [line for line in self._exchange.log().splitlines() if "Invalid request" not in line]
        text = "\n".join([text, "the log ends with", *lines[-LOG_LINES:]])
        shown = data if len(data) < 3_000 else data[:1_500] + b" ... " + data[-1_500:]
        return Fault(f"seed {self.report.seed}: {text}\nsent ({len(data)} bytes): {shown!r}")
