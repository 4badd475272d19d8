"""The HTTP side's configuration, read from the environment once."""

import logging
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from socket import AI_NUMERICHOST, getaddrinfo
from typing import Final, NamedTuple

import msgspec

from shards.keys import SECRET_BYTES_MIN, find_weakness
from shards.settings import SettingsError, read_count
from web.ratelimit.limits import ORDER_COUNT_MAX, WEIGHT_MAX

_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}  # omitted by browsers
AWAITED_VARIABLE: Final = "SHARDEX_AWAITED"  # set by the runner: not ready until this file exists

_log: Final = logging.getLogger("web.settings")
_good_keys: Final[dict[str, Mapping[str, str]]] = {}  # of each file, as last read successfully by this process


class WebSettings(NamedTuple):
    """The HTTP side's settings."""

    host: str
    port: int
    workers: int
    worker_class: str  # "hub" or "gthread"
    threads: int  # per worker; gthread only
    rate_limits: bool
    jwt_algorithm: str
    jwt_keys: Mapping[str, str]  # kid → secret, in addition to the exchange's own secret, which has no kid
    futures_weight: int  # per IP and minute
    futures_orders: int  # per account and minute
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]  # whose X-Forwarded-For is trusted
    access_log: str | None  # a file, or "-" for standard output; None: no access log
    cors_origins: frozenset[str]  # origins whose pages may call the API from a browser
    awaited: str | None  # a file that must exist before this is ready


def load_web_settings() -> WebSettings:
    """Read the environment; raises SettingsError.

    PORT, SHARDEX_HOST, SHARDEX_WORKERS, SHARDEX_WORKER_CLASS, SHARDEX_THREADS, SHARDEX_RATE_LIMITS, SHARDEX_JWT_ALG,
    SHARDEX_JWT_KEYS, SHARDEX_JWT_KEYS_FILE, SHARDEX_FUTURES_WEIGHT, SHARDEX_FUTURES_ORDERS, SHARDEX_TRUSTED_PROXIES,
    SHARDEX_ACCESS_LOG, SHARDEX_CORS_ORIGINS and SHARDEX_AWAITED.
    """
    algorithm = read_choice("SHARDEX_JWT_ALG", *SECRET_BYTES_MIN)
    return WebSettings(
        host=os.environ.get("SHARDEX_HOST") or "127.0.0.1",
        port=read_count("PORT", 8_000, 1, 65_535),
        workers=read_count("SHARDEX_WORKERS", 2, 1, 256),
        worker_class=read_choice("SHARDEX_WORKER_CLASS", "hub", "gthread"),
        threads=read_count("SHARDEX_THREADS", 16, 1, 1_024),
        rate_limits=read_choice("SHARDEX_RATE_LIMITS", "on", "off") == "on",
        jwt_algorithm=algorithm,
        jwt_keys=_read_jwt_keys(algorithm),
        futures_weight=read_count("SHARDEX_FUTURES_WEIGHT", WEIGHT_MAX, 1, 10**6),
        futures_orders=read_count("SHARDEX_FUTURES_ORDERS", ORDER_COUNT_MAX, 1, 10**6),
        trusted_proxies=_read_proxies(),
        access_log=os.environ.get("SHARDEX_ACCESS_LOG") or None,
        cors_origins=_read_origins(),
        awaited=os.environ.get(AWAITED_VARIABLE),
    )


def is_open_to_all(host: str) -> bool:
    """Whether an address is reachable from any network of this machine, in whatever notation: ``0``, ``[::]``."""
    if not host:
        return True
    try:
        found = getaddrinfo(host.strip("[]"), None, flags=AI_NUMERICHOST)
    except OSError:  # a name, or not an address
        return False
    addresses = (ip_address(str(address[0])) for *_, address in found)
    return any((getattr(each, "ipv4_mapped", None) or each).is_unspecified for each in addresses)


def read_choice(name: str, *choices: str) -> str:
    """One of ``choices`` from the environment, the first by default; raises SettingsError."""
    text = os.environ.get(name) or choices[0]
    if text not in choices:
        raise SettingsError(f"{name}={text!r}: give one of {', '.join(choices)}")
    return text


def check_secret(name: str, secret: str, algorithm: str) -> None:
    """Reject a signing secret that is too short or copied from a sample; raises SettingsError."""
    weakness = find_weakness(secret, algorithm)
    if weakness is not None:
        raise SettingsError(f"{name} {weakness}")


def _read_proxies() -> tuple[IPv4Network | IPv6Network, ...]:
    name = "SHARDEX_TRUSTED_PROXIES"
    text = os.environ.get(name, "")
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as fault:
        raise SettingsError(f"{name}={text!r}: give addresses or networks, separated by commas ({fault})") from fault


def _read_origins() -> frozenset[str]:
    name = "SHARDEX_CORS_ORIGINS"
    parts = [part.strip().lower() for part in os.environ.get(name, "").split(",")]
    origins = frozenset(part for part in parts if part)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin) or origin.endswith(_USUAL_PORTS.get(origin.partition(":")[0], "/")):
            raise SettingsError(
                f"{name}: {origin!r} is not an origin as browsers send it: give scheme, host and, unless it"
                ' is the default, port, separated by commas: "https://app.example.com", "http://localhost:3000"'
            )
    return origins


def _read_jwt_keys(algorithm: str) -> Mapping[str, str]:
    text, path = os.environ.get("SHARDEX_JWT_KEYS"), os.environ.get("SHARDEX_JWT_KEYS_FILE")
    if text and path:
        raise SettingsError("SHARDEX_JWT_KEYS and SHARDEX_JWT_KEYS_FILE are both set: give one of them")
    if path:
        return _reread_keys_file(path, algorithm)
    return _parse_keys("SHARDEX_JWT_KEYS", text, algorithm) if text else {}


def _reread_keys_file(path: str, algorithm: str) -> Mapping[str, str]:
    """The file's keys; if it is invalid now, those last read successfully.

    So an invalid file fails a start, never a reload: gunicorn's workers inherit what their master has read before.
    """
    try:
        _good_keys[path] = _read_keys_file(path, algorithm)
    except SettingsError as fault:
        if path not in _good_keys:
            raise
        _log.error("%s. The previously read keys stay in use", fault)
    return _good_keys[path]


def _read_keys_file(path: str, algorithm: str) -> Mapping[str, str]:
    name = f"SHARDEX_JWT_KEYS_FILE={path!r}"
    try:
        with open(path, "rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read()
    except OSError as fault:
        raise SettingsError(f"{name} cannot be read ({fault.strerror})") from fault
    if mode & 0o077:
        raise SettingsError(f"{name} is accessible to others than its owner: chmod 600 it")
    return _parse_keys(name, text, algorithm)


def _parse_keys(name: str, text: str | bytes, algorithm: str) -> Mapping[str, str]:
    try:
        keys = msgspec.json.decode(text, type=dict[str, str])
    except ValueError:  # the text is secret: the message must not quote it
        raise SettingsError(f'{name}: give a JSON object of key ids and secrets, {{"2026-01": "…"}}') from None
    for kid, secret in keys.items():
        check_secret(f"{name}[{kid}]", secret, algorithm)
    return keys
