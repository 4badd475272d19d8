"""How many clients a worker has file descriptors for."""

import resource
from typing import NamedTuple

from web.server.limits import DESCRIPTORS_KEPT


class Room(NamedTuple):
    """The process's limit of descriptors, and the number of clients it leaves room for."""

    limit: int
    clients: int


def make_room(wanted: int) -> int:
    """The number of clients for which there are descriptors; raises the process's limit as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = plan_room(wanted, soft, hard)
    if room.limit != soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (room.limit, hard))
    return room.clients


def plan_room(wanted: int, soft: int, hard: int) -> Room:
    """Room for ``wanted`` clients, or as many as possible, given the system's limits."""
    needed = wanted + DESCRIPTORS_KEPT
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return Room(soft, wanted)
    limit = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    return Room(limit, max(1, limit - DESCRIPTORS_KEPT))
