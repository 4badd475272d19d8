"""What views need besides the request, created once per worker."""

from contextvars import ContextVar
from typing import Final, NamedTuple

from storage.reference import Reference
from web.exchange.catalog import Catalog, CatalogSource
from web.exchange.gateway import ExchangeGateway
from web.http.request import request_context
from web.http.tokens import Tokens
from web.ratelimit.budget import Budget
from web.ratelimit.client_ip import caller_ip
from web.settings import WebSettings
from web.wrong_keys import WrongKeys

NAME: Final = "shardex"


class Services(NamedTuple):
    """Everything that views use."""

    settings: WebSettings
    gateway: ExchangeGateway
    reference: Reference
    catalogs: CatalogSource
    tokens: Tokens
    admin_key: bytes  # b"" disables the operator API
    wrong_keys: WrongKeys
    id_key: bytes
    budget: Budget | None  # of the futures API; None: no limits

    def catalog(self) -> Catalog:
        """The current catalog."""
        return self.catalogs.current()

    def caller_ip(self) -> str:
        """The IP that the current request is charged to."""
        environ = request_context().environ
        forwarded = environ.get("HTTP_X_FORWARDED_FOR", "")
        return caller_ip(environ.get("REMOTE_ADDR", ""), forwarded, self.settings.trusted_proxies)


IN_USE: Final[ContextVar[Services]] = ContextVar("services")

services: Final = IN_USE.get
"""The services of the application that handles this request."""
