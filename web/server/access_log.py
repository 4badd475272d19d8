"""The access log: one line for each request, without anything that may be a credential."""

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from shards.settings import SettingsError
from web.server.gunicorn_parts import GunicornLogger

# client, time, method, path, version, status, bytes of the body, microseconds. Queries and headers carry credentials
ACCESS_FORMAT: Final = '%(h)s %(t)s "%(m)s %(U)s %(H)s" %(s)s %(B)s %(D)s'

_log: Final = logging.getLogger("web.server.access_log")
_good: Final[set[str]] = set()  # paths that this process could write to before


def check_access_log(path: str | None, start: Path = Path()) -> None:
    """Raises SettingsError if a line cannot be written to ``path``; a relative path is resolved against ``start``."""
    if path is None or path == "-":
        return
    try:
        os.close(os.open(start / path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    except OSError as fault:
        raise SettingsError(f"SHARDEX_ACCESS_LOG={path!r} cannot be written ({fault.strerror})") from fault


def choose_access_log(path: str | None) -> str | None:
    """The path to write to; None if it was writable before and is not now: that fails a start, never a reload.

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
    """Gunicorn's logger, for workers of all classes."""

    def atoms(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> dict[str, Any]:
        """The fields of a line. The path is logged as sent: decoded, it could break the line."""
        atoms: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        atoms["U"] = (environ["RAW_URI"] or "-").partition("?")[0]
        return atoms

    def reopen_files(self) -> None:
        """Reopen the file after rotation; where no new one can be created, keep writing to the rotated one."""
        try:
            check_access_log(self.cfg.accesslog)
        except SettingsError as fault:
            _log.error("%s. The file that is open stays in use", fault)
        else:
            super().reopen_files()
