"""The access log: a line for each request, without what may be a credential."""

from datetime import timedelta
from typing import Any, Final

from gunicorn import glogging  # type: ignore[import-untyped]

# caller, time, method, path, version, status, bytes of the body, microseconds. Queries and headers carry credentials
ACCESS_FORMAT: Final = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s'


class Logger(glogging.Logger):  # type: ignore[misc]
    """Gunicorn's, for workers of all classes."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What a line may tell. The path is as it was sent: decoded, it could break the line."""
        told: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        told["U"] = (environ["RAW_URI"] or "-").partition("?")[0]
        return told
