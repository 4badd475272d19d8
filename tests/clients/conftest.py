"""One exchange for all clients; each test has its own market and accounts."""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.clients.bot import Bot
from tests.clients.clients import Client
from tests.clients.program import Program
from tests.exchange import Exchange
from tests.http.futures.trader import Trader, list_contract
from tests.http.venue import Venue

FUNDS: Final = "10000"  # USDT, of every account
MARK: Final = "50000"
LEVERAGE: Final = 20


@pytest.fixture(scope="session")
def venue() -> Iterator[Venue]:
    with Exchange() as exchange:
        yield Venue(exchange)


@pytest.fixture(scope="session")
def program_of() -> Iterator[Callable[[Client], Program]]:
    """A client's program, started on demand."""
    started: dict[str, Program] = {}

    def find(client: Client) -> Program:
        if client.name not in started:
            started[client.name] = Program(*client.provide())
        return started[client.name]

    yield find
    for program in started.values():
        program.close()


@pytest.fixture
def symbol(venue: Venue) -> str:
    """A new futures market with its own base asset: ccxt names markets by their assets."""
    return list_contract(venue, base_asset=venue.asset(8), default_leverage=LEVERAGE, mark_price=MARK)


@pytest.fixture
def own(venue: Venue) -> Trader:
    """The bot's account, without a client."""
    return Trader(venue, funds=FUNDS)


@pytest.fixture
def other(venue: Venue) -> Trader:
    """The account of a counterparty."""
    return Trader(venue, funds=FUNDS)


@pytest.fixture
def bot(
    request: pytest.FixtureRequest, venue: Venue, program_of: Callable[[Client], Program], symbol: str, own: Trader
) -> Bot:
    """The client under test, with the credentials of ``own``."""
    client: Client = request.param
    bot = Bot(client, program_of(client), venue.exchange.base_url, symbol)
    bot.connect(own.caller.key, own.caller.secret)
    return bot
