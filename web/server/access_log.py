"""The access log: a line for each request, without what may be a credential."""

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from shards.settings import SettingsError
from web.server.gunicorn_parts import GunicornLogger

# caller, time, method, path, version, status, bytes of the body, microseconds. Queries and headers carry credentials
ACCESS_FORMAT: Final = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s'

_log: Final = logging.getLogger("web.server.access_log")
_good: Final[set[str]] = set()  # what this process could write to before


def check_access_log(path: str | None, start: Path = Path()) -> None:
    """Raises SettingsError if a line cannot be written there; a relative path begins at ``start``."""
    if path is None or path == "-":
        return
    try:
        os.close(os.open(start / path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as fault:
        raise SettingsError(f"SHARDEX_ACCESS_LOG={path!r} cannot be written ({fault.strerror})") from fault


def choose_access_log(path: str | None) -> str | None:
    """Where to write. None if that was good once and is not now: it fails a start and never a reload.

    Raises SettingsError.
    """
    try:
        check_access_log(path)
    except SettingsError as fault:
        if path not in _good:
            raise
        _log.error("%s. There is no access log until a reload can open it", fault)
        return None
    if path is not None:
        _good.add(path)
    return path


class Logger(GunicornLogger):  # type: ignore[misc]
    """Gunicorn's, for workers of all classes."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """What a line may tell. The path is as it was sent: decoded, it could break the line."""
        told: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        told["U"] = (environ["RAW_URI"] or "-").partition("?")[0]
        return told

    def reopen_files(self) -> None:
        """After the file was moved away; where none can be made in its place, the moved one is written to."""
        try:
            check_access_log(self.cfg.accesslog)
        except SettingsError as fault:
            _log.error("%s. The file that is open stays in use", fault)
        else:
            super().reopen_files()
