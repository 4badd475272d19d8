"""What is taken from gunicorn, Flask and Werkzeug beyond their public faces is still there, and is as it was."""

import ast
import inspect
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import pytest

WEB: Final = Path(__file__).parents[3] / "web"
CHECKED: Final = {"gunicorn": "27.0", "flask": "3.1", "werkzeug": "3.1"}  # by reading their source
OPEN: Final = {  # what anyone may import: it is documented
    "flask": ("flask", "flask.ctx"),
    "werkzeug": (
        "werkzeug.datastructures",
        "werkzeug.exceptions",
        "werkzeug.http",
        "werkzeug.routing",
        "werkzeug.wsgi",
    ),
    "gunicorn": (),
}
PARAMETERS: Final = {
    # called
    "gunicorn.http.wsgi:base_environ": "cfg",
    "gunicorn.http.wsgi:create": "req, sock, client, server, cfg, response_class=None, response_args=()",
    "gunicorn.util:unquote_to_wsgi_str": "string",
    "gunicorn.workers.base:Worker.notify": "self",
    "gunicorn.workers.base_async:AsyncWorker.handle": "self, listener, client, addr",
    "gunicorn.glogging:Logger.access": "self, resp, req, environ, request_time",
    "gunicorn.http.message:Request.should_close": "self",
    "flask:Flask.raise_routing_exception": "self, request",
    "flask.ctx:RequestContext.match_request": "self",
    "werkzeug.datastructures:Headers.to_wsgi_list": "self",
    # overridden
    "gunicorn.workers.base:Worker.init_process": "self",
    "gunicorn.workers.base:Worker.run": "self",
    "gunicorn.workers.base_async:AsyncWorker.timeout_ctx": "self",
    "gunicorn.workers.base_async:AsyncWorker.handle_request": "self, listener_name, req, sock, addr",
    "gunicorn.glogging:Logger.atoms": "self, resp, req, environ, request_time",
    "gunicorn.glogging:Logger.reopen_files": "self",
    "flask:Flask.wsgi_app": "self, environ, start_response",
    "flask:Flask.handle_user_exception": "self, e",
    "flask:Flask.process_response": "self, response",
    "flask:Flask.create_url_adapter": "self, request",
    # not called by those who should: what they would make is known
    "flask.ctx:RequestContext": "app, environ, request=None, session=None",
    "werkzeug.wrappers:Request": "environ, populate_request=True, shallow=False",
    "werkzeug.wrappers:Response": (
        "response=None, status=None, headers=None, mimetype=None, content_type=None, direct_passthrough=False"
    ),
}
NAMES: Final = (  # of no signature
    "gunicorn.arbiter:Arbiter.WORKERS",
    "gunicorn.config:Config.address",
    "gunicorn.http.errors:NoMoreData",
    "gunicorn.http.errors:ParseException",
    "gunicorn.http.message:RFC9112_TARGET_INVALID",
    "flask.globals:_cv_app",
    "flask.globals:_cv_request",
    "werkzeug.routing:BaseConverter.part_isolating",
    "werkzeug.routing:BaseConverter.regex",
    "werkzeug.routing:BaseConverter.weight",
)
OVERRIDDEN: Final = {"handle_request", "init_process", "run", "timeout_ctx"}  # of gunicorn's worker
REQUEST: Final = b"GET /a%41?b HTTP/1.1\r\nHost: x\r\n\r\n"
ENVIRON: Final = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "x", "wsgi.url_scheme": "http"}


def expect(holds: bool, part: str, what: str) -> None:
    """One line names the part, and which version is installed."""
    if not holds:
        library = part.partition(".")[0].partition(":")[0]
        pytest.fail(
            f"{library} {version(library)} ({CHECKED[library]} was checked): {part} {what}."
            f" Look through web/server/{library}_parts.py",
            pytrace=False,
        )


def find(part: str) -> Any:
    module, _, name = part.partition(":")
    found: Any = None
    try:
        found = attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        pass
    expect(found is not None, part, "is gone")
    return found


def parameters(called: Callable[..., Any]) -> str:
    given = inspect.signature(called).parameters.values()
    return ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in given)


def fields(instance: object) -> set[str]:
    return set(vars(instance))


@pytest.mark.parametrize("library", CHECKED)
def test_version(library: str) -> None:
    installed = version(library)
    minor = ".".join(installed.split(".")[:2])
    expect(minor == CHECKED[library], library, "is another version: if all holds for it, name it in CHECKED here")


@pytest.mark.parametrize("part", NAMES)
def test_is_there(part: str) -> None:
    find(part)


@pytest.mark.parametrize("part", PARAMETERS)
def test_takes_the_same(part: str) -> None:
    found = parameters(find(part))
    expect(found == PARAMETERS[part], part, f"takes ({found}), no longer ({PARAMETERS[part]})")


# gunicorn


def make_config() -> Any:
    return find("gunicorn.config:Config")()


def test_a_worker_has_what_is_used() -> None:
    from web.server.gunicorn_parts import GunicornWorker

    config = make_config()
    worker = GunicornWorker(1, os.getppid(), [], None, 30, config, find("gunicorn.glogging:Logger")(config))
    worker.tmp.close()
    loads = "self.wsgi = self.app.wsgi()" in inspect.getsource(find("gunicorn.workers.base:Worker.load_wsgi"))
    for name in inspect.get_annotations(GunicornWorker):
        part = f"gunicorn.workers.base:Worker.{name}"
        expect(hasattr(worker, name) or (name == "wsgi" and loads), part, "is gone")


def test_names_of_ours_are_not_gunicorns() -> None:
    """What is added to its worker and its master would take the place of something else."""
    from web.server.worker import HubWorker

    worker, master = find("gunicorn.workers.base_async:AsyncWorker"), find("gunicorn.arbiter:Arbiter")
    ours = {name for name in vars(HubWorker) if not name.startswith("__")}
    for name in ours & set(dir(worker)) ^ OVERRIDDEN:
        expect(False, f"gunicorn.workers.base_async:AsyncWorker.{name}", "is overridden unawares, or no longer there")
    expect(not hasattr(worker, "slot"), "gunicorn.workers.base_async:AsyncWorker.slot", "is not ours any more")
    expect(not hasattr(master, "claims"), "gunicorn.arbiter:Arbiter.claims", "is not ours any more")


class Unsent:
    def sendall(self, data: bytes) -> None:
        raise AssertionError(data)

    send = sendall


def test_a_request_that_gunicorn_reads() -> None:
    from web.server.gunicorn_parts import create

    config = make_config()
    config.set("http_parser", "python")
    read = next(find("gunicorn.http:get_parser")(config, iter([REQUEST]), ("192.0.2.7", 4711)))
    expect(read.method == "GET", "gunicorn.http.message:Request.method", "is another")
    expect(read.should_close() is False, "gunicorn.http.message:Request.should_close", "answers otherwise")
    made = create(read, Unsent(), ("192.0.2.7", 4711), ("127.0.0.1", 8000), config)
    expect(isinstance(made, tuple) and len(made) == 2, "gunicorn.http.wsgi:create", "makes no pair")
    found = {name: made[1].get(name) for name in ("RAW_URI", "PATH_INFO", "QUERY_STRING", "REMOTE_ADDR")}
    wanted = {"RAW_URI": "/a%41?b", "PATH_INFO": "/aA", "QUERY_STRING": "b", "REMOTE_ADDR": "192.0.2.7"}
    expect(found == wanted, "gunicorn.http.wsgi:create", f"makes {found}")


def test_the_access_log_asks_no_more_of_an_answer() -> None:
    from web.server.access_log import Logger
    from web.server.gunicorn_parts import LoggedAnswer, log_access

    logged: list[Any] = []

    class Log(Logger):
        def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
            logged.append(self.atoms(resp, req, environ, request_time))

    environ = {**ENVIRON, "RAW_URI": "/a?b", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "192.0.2.7"}
    try:
        log_access(Log(make_config()), LoggedAnswer("200 OK", 7, [("A", "b")]), environ, 0.25)
    except (AttributeError, KeyError, TypeError) as fault:
        expect(False, "gunicorn.glogging:Logger.atoms", f"asks more ({fault!r})")
    line = [str(logged[0].get(name)) for name in "hmUHsBD"]  # ACCESS_FORMAT's, but for the time of day
    wanted = ["192.0.2.7", "GET", "/a", "HTTP/1.1", "200", "7", "250000"]
    expect(line == wanted, "gunicorn.glogging:Logger.atoms", f"tells {line}")


def test_the_words_that_are_changed_in_its_log() -> None:
    from web.server.gunicorn_parts import INVALID_REQUEST, LISTENING

    for part, words in (
        ("gunicorn.arbiter:Arbiter.start", LISTENING),
        ("gunicorn.workers.base:Worker.handle_error", INVALID_REQUEST),
    ):
        expect(f'"{words}' in inspect.getsource(find(part)), part, f"does not say {words!r}")
    log = find("gunicorn.glogging:Logger")(make_config())
    expect(hasattr(log.error_log, "addFilter"), "gunicorn.glogging:Logger.error_log", "is gone")


# Flask and Werkzeug


def test_a_context_is_known_whole() -> None:
    """What is left out of one, and what is in it."""
    from flask import Flask

    from web.server.flask_parts import BareContext

    app = Flask("one")
    request = app.request_class(dict(ENVIRON))
    own, bare = fields(find("flask.ctx:RequestContext")(app, dict(ENVIRON))), fields(BareContext(app, request))
    left_out = {"flashes", "_session", "_after_request_functions", "_cv_tokens"}
    expect(own == bare | left_out, "flask.ctx:RequestContext", f"has {', '.join(sorted(own ^ (bare | left_out)))}")


def test_what_was_registered_is_found() -> None:
    from flask import Blueprint, Flask

    from web.server import flask_parts

    app, part = Flask("one", static_folder=None), Blueprint("part", "one")
    steps: list[Callable[..., Any]] = [lambda: None, lambda: None, lambda answer: answer, lambda answer: answer]
    app.before_request(steps[0])
    part.before_request(steps[1])
    app.after_request(steps[2])
    part.after_request(steps[3])
    app.add_url_rule("/", "view", steps[0])
    app.register_error_handler(ValueError, steps[2])
    app.register_blueprint(part)
    around = flask_parts.steps_around(app, [None, "part"])
    expect(around == (steps[:2], steps[:1:-1]), "flask:Flask.before_request_funcs", "or after_request_funcs is another")
    expect(dict(flask_parts.views_of(app)) == {"view": steps[0]}, "flask:Flask.view_functions", "is another")
    handlers = flask_parts.application_handlers(app)
    expect(handlers == {ValueError: steps[2]}, "flask:Flask.error_handler_spec", "is another")


def test_a_request_has_the_same_parts() -> None:
    from flask import Request

    from web.server.werkzeug_parts import MinimalRequest

    environs = [dict(ENVIRON), dict(ENVIRON)]
    own, minimal = Request(environs[0]), MinimalRequest(environs[1])
    requested = minimal.path  # makes all of them
    expect(requested == own.path, "werkzeug.wrappers:Request.path", f"is {own.path!r}")
    expect(
        fields(own) == fields(minimal), "werkzeug.wrappers:Request", f"has {', '.join(fields(own) ^ fields(minimal))}"
    )
    same = all(set(environ) - set(ENVIRON) == {"werkzeug.request"} for environ in environs)
    expect(same, "werkzeug.wrappers:Request", "leaves something else in its environ")


def test_an_answer_has_the_same_parts() -> None:
    from flask import Response

    from web.server.werkzeug_parts import ReadyResponse, append_header

    own = Response(b"{}", 201, content_type="application/json")
    ready = ReadyResponse(b"{}", own.status, 201)
    expect(vars(own) == vars(ready), "werkzeug.wrappers:Response", f"has {vars(own)}, not {vars(ready)}")
    own.headers.add("A", "b")
    append_header(ready, "A", "b")
    expect(own.headers == ready.headers, "werkzeug.datastructures:Headers._list", "is not all there is")


def test_the_rest_of_a_path() -> None:
    from werkzeug.routing import Map, Rule

    from web.server.werkzeug_parts import RestConverter

    rules = [Rule("/a/<rest:rest>", endpoint="rest"), Rule("/a/<one>/b", endpoint="one")]
    routes = Map(rules, merge_slashes=False, converters={"rest": RestConverter}).bind("x")
    for path, wanted in (
        ("/a//b\n/", ("rest", {"rest": "/b\n/"})),
        ("/a/", ("rest", {"rest": ""})),
        ("/a/c/b", ("one", {"one": "c"})),
    ):
        found = routes.match(path)
        expect(found == wanted, "werkzeug.routing:BaseConverter", f"finds {found} in {path!r}")


# Nowhere else


def is_private(requested: ast.Attribute) -> bool:
    """Whether it is the private name of something else; a named tuple's are public."""
    name = requested.attr
    return (
        name.startswith("_")
        and not name.endswith("__")
        and name not in ("_replace", "_asdict")
        and ast.unparse(requested.value) not in ("self", "cls")
    )


def foreign_parts(tree: ast.AST) -> Iterator[str]:
    """What a module takes that is none of its business."""
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imported.append(node.module or "")
        elif isinstance(node, ast.Attribute) and is_private(node):
            yield ast.unparse(node)
    for name in imported:
        allowed = OPEN.get(name.partition(".")[0])
        if allowed is not None and name not in allowed:
            yield name


def test_nowhere_else() -> None:
    from web.server import flask_parts, gunicorn_parts, werkzeug_parts

    parts = {Path(module.__file__ or "") for module in (flask_parts, gunicorn_parts, werkzeug_parts)}
    paths = set(WEB.rglob("*.py"))
    assert parts <= paths
    found = [
        f"{path.name}: {name}" for path in sorted(paths - parts) for name in foreign_parts(ast.parse(path.read_text()))
    ]
    assert not found
    for path in parts:
        assert list(foreign_parts(ast.parse(path.read_text()))), f"{path.name} takes nothing"
