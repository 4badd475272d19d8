"""The fast parser compared with gunicorn's: what it accepts means the same to both, and the rest it leaves."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from gunicorn.http.wsgi import base_environ, create

from tests.fuzz.damage import FRAMING
from tests.fuzz.values import HEADERS, TEXTS
from tests.http.table import expand, read_table
from web.server.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX
from web.server.request_parser import FastRequestParser, NeedsFallback, ParsedRequest, gunicorn_h1c

pytestmark = pytest.mark.skipif(gunicorn_h1c is None, reason="gunicorn_h1c is not installed")

COUNT: Final = 20_000
PLAIN_SHARE: Final = 0.1  # of all that are read: at least so many are taken, or the test shows nothing
CALLER: Final = ("192.0.2.7", 4711)
LISTENER: Final = ("127.0.0.1", 8000)
CORPUS: Final = Path(__file__).parents[2] / "fuzz" / "corpus"
NO_MATTER: Final = {"wsgi.input", "wsgi.errors", "wsgi.early_hints", "gunicorn.socket"}

Chance = random.Random


def make_config() -> Config:
    """As web/gunicorn_conf.py has it."""
    config = Config()
    config.set("http_parser", "python")
    config.set("secure_scheme_headers", {})
    config.set("forwarder_headers", "")
    return config


CONFIG: Final = make_config()


def make_reader() -> FastRequestParser:
    base = {
        **base_environ(CONFIG),
        "wsgi.url_scheme": "http",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": LISTENER[0],
        "SERVER_PORT": str(LISTENER[1]),
        "SCRIPT_NAME": "",
    }
    return FastRequestParser(base, CONFIG)


class Unsent:
    """A socket nobody listens to."""

    def send(self, data: bytes) -> int:
        return len(data)

    sendall = send


def read_as_gunicorn(data: bytes) -> ParsedRequest:
    """The request at the front of ``data``; raises what gunicorn's parser raises."""
    parser = RequestParser(CONFIG, iter([data]), CALLER)
    request = next(parser)
    _, environ = create(request, Unsent(), CALLER, LISTENER, CONFIG)
    environ["wsgi.input"] = request.body.read()
    left = parser.unreader.take_buffered()
    return ParsedRequest(environ, len(data) - len(left), not request.should_close())


def summary(parsed: ParsedRequest, body: bytes) -> dict[str, Any]:
    kept = {name: value for name, value in parsed.environ.items() if name not in NO_MATTER}
    return {**kept, "body": body, "size": parsed.size, "keep-alive": parsed.keep_alive}


def check(reader: FastRequestParser, data: bytes) -> bool:
    """Whether the fast parser took it; fails if it means anything else to gunicorn."""
    try:
        found = reader.read(data, CALLER)
    except NeedsFallback:
        return False
    if isinstance(found, int):
        assert found > len(data)
        return False
    body = found.environ["wsgi.input"].read()
    try:
        slow = read_as_gunicorn(data)
    except Exception as fault:
        raise AssertionError(f"gunicorn refuses what was taken: {fault!r} for {data!r}") from fault
    assert summary(found, body) == summary(slow, slow.environ["wsgi.input"]), data
    return True


NAMES: Final = (
    b"Host",
    b"host",
    b"A",
    b"X-Forwarded-For",
    b"Content-Type",
    b"Connection",
    b"Content-Length",
    b"Expect",
)
VALUES: Final = (
    b"",
    b"x",
    b" close",
    b"close ",
    b"Keep-Alive",
    b"keep-alive, close",
    b"a\tb",
    b"0",
    b"2",
    b"02",
    b"-1",
)
TARGETS: Final = (
    *(b"/", b"/healthz", b"//x", b"/a//b", b"/a?b", b"/?", b"/a?b?c#d", b"/#", b"*", b"http://h/a", b"/%41%00%ff"),
    *(b"/[x", b"/a;b=c", b"/a:b", b"/\xc3\xa9", b"/a\tb", b"/?a=%zz&%", b"h:80", b"/\\", b'/"<>', b"/" + b"a" * 8_174),
)
METHODS: Final = (b"GET", b"POST", b"DELETE", b"HEAD", b"OPTIONS", b"CONNECT", b"GE", b"get", b"M-SEARCH", b"G" * 21)
VERSIONS: Final = (b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"")


def compose(chance: Chance) -> bytes:
    """A request of parts most of which are good."""
    usual = chance.random() < 0.7
    method, version = (b"POST", b"HTTP/1.1") if usual else (chance.choice(METHODS), chance.choice(VERSIONS))
    lines = [b" ".join((method, chance.choice(TARGETS), version)), b"Host: x"]
    for _ in range(chance.randrange(4)):
        name, value = chance.choice(HEADERS)
        lines.append(name.encode() + b": " + value)
    if chance.random() < 0.3:
        lines.append(chance.choice(NAMES) + b":" + chance.choice(VALUES))
    if chance.random() < 0.05:
        lines.append(b"X: " + chance.choice(TEXTS).encode("utf-8", "replace"))
    if chance.random() < 0.05:
        lines += [b"B-%d: b" % number for number in range(chance.choice([95, 97, 98, 99, 100]))]
    if chance.random() < 0.05:
        lines.append(b"Long: " + b"v" * chance.randint(8_178, 8_186))
    body = chance.randbytes(chance.choice([0, 0, 1, 10, 5_000]))
    if body or chance.random() < 0.3:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body + chance.choice([b"", b"", b"GET / HTTP/1.1\r\n\r\n", b"\r\n"])


def corpus() -> list[bytes]:
    """What is sent in the corpus of wrong framing."""
    texts = [row["sent"].replace("{jwt}", "a.b.c") for row in read_table("framing", CORPUS)]
    return [expand(text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")) for text in texts]


def test_composed_and_mutated() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = Chance(seed)
    reader = make_reader()
    taken = 0
    for _ in range(COUNT):
        data = compose(chance)
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            data = chance.choice(FRAMING)(chance, data) or b"G"
        taken += check(reader, data)
    assert taken > PLAIN_SHARE * COUNT


def test_corpus_and_its_neighbors() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = Chance(seed)
    reader = make_reader()
    for data in corpus():
        check(reader, data)
        for _ in range(50):
            check(reader, chance.choice(FRAMING)(chance, data))


def test_it_returns_how_much_it_needs() -> None:
    """Cut anywhere, a plain request is asked for until it is whole, and never taken before."""
    reader = make_reader()
    whole = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    head = len(whole) - 5
    for end in range(1, len(whole)):
        assert reader.read(whole[:end], CALLER) == (end + 1 if end < head else len(whole))
    found = reader.read(whole + b"GET", CALLER)
    assert isinstance(found, ParsedRequest)
    assert found.size == len(whole)


@pytest.mark.parametrize("start", [b"", b"GET /", b"GET / HTTP/1.1\r\nA", b"GET / HTTP/1.1\r\nA: "])
def test_a_long_head_is_not_awaited(start: bytes) -> None:
    with pytest.raises(NeedsFallback):
        make_reader().read(start + b"A" * HEAD_BYTES_MAX + b"A", CALLER)


UNUSUAL: Final[dict[str, Callable[[bytes], bytes]]] = {
    "HTTP/1.0": lambda data: data.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chunks": lambda data: data.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
    "chunks and a length": lambda data: data.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
    "100-continue": lambda data: data.replace(b"Host: x", b"Expect: 100-continue"),
    "upgrade": lambda data: data.replace(b"Host: x", b"Upgrade: h2c"),
    "two hosts": lambda data: data.replace(b"Host: x", b"Host: x\r\nHost: x"),
    "two lengths": lambda data: data.replace(b"Host: x", b"Content-Length: 2"),
    "an underscore": lambda data: data.replace(b"Host", b"Ho_st"),
    "a tunnel": lambda data: data.replace(b"POST", b"CONNECT"),
    "a long body": lambda data: data.replace(b"Length: 2", b"Length: %d" % (BODY_BYTES_MAX + 1)),
    "an empty line first": lambda data: b"\r\n" + data,
    "a line feed": lambda data: data.replace(b"Host: x\r\n", b"Host: x\n"),
    "a folded line": lambda data: data.replace(b"Host: x", b"Host: x\r\n y"),
    "another host's path": lambda data: data.replace(b"/a", b"http://x/a"),
}


@pytest.mark.parametrize("change", UNUSUAL)
def test_left_to_gunicorn(change: str) -> None:
    plain = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    reader = make_reader()
    assert isinstance(reader.read(plain, CALLER), ParsedRequest)
    with pytest.raises(NeedsFallback):
        reader.read(UNUSUAL[change](plain), CALLER)


def test_the_cache_of_header_names_is_bounded() -> None:
    reader = make_reader()
    for number in range(2_000):
        assert check(reader, b"GET / HTTP/1.1\r\nX-%d: a\r\n\r\n" % number)
    assert check(reader, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Type: b\r\ncontent-length: 0\r\n\r\n")
