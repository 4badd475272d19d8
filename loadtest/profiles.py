"""Load profiles: how many users there are over the run, and which."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

_EVEN: Final = {
    "MarketMaker": 6,
    "Taker": 5,
    "Canceller": 5,
    "CancelAll": 2,
    "BatchCanceller": 3,
    "Retrier": 2,
    "SlowReader": 1,
}
_CANCELING: Final = {**_EVEN, "Taker": 1, "Canceller": 10, "CancelAll": 6, "BatchCanceller": 8}


class Profile(NamedTuple):
    """How a load looks."""

    users: Callable[[float], float]  # share of the run that is gone → share of the users that are there
    weights: Mapping[str, int]  # of each kind of user
    pause_s: tuple[float, float]  # between two acts of a user
    queue_depth: int | None = None  # of an exchange of our own; None: as it comes
    is_hot: bool = False  # all of it on one symbol


def _always(gone: float) -> float:
    return 1.0


def _ramp(gone: float) -> float:
    return 0.1 + 0.9 * gone


def _burst(gone: float) -> float:
    """Four bursts with calm between them."""
    return 1.0 if gone * 4 % 1 >= 0.5 else 0.2


PROFILES: Final = {
    "steady": Profile(_always, _EVEN, (0.02, 0.1)),
    "ramp": Profile(_ramp, _EVEN, (0.02, 0.1)),
    # so short a mailbox that the bursts fill it
    "burst": Profile(_burst, _EVEN, (0.0, 0.01), queue_depth=4),
    "cancel-storm": Profile(_always, _CANCELING, (0.0, 0.02)),
    "hot-symbol": Profile(_always, _EVEN, (0.02, 0.1), is_hot=True),
}
