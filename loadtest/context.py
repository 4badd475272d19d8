"""State shared by the users of one load process: the markets, the free accounts, the record."""

import random
from pathlib import Path
from typing import Final

from loadtest.accounts import Account, Pool
from loadtest.markets import Market
from loadtest.profiles import Profile
from loadtest.record import Recorder

HOT_SYMBOL: Final = "BTCUSDT"  # on spot and on futures; if missing, the first market of each


class LoadContext:
    """Created once when the load process starts."""

    def __init__(
        self, markets: list[Market], accounts: list[Account], records: Path, profile: Profile, rnd: random.Random
    ) -> None:
        self.accounts = Pool(accounts)
        self.recorder = Recorder(records)
        self.profile = profile
        self.rnd = rnd
        self._markets = {
            product: _choose([market for market in markets if market.product == product], profile.is_hot)
            for product in ("spot", "futures")
        }

    def pick(self, product: str, rnd: random.Random) -> Market:
        """A market to trade on."""
        return rnd.choice(self._markets[product])


def _choose(markets: list[Market], is_hot: bool) -> list[Market]:
    return sorted(markets, key=lambda market: market.symbol != HOT_SYMBOL)[:1] if is_hot else markets
