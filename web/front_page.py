"""The page that browsers get at the address printed at the start: the only one; all else is JSON."""

from typing import Final

from flask import Request, Response

_LINKS: Final = (
    ("/api/v1/openapi.json", "the spot API, as OpenAPI 3.1"),
    ("/fapi/v1/openapi.json", "the futures API, in Binance's shape, as OpenAPI 3.1"),
    ("/api/v1/spot/markets", "spot markets"),
    ("/fapi/v1/exchangeInfo", "futures markets"),
    ("/readyz", "whether the exchange is ready"),
    ("/healthz", "whether this worker answers"),
    ("/metrics", "metrics, for Prometheus"),
)
_PAGE: Final = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Shardex</title>
<style>body {{ font: 1rem/1.6 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem }}</style>
<h1>Shardex</h1>
<p>An exchange order service, and it is running. It speaks JSON to programs; a browser can read these:</p>
<ul>
{"".join(f'<li><a href="{path}">{path}</a>: {what}</li>' for path, what in _LINKS)}
</ul>
<p>The README and the output of <code>make run</code> show how to place and cancel a first order.</p>
</html>
"""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}


def is_requested(request: Request) -> bool:
    """Whether a browser requests ``/``; clients that do not accept HTML get NOT_FOUND, as for any unknown path."""
    if request.environ["PATH_INFO"] != "/" or request.method not in ("GET", "HEAD"):
        return False
    return any(kind.lower() == "text/html" and quality > 0 for kind, quality in request.accept_mimetypes)


def show() -> Response:
    """The front page."""
    return Response(_PAGE, content_type="text/html; charset=utf-8", headers=_HEADERS)
