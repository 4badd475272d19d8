"""Schemathesis on the documents of both APIs: whatever it makes of them is answered as they say."""

import os
from collections.abc import Iterator
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from loadtest.signing import add_signature, stamp
from tests.exchange import Exchange
from web.cli.demo import DemoAccount
from web.openapi.documents import load_document

# Made of each operation, beside the document's own and those at the edges of its schemas
EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "5"))
VICTIMS: Final = {"id": "ETHUSDT", "symbol": "ETHUSDT"}  # what may be halted and delisted, lest nothing can be traded
ANSWER_S: Final = 15.0
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
BOUNDED: Final = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, database=None
)

pytestmark = pytest.mark.timeout(120)


def load(api: str) -> Any:
    """The document as schemathesis reads it; who asks is left to us."""
    config = schemathesis.Config()
    config.projects.default.generation = GenerationConfig(with_security_parameters=False)
    return schemathesis.openapi.from_dict(load_document(api), config=config)


SPOT: Final = load("spot")
FUTURES: Final = load("futures")


class Credentials(AuthBase):
    """Shows what an operation asks for, and signs the request as it will be sent."""

    def __init__(self, account: DemoAccount, admin_key: str) -> None:
        self._account = account
        self._admin_key = admin_key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        path = request.path_url
        if path.startswith("/api/v1/admin"):
            request.headers["X-API-Key"] = self._admin_key
        elif path.startswith("/fapi"):
            request.headers["X-MBX-APIKEY"] = self._account.api_key
            request.url = self._sign(request)
        else:
            request.headers["Authorization"] = f"Bearer {self._account.jwt}"
        return request

    def _sign(self, request: PreparedRequest) -> str:
        url = request.url or ""
        query = request.path_url.partition("?")[2]
        body = request.body or b""
        content = body.encode() if isinstance(body, str) else body
        return f"{url.partition('?')[0]}?{add_signature(self._account.api_secret, stamp(query), content)}"


class Sender:
    """Sends what schemathesis has made to a real exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._base_url = exchange.base_url
        self._operate = exchange.operate
        self._session = requests.Session()
        self._session.trust_env = False
        self._auth = Credentials(exchange.accounts[0], exchange.admin_key)

    def ask(self, case: Any) -> None:
        """Fails for an answer that is not as documented."""
        if case.operation.path.endswith("/status"):
            case.path_parameters = {name: VICTIMS[name] for name in case.path_parameters}
        response = case.call(self._base_url, self._session, auth=self._auth, timeout=ANSWER_S, allow_redirects=False)
        case.validate_response(response, checks=CHECKS)
        if case.operation.path.endswith("/trading"):
            self._operate("POST", "/trading", {"spot": "enabled"})


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    with Exchange(2) as exchange:
        workers = exchange.worker_pids()
        yield Sender(exchange)
        assert exchange.worker_pids() == workers
        assert "Traceback" not in exchange.log() and "fault in" not in exchange.log()


@SPOT.parametrize()  # type: ignore[untyped-decorator]
@BOUNDED
def test_spot(case: Any, sender: Sender) -> None:
    sender.ask(case)


@FUTURES.parametrize()  # type: ignore[untyped-decorator]
@BOUNDED
def test_futures(case: Any, sender: Sender) -> None:
    sender.ask(case)
