"""Flask, reduced per request to what the views here need.

Routes, views, error handlers and before/after-request functions are Flask's, registered as usual. Left out are
sessions, signals, teardown functions, coroutines and a ``g`` for each request: nothing here uses them. A route without
variables is found by a dictionary lookup, and the list of functions around a view is built once.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final

from flask import Flask, Request, Response
from flask.ctx import AppContext
from werkzeug.routing import MapAdapter, Rule

from web.server import flask_parts
from web.server.flask_parts import BareContext, Step, current_context
from web.server.werkzeug_parts import MinimalRequest

_LABEL: Final = "[A-Za-z0-9-]{1,63}"
_PORT: Final = "[1-9][0-9]{0,3}|[1-5][0-9]{4}"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL}){{0,3}}(:({_PORT}))?", re.ASCII)  # any other is left to Flask


class MinimalFlask(Flask):
    """An application that consists of views alone."""

    request_class = MinimalRequest

    _exact: dict[tuple[str, str], Rule] | None = None

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._around: dict[str | None, tuple[list[Step], list[Step]]] = {}

    def wsgi_app(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle one request, from its environ to its response."""
        request = self.request_class(environ)
        context = BareContext(self, request)
        rule = self.exact_rule(environ)
        if rule is not None:
            request.url_rule, request.view_args = rule, {}
        else:
            context.match()
        context.enter(self.only_context)
        try:
            try:
                response = self._respond(request)
            except Exception as fault:
                response = self.handle_exception(fault)
            return response(environ, start_response)
        finally:
            context.end()

    def _respond(self, request: Request) -> Response:
        try:
            result = self._ask(request)
        except Exception as fault:
            result = self.handle_user_exception(fault)
        response: Response = result if isinstance(result, Response) else self.make_response(result)
        return self.process_response(response)

    def handle_user_exception(self, fault: Exception) -> Any:
        """As in Flask; but an exception that the application handles, and no blueprint does, is handled directly."""
        handler = self._own_handlers.get(type(fault))
        return handler(fault) if handler is not None else super().handle_user_exception(fault)

    @cached_property
    def only_context(self) -> AppContext:
        """The application context shared by all requests; nothing is stored in its ``g``."""
        return self.app_context()

    @cached_property
    def _own_handlers(self) -> dict[type[Exception], Step]:
        return flask_parts.application_handlers(self)

    @cached_property
    def _views(self) -> Mapping[str, Step]:
        return flask_parts.views_of(self)

    def _ask(self, request: Request) -> Any:
        """The response of the view, or of a before-request function."""
        for before in self._steps(request)[0]:
            result = before()
            if result is not None:
                return result
        if request.routing_exception is not None:
            flask_parts.raise_unrouted(self, request)
        assert request.url_rule is not None and request.view_args is not None
        return self._views[request.url_rule.endpoint](**request.view_args)

    def process_response(self, response: Response) -> Response:
        """Run the after-request functions; there is no session to save."""
        answer: Any = response
        for after in self._steps(current_context().request)[1]:
            answer = after(answer)
        return answer  # type: ignore[no-any-return]

    def _steps(self, request: Request) -> tuple[list[Step], list[Step]]:
        """The before- and after-request functions of the application and its blueprint, in Flask's order."""
        endpoint = request.url_rule.endpoint if request.url_rule is not None else None
        found = self._around.get(endpoint)
        if found is None:
            found = self._around[endpoint] = flask_parts.steps_around(self, [None, *reversed(request.blueprints)])
        return found

    def exact_rule(self, environ: dict[str, Any]) -> Rule | None:
        """The rule of a path without variables; None if Flask's matching is needed."""
        if self._exact is None:
            self._exact = {
                (method, rule.rule): rule
                for rule in self.url_map.iter_rules()
                if not rule.arguments
                for method in rule.methods or ()
            }
        if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
            return None
        return self._exact.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """None outside of requests: no URL is built here."""
        return super().create_url_adapter(request) if request is not None else None
