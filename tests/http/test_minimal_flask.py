"""Flask cut down against Flask itself: the same views answer alike, and nothing is registered that was cut off."""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from shards.model.reasons import RejectReason
from tests.http.futures.site import FakeClient, Site
from web.app import make_app
from web.server.flask_app import MinimalFlask
from web.services import NAME

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "get")
HOSTS: Final = (
    *(
        "x",
        "127.0.0.1:8000",
        "a.b-c.D",
        "a..b",
        ".a",
        "a.",
        "x:0",
        "x:65536",
        "x:60001",
        "x:080",
        "a.b.c.d.e",
        "y" * 64,
    ),
    *("..", "-", "x:", "x:a", "x:99999", "x:123456", "", " ", "x y", "[::1]", "[::1"),
    *("x_y", "x/y", "x@y", "é", "x\n", "x,y", "X" * 300),
)
FILLINGS: Final = ("x", "7", "a/b", "Ã¼", "00000000-0000-4000-8000-000000000000", "%2F")
BODIES: Final = (b"", b"{}", b"[")
NAME_OR_NUMBER: Final = re.compile(rb"\d{13}|[A-Za-z0-9_-]{40,}")  # the time, and what is made at random

Seen = tuple[int, list[tuple[str, str]], bytes]


class Restarting(FakeClient):
    """What needs an engine says that there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.refusal = RejectReason.RESTARTING

    def depth(self, shard: int) -> int:
        return 0


class Twins:
    """The same services behind both classes of applications."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.minimal = site.app
        self.plain = make_app(self.minimal.extensions[NAME], kind=Flask)
        assert type(self.minimal) is MinimalFlask
        assert type(self.plain) is Flask

    def rules(self) -> list[Rule]:
        return list(self.minimal.url_map.iter_rules())

    def check(self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> int:
        """Fails if they differ; the status."""
        seen = [self.ask(app, method, target, headers, body) for app in (self.minimal, self.plain)]
        assert seen[0] == seen[1], f"{method} {target} {headers} {body!r}"
        return seen[0][0]

    def ask(self, app: Flask, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> Seen:
        """Status, headers and body of one of them; in place of what it makes at random, there is a star."""
        self.site.app = app
        answer = self.site.send(method, target, headers, body)
        content = NAME_OR_NUMBER.sub(b"*", answer.body)
        length = str(len(content))
        named = [
            (name, length if name == "Content-Length" and content != answer.body else value)
            for name, value in answer.headers.items()
        ]
        return answer.status, named, content


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Twins]:
    site = Site(tmp_path, client=Restarting())
    yield Twins(site)
    site.reference.close()


def paths_of(rule: Rule) -> list[str]:
    """Good ones."""
    if not rule.arguments:
        return [rule.rule]
    return [re.sub(r"<[^>]*>", filling, rule.rule) for filling in FILLINGS]


def test_every_route_and_method(twins: Twins) -> None:
    seen = set()
    for rule in twins.rules():
        for path in paths_of(rule):
            for method in METHODS:
                seen.add(twins.check(method, path, {"Host": "x"}))
    assert len(twins.rules()) > 50
    assert {200, 401, 404, 405} <= seen


def test_with_credentials(twins: Twins) -> None:
    """All that can be asked for without good values, by those who may."""
    token = twins.minimal.extensions[NAME].tokens.mint("alice", 3_600)
    who = ({"Authorization": f"Bearer {token}"}, {"X-API-Key": "operator"}, {"X-MBX-APIKEY": "x"})
    seen = set()
    for rule in twins.rules():
        for method in rule.methods or ():
            for headers in who:
                for body in BODIES:
                    seen.add(twins.check(method, paths_of(rule)[0], {"Host": "x", **headers}, body))
    assert {200, 400, 401, 503} <= seen


def test_hosts(twins: Twins) -> None:
    """A malformed one is refused, whatever the path."""
    seen = set()
    for path in ("/healthz", "/fapi/v1/ping", "/api/v1/spot/orders/7", "/nowhere", "/fapi/nowhere"):
        twins.check("GET", path, {})
        for host in HOSTS:
            seen.add(twins.check("GET", path, {"Host": host}))
    assert {200, 400, 404} <= seen


def test_paths_beside_the_routes(twins: Twins) -> None:
    seen = set()
    for rule in twins.rules():
        path = paths_of(rule)[0]
        for near in (
            f"{path}/",
            f"/{path}",
            path.upper(),
            f"{path}x",
            path[1:],
            f"/x{path}",
            f"{path}\n",
            f"{path}?a=b",
        ):
            for method in ("GET", "HEAD", "POST"):
                seen.add(twins.check(method, near, {"Host": "x"}))
    for path in ("", "/", "//", "*", "/Ã¼", "/\x00", "/" + "a" * 8_000):
        twins.check("GET", path, {"Host": "x"})
    assert 404 in seen


def test_a_head_has_no_body(twins: Twins) -> None:
    """Whoever sends the answers: not every server drops what comes."""
    for rule in twins.rules():
        if "HEAD" in (rule.methods or ()):
            _, _, body = twins.ask(twins.minimal, "HEAD", paths_of(rule)[0], {"Host": "x"})
            assert body == b"", rule


def test_nothing_is_registered_that_was_cut_off(twins: Twins) -> None:
    app = twins.minimal
    assert not app.teardown_request_funcs
    assert not app.teardown_appcontext_funcs
    assert not app.url_value_preprocessors
    assert not app.url_default_functions
    assert not app.config["SECRET_KEY"]
    assert not any(inspect.iscoroutinefunction(view) for view in app.view_functions.values())
    assert not any(rule.redirect_to or rule.host or rule.subdomain or rule.websocket for rule in twins.rules())
    exact = [(rule.rule, method) for rule in twins.rules() for method in rule.methods or () if not rule.arguments]
    assert len(exact) == len(set(exact)), "two rules for one path"


def test_the_operator_api_needs_its_key(twins: Twins) -> None:
    """As before any view of that part, whatever the path and body."""
    for number, rule in enumerate(twins.rules()):
        if rule.endpoint.startswith("admin."):
            for method in rule.methods or ():
                twins.site.ip = f"192.0.2.{number}"  # the first wrong keys of an address are refused at once
                for headers in ({"Host": "x"}, {"Host": "x", "X-API-Key": "operato"}):
                    assert twins.check(method, paths_of(rule)[0], headers, b"{}") == 401, rule


# Where the views here do not go: answers of other kinds, and faults at every step


def fail(*_: object) -> Any:
    raise ValueError("ours")


def make_pair(register: Callable[[Flask], None]) -> list[Flask]:
    made = [MinimalFlask("one", static_folder=None), Flask("one", static_folder=None)]
    for app in made:
        register(app)
    return made


def mark(response: Response) -> Response:
    response.headers["X-Path"] = f"{request.path} {response.headers.get('X-Path')} {response.headers.get('X-Part')}"
    return response


def mark_part(response: Response) -> Response:
    response.headers["X-Part"] = f"part {response.headers.get('X-Path')}"
    return response


def make_blueprint() -> Blueprint:
    part = Blueprint("part", __name__)
    part.add_url_rule("/", view_func=lambda: "text")
    part.before_request(lambda: None if request.method == "GET" else ("no", 403))
    part.after_request(mark_part)
    part.after_app_request(mark)
    return part


def answer_http(error: HTTPException) -> tuple[str, int]:
    return f"refused {error.code}", error.code or 500


STEPS: Final[dict[str, Callable[[Flask], object]]] = {
    "a text": lambda app: app.add_url_rule("/", view_func=lambda: "text"),
    "a status": lambda app: app.add_url_rule("/", view_func=lambda: ("text", 202, {"X-A": "b"})),
    "an object": lambda app: app.add_url_rule("/", view_func=lambda: {"a": 1}),
    "nothing": lambda app: app.add_url_rule("/", view_func=lambda: None),
    "a fault": lambda app: app.add_url_rule("/", view_func=fail),
    "a handled fault": lambda app: (
        app.add_url_rule("/", view_func=fail),
        app.register_error_handler(ValueError, lambda fault: ("handled", 418)),
    ),
    "a fault in the handler": lambda app: (
        app.add_url_rule("/", view_func=fail),
        app.register_error_handler(ValueError, fail),
    ),
    "a fault before": lambda app: (app.add_url_rule("/", view_func=lambda: "text"), app.before_request(fail)),
    "a fault after": lambda app: (app.add_url_rule("/", view_func=lambda: "text"), app.after_request(fail)),
    "an answer before": lambda app: (app.add_url_rule("/", view_func=fail), app.before_request(lambda: "early")),
    "steps of a blueprint": lambda app: app.register_blueprint(make_blueprint()),
    "two after": lambda app: (
        app.add_url_rule("/", view_func=lambda: "text"),
        app.after_request(mark),
        app.after_request(mark),
        app.register_error_handler(HTTPException, answer_http),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("HEAD", "/"), ("POST", "/"), ("GET", "/else")])
def test_whatever_a_view_does(step: str, method: str, path: str) -> None:
    minimal, plain = (
        (answer.status, sorted(answer.headers.items()), answer.data)
        for app in make_pair(lambda app: STEPS[step](app) and None)
        for answer in [app.test_client().open(path, method=method)]
    )
    assert minimal == plain
