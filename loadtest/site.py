"""An exchange of our own for a load: markets with fees in addition to the demo's, and well-funded accounts."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from http import HTTPStatus
from typing import Final

from loadtest.accounts import Account
from loadtest.auditor import Openings
from loadtest.exchange import Exchange, kill
from web.http.tokens import Tokens

FUNDS: Final = {
    "spot": {"USDT": "10000000", "DF": "10000000", "BTC": "1000", "ETH": "10000", "GOLD": "100000"},
    "futures": {"USDT": "10000000"},
}
MARK_PRICES: Final = {"BTCUSDT": "47600", "ETHUSDT": "2500"}
SHARDS: Final = 2
ROOM_S: Final = 15.0  # to wait for room in a shard's mailbox, which may be short
PAUSE_S: Final = 0.05
THREADS: Final = 8  # for creating accounts
TOKEN_S: Final = 24 * 3_600


def open_site(settings: Mapping[str, str], shards: int = SHARDS) -> Exchange:
    """Start an exchange with rate limits off; ``settings`` are environment variables. The caller closes it."""
    exchange = Exchange(shards, settings)
    try:
        exchange.start()
        _open_markets(exchange)
    except BaseException:
        exchange.close()
        raise
    return exchange


def _open_markets(exchange: Exchange) -> None:
    """A spot market with fees, which the demo's lack, and mark prices for the first orders."""
    gold = {
        "id": "GOLDUSDT",
        "base_token": "GOLD",
        "quote_token": "USDT",
        "tick_size": "0.01",
        "lot_size": "0.001",
        "min_notional": "1",
        "maker_fee_bps": 10,
        "taker_fee_bps": 20,
    }
    operate(exchange, "/assets", {"symbol": "GOLD", "decimals": 8})
    operate(exchange, "/spot/markets", gold)
    for symbol, price in MARK_PRICES.items():
        operate(exchange, "/futures/mark-price", {"symbol": symbol, "price": price})


def open_accounts(exchange: Exchange, count: int) -> list[Account]:
    """Create ``count`` funded accounts."""
    tokens = Tokens(exchange.folder.secrets().jwt, {}, "HS256")
    names = (f"load-{number}" for number in range(1, count + 1))
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda name: open_account(exchange, name, tokens.mint(name, TOKEN_S), FUNDS), names))


def open_account(exchange: Exchange, name: str, token: str, funds: Mapping[str, Mapping[str, str]]) -> Account:
    """Create an account with an API key; ``funds`` by wallet and asset."""
    made = exchange.call("POST", "/api/v1/api-keys", {"label": "load"}, None, {"Authorization": f"Bearer {token}"})
    made.raise_for_status()
    key = made.json()
    for wallet, amounts in funds.items():
        for asset, amount in amounts.items():
            payment = {"account": name, "wallet": wallet, "asset": asset, "amount": amount}
            operate(exchange, "/deposits", {**payment, "reference": f"load-{wallet}-{asset}"})
    return Account(name, token, key["api_key"], key["api_secret"])


def find_unfunded(openings: Openings) -> list[str]:
    """Accounts without the deposited funds, before they have traded."""
    right = {asset: Decimal(amount) for asset, amount in FUNDS["spot"].items()}
    wallet = Decimal(FUNDS["futures"]["USDT"])
    return [
        f"{name}: has {has.spot} and {has.wallet}, deposited were {FUNDS}"
        for name, has in openings.items()
        if (has.spot, has.wallet) != (right, wallet)
    ]


def operate(exchange: Exchange, path: str, body: Mapping[str, object]) -> None:
    """One call of the operator API, retried while the mailbox is full. Raises requests.HTTPError."""
    end = time.monotonic() + ROOM_S
    while True:
        response = exchange.operate("POST", path, body)
        if response.status_code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > end:
            break
        time.sleep(PAUSE_S)
    response.raise_for_status()


def kill_one(exchange: Exchange, kind: str) -> None:
    """Kill a shard or a web worker with SIGKILL; its supervisor restarts it."""
    kill(exchange.shard_pid(0) if kind == "shard" else exchange.worker_pids()[0])
