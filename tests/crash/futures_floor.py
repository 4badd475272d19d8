"""Futures markets and accounts with futures wallets for crash tests, on every shard."""

from decimal import Decimal
from typing import Final

from loadtest.futures_money import Terms
from loadtest.signing import sign_futures
from tests.crash.floor import FUNDS, QUOTE, Account, Floor, Market, done
from tests.crash.futures_terms import PRICES
from tests.exchange import Exchange

TICK: Final = "0.1"
MAKER_BPS: Final = 2
TAKER_BPS: Final = 5
LEVERAGES: Final = (3, 5, 7)  # with more, no order up to MAX_NOTIONAL would exceed every wallet


class FuturesFloor(Floor):
    """Each account sets its own leverage on each market before it trades."""

    def __init__(self, exchange: Exchange) -> None:
        self.leverages: dict[tuple[str, str], int] = {}  # account and symbol
        super().__init__(exchange)

    def funds(self) -> dict[str, dict[str, str]]:
        return {"futures": {QUOTE: FUNDS}}

    def accounts_of(self, shard: int) -> Account:
        """The account, with its leverages set."""
        account = super().accounts_of(shard)
        for number, market in enumerate(self.markets):
            leverage = LEVERAGES[(account.account_shard + number) % len(LEVERAGES)]
            terms = {"symbol": market.symbol, "leverage": leverage}
            headers, signed = sign_futures(account, terms)
            done(self.exchange.call("POST", f"/fapi/v1/leverage?{signed}", None, None, headers))
            self.leverages[account.account, market.symbol] = leverage
        return account

    def terms_of(self, account: Account) -> dict[str, Terms]:
        """An account's terms by symbol."""
        maker, taker = (Decimal(bps) / 10_000 for bps in (MAKER_BPS, TAKER_BPS))
        return {
            market.symbol: Terms(Decimal(TICK), maker, taker, self.leverages[account.account, market.symbol], PRICES)
            for market in self.markets
        }

    def open_market(self, shard: int) -> Market:
        """List a perpetual whose book is on ``shard``: tick 0.1, lot 0.001, at least 5 USDT."""
        market = self.name_market(shard)
        terms = {
            "symbol": market.symbol,
            "base_asset": "BTC",
            "tick_size": TICK,
            "lot_size": "0.001",
            "min_notional": "5",
            "maker_fee_bps": MAKER_BPS,
            "taker_fee_bps": TAKER_BPS,
        }
        done(self.exchange.operate("POST", "/futures/markets", terms))
        return market
