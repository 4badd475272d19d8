"""What an operator may set for the HTTP side, read from the environment once."""

import json
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, NamedTuple

from shards.settings import SettingsError, read_count
from web.futures.limits import ORDER_COUNT_MAX, WEIGHT_MAX

# The secret is at least as long as the digest: a shorter one is the weakest part
SECRET_BYTES_MIN: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
_SAMPLES: Final = ("change", "secret", "example", "sample", "password")


class WebSettings(NamedTuple):
    """The HTTP side's settings."""

    host: str
    port: int
    workers: int
    worker_class: str  # "hub", "gthread" or "gevent"
    threads: int  # per worker; gthread only
    rate_limits: bool
    jwt_algorithm: str
    jwt_keys: Mapping[str, str]  # kid → secret, beside the exchange's own secret, which has no kid
    futures_weight: int  # per IP and minute
    futures_orders: int  # per account and minute
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]  # whose X-Forwarded-For is believed
    access_log: str | None  # a file, or "-" for the standard output; None: no such log


def load_web_settings() -> WebSettings:
    """Read the environment; raises SettingsError.

    PORT, SHARDEX_HOST, SHARDEX_WORKERS, SHARDEX_WORKER_CLASS, SHARDEX_THREADS, SHARDEX_RATE_LIMITS, SHARDEX_JWT_ALG,
    SHARDEX_JWT_KEYS, SHARDEX_FUTURES_WEIGHT, SHARDEX_FUTURES_ORDERS, SHARDEX_TRUSTED_PROXIES and SHARDEX_ACCESS_LOG.
    """
    algorithm = read_choice("SHARDEX_JWT_ALG", *SECRET_BYTES_MIN)
    return WebSettings(
        host=os.environ.get("SHARDEX_HOST") or "127.0.0.1",
        port=read_count("PORT", 8_000, 1, 65_535),
        workers=read_count("SHARDEX_WORKERS", 2, 1, 256),
        worker_class=read_choice("SHARDEX_WORKER_CLASS", "hub", "gthread", "gevent"),
        threads=read_count("SHARDEX_THREADS", 16, 1, 1_024),
        rate_limits=read_choice("SHARDEX_RATE_LIMITS", "on", "off") == "on",
        jwt_algorithm=algorithm,
        jwt_keys=_read_jwt_keys(algorithm),
        futures_weight=read_count("SHARDEX_FUTURES_WEIGHT", WEIGHT_MAX, 1, 10**6),
        futures_orders=read_count("SHARDEX_FUTURES_ORDERS", ORDER_COUNT_MAX, 1, 10**6),
        trusted_proxies=_read_proxies(),
        access_log=os.environ.get("SHARDEX_ACCESS_LOG") or None,
    )


def read_choice(name: str, *choices: str) -> str:
    """One of ``choices`` from the environment, the first by default; raises SettingsError."""
    text = os.environ.get(name) or choices[0]
    if text not in choices:
        raise SettingsError(f"{name}={text!r}: give one of {', '.join(choices)}")
    return text


def check_secret(name: str, secret: str, algorithm: str) -> None:
    """Refuse a signing secret that is short or was copied from a sample; raises SettingsError."""
    least = SECRET_BYTES_MIN[algorithm]
    if len(secret.encode()) < least:
        raise SettingsError(
            f"{name} is shorter than the {least} bytes {algorithm} needs: try `openssl rand -hex {least}`"
        )
    if any(sample in secret.lower() for sample in _SAMPLES) or len(set(secret)) < 8:
        raise SettingsError(f"{name} looks like a sample: make one with `openssl rand -hex {least}`")


def _read_proxies() -> tuple[IPv4Network | IPv6Network, ...]:
    name = "SHARDEX_TRUSTED_PROXIES"
    text = os.environ.get(name, "")
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as fault:
        raise SettingsError(f"{name}={text!r}: give addresses or networks, parted by commas ({fault})") from fault


def _read_jwt_keys(algorithm: str) -> dict[str, str]:
    name = "SHARDEX_JWT_KEYS"
    text = os.environ.get(name)
    if not text:
        return {}
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None  # the text is secret: the message must not quote it
    if not isinstance(keys, dict) or not all(isinstance(secret, str) for secret in keys.values()):
        raise SettingsError(f'{name}: give a JSON object of key ids and secrets, {{"2026-01": "…"}}')
    for kid, secret in keys.items():
        check_secret(f"{name}[{kid}]", secret, algorithm)
    return keys
