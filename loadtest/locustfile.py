"""The locustfile: the users, the load shape, and the command-line options.

``locust -f loadtest/locustfile.py --host URL --accounts FILE --records FOLDER --profile NAME --users N --seconds S``
"""

import random
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import MasterRunner

from loadtest.accounts import read_accounts
from loadtest.context import LoadContext
from loadtest.markets import read_markets
from loadtest.profiles import PROFILES
from loadtest.shapes import ProfileShape
from loadtest.traders import BatchCanceler, CancelAll, Canceler, MarketMaker, Retrier, SlowReader, Taker

__all__ = [
    "BatchCanceler",
    "CancelAll",
    "Canceler",
    "MarketMaker",
    "ProfileShape",
    "Retrier",
    "SlowReader",
    "Taker",
]


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def add_options(parser: LocustArgumentParser) -> None:
    """Options besides locust's own ``--profile``; texts and numbers, because a master sends them to its workers."""
    parser.set_defaults(profile="steady")
    parser.add_argument("--accounts", required=True, help="JSON list of accounts and their credentials")
    parser.add_argument("--records", required=True, help="Folder for the record of the users' calls")
    parser.add_argument("--seconds", type=int, default=60, help="Length of the run, as the shape ends it")
    parser.add_argument("--worker-count", type=int, default=1, help="Load processes that share the accounts")
    parser.add_argument("--seed", type=int, default=None, help="Of what the users do")


@events.init.add_listener  # type: ignore[untyped-decorator]
def choose_users(environment: Environment, **_: Any) -> None:
    """Weight each kind of user by the profile."""
    assert environment.parsed_options is not None
    for user in environment.user_classes:
        user.weight = PROFILES[environment.parsed_options.profile].weights[user.__name__]


@events.test_start.add_listener  # type: ignore[untyped-decorator]
def create_context(environment: Environment, **_: Any) -> None:
    """Create the context of this process's users; a worker takes its share of the accounts."""
    options = environment.parsed_options
    assert options is not None and environment.host is not None
    if isinstance(environment.runner, MasterRunner):
        return  # a master has no users
    first = max(0, getattr(environment.runner, "worker_index", 0))
    accounts = read_accounts(Path(options.accounts))[first :: options.worker_count]
    rnd = random.Random(options.seed)
    load_context = LoadContext(
        read_markets(environment.host), accounts, Path(options.records), PROFILES[options.profile], rnd
    )
    environment.load_context = load_context  # type: ignore[attr-defined]


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def keep_record(environment: Environment, **_: Any) -> None:
    """All users have stopped; flush the record."""
    if load_context := getattr(environment, "load_context", None):
        load_context.recorder.close()
