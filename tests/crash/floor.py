"""Spot markets and funded accounts for crash tests, on every shard."""

from copy import copy
from itertools import count
from typing import Any, Final, NamedTuple, Self

from loadtest import accounts
from loadtest.site import open_account
from shards.model.markets import shard_of_account, shard_of_symbol
from tests.exchange import Exchange
from web.http.tokens import Tokens

QUOTE: Final = "USDT"
QUOTE_DECIMALS: Final = 6
BASE_DECIMALS: Final = 8
TICK: Final = "0.01"
LOT: Final = "0.001"
MAKER_BPS: Final = 10
TAKER_BPS: Final = 20
FUNDS: Final = "1000000"  # of every asset


class Market(NamedTuple):
    """A market and the shard that owns its book."""

    symbol: str
    base: str
    shard: int


class Account(accounts.Account, frozen=True):
    """An account, its credentials, and the shard that keeps its funds."""

    account_shard: int


class Floor:
    """The markets of an exchange, created once, and accounts on demand."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        folder = exchange.folder
        self.shard_count = folder.shard_count
        self._tokens = Tokens(folder.secrets().jwt, {}, "HS256")
        self._numbers = count(1)
        self.markets = [self.open_market(shard) for shard in range(self.shard_count)]

    def elsewhere(self, exchange: Exchange) -> Self:
        """The same on another exchange, which was restored from this one."""
        other = copy(self)
        other.exchange = exchange
        return other

    def accounts_of(self, shard: int) -> Account:
        """A new funded account kept on ``shard``."""
        name = next(
            name for name in (f"a{n}" for n in self._numbers) if shard_of_account(name, self.shard_count) == shard
        )
        made = open_account(self.exchange, name, self._tokens.mint(name, 86_400), self.funds())
        return Account(made.account, made.jwt, made.api_key, made.api_secret, shard)

    def funds(self) -> dict[str, dict[str, str]]:
        """Initial funds of a new account, by wallet and asset."""
        return {"spot": dict.fromkeys((QUOTE, *(market.base for market in self.markets)), FUNDS)}

    def open_market(self, shard: int) -> Market:
        """List a market whose book is on ``shard``."""
        market = self.name_market(shard)
        terms = {
            "id": market.symbol,
            "base_token": market.base,
            "quote_token": QUOTE,
            "tick_size": TICK,
            "lot_size": LOT,
            "min_notional": "1",
            "maker_fee_bps": MAKER_BPS,
            "taker_fee_bps": TAKER_BPS,
        }
        done(self.exchange.operate("POST", "/assets", {"symbol": market.base, "decimals": BASE_DECIMALS}))
        done(self.exchange.operate("POST", "/spot/markets", terms))
        return market

    def name_market(self, shard: int) -> Market:
        """A market whose book will be on ``shard``; not created yet."""
        names = (f"M{n}" for n in self._numbers)
        base = next(base for base in names if shard_of_symbol(base + QUOTE, self.shard_count) == shard)
        return Market(base + QUOTE, base, shard)


def done(response: Any) -> Any:
    """The body of a 200."""
    assert response.status_code == 200, f"{response.request.method} {response.url}: {response.text}"
    return response.json()
