"""One exchange for all clients; a market and accounts of its own for each test."""

from collections.abc import Iterator
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
def programs() -> Iterator[dict[str, Program]]:
    """The clients' programs, by name, each started when it is first needed."""
    started: dict[str, Program] = {}
    yield started
    for program in started.values():
        program.close()


@pytest.fixture
def symbol(venue: Venue) -> str:
    """A fresh futures market, of an asset of its own: ccxt names markets by their assets."""
    return list_contract(venue, base_asset=venue.asset(8), default_leverage=LEVERAGE, mark_price=MARK)


@pytest.fixture
def own(venue: Venue) -> Trader:
    """The bot's account, without a client."""
    return Trader(venue, funds=FUNDS)


@pytest.fixture
def other(venue: Venue) -> Trader:
    """Somebody to trade with."""
    return Trader(venue, funds=FUNDS)


@pytest.fixture
def bot(request: pytest.FixtureRequest, venue: Venue, programs: dict[str, Program], symbol: str, own: Trader) -> Bot:
    """The client that the test is about, with the credentials of ``own``."""
    client: Client = request.param
    if client.name not in programs:
        programs[client.name] = Program(*client.provide())
    bot = Bot(client, programs[client.name], venue.exchange.base_url, symbol)
    bot.connect(own.caller.key, own.caller.secret)
    return bot
