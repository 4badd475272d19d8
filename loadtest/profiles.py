"""Load profiles: number and kinds of users over the run."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

_EVEN: Final = {
    "MarketMaker": 6,
    "Taker": 5,
    "Canceler": 5,
    "CancelAll": 2,
    "BatchCanceler": 3,
    "Retrier": 2,
    "SlowReader": 1,
}
_CANCELING: Final = {**_EVEN, "Taker": 1, "Canceler": 10, "CancelAll": 6, "BatchCanceler": 8}


class Profile(NamedTuple):
    """The shape of a load."""

    users: Callable[[float], float]  # fraction of the run elapsed → fraction of the users active
    weights: Mapping[str, int]  # of each kind of user
    pause_s: tuple[float, float]  # between two actions of a user
    queue_depth: int | None = None  # of an exchange of our own; None: default
    is_hot: bool = False  # everything on one symbol


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
    # a mailbox so short that the bursts fill it
    "burst": Profile(_burst, _EVEN, (0.0, 0.01), queue_depth=4),
    "cancel-storm": Profile(_always, _CANCELING, (0.0, 0.02)),
    "hot-symbol": Profile(_always, _EVEN, (0.02, 0.1), is_hot=True),
}
