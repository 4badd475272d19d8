"""Bearer tokens (JWT): one pinned algorithm, required claims, a bounded lifetime, known keys."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

import jwt

from web.http.parse import is_account

LIFETIME_S_MAX: Final = 31 * 24 * 3_600
LEEWAY_S: Final = 5
KNOWN_COUNT_MAX: Final = 4_096  # valid tokens cached by a worker: verifying one takes longer than most requests
LENGTH_MAX: Final = 4_096  # characters of a token: ours have 200, an identity provider's under 2,000

# What a malicious token can raise before its signature is checked: its header is arbitrary JSON
_FAULTS: Final = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)


class Tokens:
    """Verifies and mints tokens."""

    def __init__(
        self,
        secret: str,
        keys: Mapping[str, str],
        algorithm: str,
        *,
        clock: Callable[[], float] = time.time,
        known_count_max: int = KNOWN_COUNT_MAX,
    ) -> None:
        """``secret`` signs tokens without a ``kid``; ``keys`` maps each known ``kid`` to its secret.

        ``clock`` returns Unix seconds and decides when a cached token has expired; ``known_count_max`` bounds the
        cache.
        """
        self._secret = secret
        self._keys = keys
        self._algorithm = algorithm
        self._clock = clock
        self._known_count_max = known_count_max
        self._lock = threading.Lock()  # between this process's threads
        self._known: dict[str, tuple[str, int]] = {}  # token → account, and expiry in Unix seconds; oldest first

    def verify(self, token: str) -> str | None:
        """The account that ``token`` names; None if the token is not valid now."""
        known = self._known.get(token)
        if known is not None and known[1] > self._clock() - LEEWAY_S:
            return known[0]
        found = self._check(token)
        self._remember(token, found)
        return found[0] if found is not None else None

    def _remember(self, token: str, found: tuple[str, int] | None) -> None:
        with self._lock:
            self._known.pop(token, None)
            if found is not None:
                if len(self._known) >= self._known_count_max:
                    del self._known[next(iter(self._known))]
                self._known[token] = found

    def _check(self, token: str) -> tuple[str, int] | None:
        """The account that ``token`` names, and its expiry in Unix seconds; None if it is not valid now."""
        if len(token) > LENGTH_MAX:
            return None
        try:
            secret = self._pick_secret(token)
            if secret is None:
                return None
            claims = jwt.decode(
                token,
                secret,
                algorithms=[self._algorithm],
                leeway=LEEWAY_S,
                # the holder of the key may name any account: an audience or issuer would restrict nothing
                options={"require": ["exp", "sub"], "verify_aud": False, "verify_iss": False},
            )
        except _FAULTS:
            return None
        if not self._is_bounded(claims["exp"]) or not is_account(claims["sub"]):
            return None
        return claims["sub"], int(claims["exp"])

    def mint(self, account: str, lifetime_s: int) -> str:
        """A token with all rights of ``account``."""
        assert is_account(account) and 0 < lifetime_s <= LIFETIME_S_MAX
        now = int(time.time())
        return jwt.encode({"sub": account, "iat": now, "exp": now + lifetime_s}, self._secret, self._algorithm)

    def _pick_secret(self, token: str) -> str | None:
        header = jwt.get_unverified_header(token)
        return self._keys.get(header["kid"]) if "kid" in header else self._secret

    @staticmethod
    def _is_bounded(expires: object) -> bool:
        if isinstance(expires, bool) or not isinstance(expires, int | float):
            return False
        return expires <= time.time() + LIFETIME_S_MAX + LEEWAY_S
