"""Flask internals in use beyond its public API, each with its reason; no other module depends on them.

They may change without notice. ``tests/unit/server/test_foreign_parts.py`` records the version they were checked with,
and detects what another version changes.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from flask import Flask, Request
from flask.ctx import AppContext, RequestContext
from flask.globals import _cv_app, _cv_request
from werkzeug.exceptions import HTTPException

Step = Callable[..., Any]

current_context: Final = _cv_request.get
"""The context of the request that is being handled: one look, where each name of Flask's ``request`` is many."""


class BareContext(RequestContext):
    """The target of ``request`` and ``current_app``, from :meth:`enter` to :meth:`end`.

    Flask's own constructor, ``push`` and ``pop`` also create a session, lists of messages and of functions, and an
    application context for each request, and run teardown functions: nothing here uses them.
    """

    def __init__(self, app: Flask, request: Request) -> None:
        self.app = app
        self.request = request
        self.url_adapter = None

    def match(self) -> None:
        """Find the route, or the routing exception."""
        try:
            self.url_adapter = self.app.create_url_adapter(self.request)
            self.match_request()
        except HTTPException as fault:
            self.request.routing_exception = fault

    def enter(self, application: AppContext) -> None:
        """Make this the current context."""
        self._app_token = _cv_app.set(application)
        self._request_token = _cv_request.set(self)

    def end(self) -> None:
        """Leave the context."""
        _cv_request.reset(self._request_token)
        _cv_app.reset(self._app_token)
        self.request.environ["werkzeug.request"] = None  # breaks a reference cycle


# Registered functions. Flask calls these tables internal, and offers no other way to read them


def views_of(app: Flask) -> Mapping[str, Step]:
    """The view of each endpoint, including those registered later."""
    return app.view_functions


def steps_around(app: Flask, scopes: Iterable[str | None]) -> tuple[list[Step], list[Step]]:
    """The before- and after-request functions in execution order; the scope None is the application itself."""
    names = list(scopes)
    before: list[Step] = [step for name in names for step in app.before_request_funcs.get(name, ())]
    after: list[Step] = [step for name in names for step in app.after_request_funcs.get(name, ())]
    return before, after[::-1]


def application_handlers(app: Flask) -> dict[type[Exception], Step]:
    """The application's exception handlers by type; none if a blueprint has its own: Flask must choose."""
    if any(handlers for name, handlers in app.error_handler_spec.items() if name is not None):
        return {}
    return dict(app.error_handler_spec[None][None])


def raise_unrouted(app: Flask, request: Request) -> NoReturn:
    """Raise the routing exception, as Flask does."""
    app.raise_routing_exception(request)
