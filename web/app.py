"""The application: opens the data folder, connects to the engine, and wires up the views."""

import logging
import os
from collections.abc import Collection
from functools import partial
from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from shards.folder import Folder
from shards.ipc.client import Client
from shards.model.reasons import RejectReason
from shards.settings import load_settings
from storage.reference import Reference, ReferenceUnusable, StorageFull
from web import front_page
from web.cors import Cors
from web.exchange.catalog import CatalogSource
from web.exchange.gateway import COMMANDED, ExchangeGateway
from web.folder import Opened, reopen_folder
from web.futures.account import account, leverage, listen_key, modes
from web.futures.call import errors as futures_errors
from web.futures.call import limits_gate
from web.futures.call.errors import FuturesProblem
from web.futures.market_data import info, market, tickers
from web.futures.orders import algo, cancel, own_trades, queries, routes
from web.http import request as http_request
from web.http.errors import EngineRejected, Problem, render_problem, spot_problem
from web.http.tokens import Tokens
from web.monitoring import health, metrics
from web.openapi import documents
from web.operator import http as admin
from web.operator import keys
from web.ratelimit.budget import Budget
from web.server import hub as hubs
from web.server.flask_app import MinimalFlask
from web.server.flask_parts import current_context
from web.server.greenlet_channel import GreenletShardChannel
from web.server.werkzeug_parts import RestConverter
from web.services import IN_USE, NAME, Services
from web.settings import WebSettings, load_web_settings
from web.spot import lists as spot_lists
from web.spot import market_data as spot_market
from web.spot import orders as spot_orders
from web.spot import transfer as spot_transfer
from web.wrong_keys import WrongKeys

_log: Final = logging.getLogger("web.app")
CONNECT_S: Final = 1.0  # a worker starts without the engine, too: calls then return ENGINE_RESTARTING


def create_app() -> Flask:
    """The application of one worker; raises SettingsError, FolderError."""
    settings = load_web_settings()
    opened = reopen_folder(load_settings().data, load_settings().shard_count)
    metrics.share_counts(opened.folder.run)
    client = connect(opened.folder)
    app = make_app(make_services(settings, opened, client), settings.cors_origins)
    client.wait_connected(CONNECT_S)
    return app


def connect(folder: Folder) -> Client:
    """The client of this worker: under a hub, greenlets wait; otherwise threads."""
    hub = hubs.current()
    return Client(folder) if hub is None else Client(folder, partial(GreenletShardChannel, hub))


def make_services(settings: WebSettings, opened: Opened, client: Client) -> Services:
    """Everything that views use."""
    folder, secrets = opened
    hub = hubs.current()
    reference = Reference(
        folder.reference, secrets.storage_key, (lambda: hub.turn_id) if hub is not None else None, patient=True
    )
    return Services(
        settings=settings,
        gateway=ExchangeGateway(client, metrics.count_refusal),
        reference=reference,
        catalogs=CatalogSource(reference),
        tokens=Tokens(secrets.jwt, settings.jwt_keys, settings.jwt_algorithm),
        admin_key=secrets.admin_key.encode(),
        wrong_keys=WrongKeys(metrics.count_wrong_key),
        id_key=bytes.fromhex(secrets.id_key),
        budget=_make_budget(settings, folder) if settings.rate_limits else None,
    )


def _make_budget(settings: WebSettings, folder: Folder) -> Budget:
    slot = os.environ.get(metrics.SLOT_VARIABLE, "0")
    return Budget(folder.run / "limits", slot, settings.futures_weight, settings.futures_orders)


def make_app(services: Services, cors_origins: Collection[str] = (), kind: type[Flask] = MinimalFlask) -> Flask:
    """The application over these services; pages of these origins may call it from a browser."""
    app = kind(__name__, static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.url_map.merge_slashes = False
    app.url_map.converters["rest"] = RestConverter
    app.extensions[NAME] = services
    app.before_request(partial(_begin, services))
    app.after_request(_finish)
    for part in (spot_orders, spot_lists, spot_transfer, spot_market, keys, admin, health, documents):
        app.register_blueprint(part.blueprint)
    for part in (
        info,
        market,
        tickers,
        routes,
        cancel,
        queries,
        own_trades,
        algo,
        account,
        leverage,
        modes,
        listen_key,
    ):
        app.register_blueprint(part.blueprint)
    app.register_error_handler(Problem, render_problem)
    app.register_error_handler(FuturesProblem, futures_errors.render)
    app.register_error_handler(EngineRejected, _answer_refusal)
    app.register_error_handler(StorageFull, _answer_storage_full)
    app.register_error_handler(ReferenceUnusable, _answer_reference_unusable)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_fault)
    if cors_origins:
        app.wsgi_app = Cors(app.wsgi_app, app.url_map, cors_origins)  # type: ignore[method-assign]
    return app


def _begin(services: Services) -> None:
    IN_USE.set(services)
    COMMANDED.set(False)
    at = current_context().request
    context = http_request.begin(at.environ)
    if limits_gate.is_futures():
        limits_gate.begin(at.routing_exception is None)
    elif at.routing_exception is None:
        context.receive_body()


def _finish(response: Response) -> Response:
    at = current_context().request
    route, method = (at.url_rule.rule, at.method) if at.url_rule else ("none", "any")
    metrics.count_request(method, route, response.status_code, http_request.request_context().started)
    if limits_gate.is_futures():
        limits_gate.add_usage_headers(response)
    return response


def _answer_refusal(refusal: EngineRejected) -> Response:
    return _answer(refusal.reason)


def _answer_storage_full(_: StorageFull) -> Response:
    return _answer(RejectReason.STORAGE_FULL)


def _answer_reference_unusable(fault: ReferenceUnusable) -> Response:
    """Markets and keys are unknown: the request had no effect, unless a command was already sent."""
    _log.error("%s", fault)
    return _answer(RejectReason.TIMEOUT if COMMANDED.get() else RejectReason.RESTARTING)


def _answer(reason: RejectReason) -> Response:
    """A rejection in the wording of the API called."""
    if limits_gate.is_futures():
        return futures_errors.render(futures_errors.refused(reason))
    return render_problem(spot_problem(reason))


def _answer_http(error: HTTPException) -> Response:
    """Errors raised by Flask itself: paths, methods, a malformed Host."""
    status = error.code or 500
    if status == 404 and front_page.is_requested(request):
        return front_page.show()
    if limits_gate.is_futures():
        response = futures_errors.render(futures_errors.of_http(status))
    else:
        words = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
        response = render_problem(Problem(status, words.get(status, "invalid request")))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _answer_fault(fault: Exception) -> Response:
    """An internal error. Once a command has been sent, its outcome is unknown here."""
    # log the pattern, not the path, and never the query: what clients send stays out of the log
    route = request.url_rule.rule if request.url_rule else "none"
    _log.error("fault in %s %s", request.method, route, exc_info=fault)
    if COMMANDED.get():
        return _answer(RejectReason.TIMEOUT)
    if limits_gate.is_futures():
        return futures_errors.render(FuturesProblem(*futures_errors.FAULT))
    return render_problem(Problem(500, "internal error"))
