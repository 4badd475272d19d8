"""What the operator controls: markets with their status, mark prices and risk terms; assets; the rules version."""

from shards.engine.account.machine import AccountMachine
from shards.engine.effects import Effects
from shards.engine.links import Links
from shards.engine.market.futures import FuturesMarket
from shards.engine.market.machine import MarketMachine
from shards.engine.market.spot import SpotMarket
from shards.limits import RULES
from shards.model.brackets import Bracket
from shards.model.commands import AddAsset, AddMarket, SetMarketStatus, SetMarkPrice, SetRisk, SetRules
from shards.model.events import MarketChanged
from shards.model.links import BracketsChanged
from shards.model.markets import Market, MarketStatus, Product
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, MarketReply, Rejected, Reply


class Listings:
    """The markets and assets whose symbols belong to this shard."""

    def __init__(self, accounts: AccountMachine, links: Links) -> None:
        self._accounts = accounts
        self._links = links
        self.markets: dict[int, MarketMachine] = {}
        self.futures: dict[int, FuturesMarket] = {}  # the futures markets among them
        self.assets: dict[str, int] = {}  # decimals
        self.rules = 0  # version in force, see shards.limits.RULES; 0 until the journal sets another

    def open(self, market: Market) -> MarketMachine:
        """Create the machine of a new market."""
        if market.product is not Product.FUTURES:
            self.markets[market.number] = spot = SpotMarket(market)
            return spot
        self.markets[market.number] = self.futures[market.number] = futures = FuturesMarket(market)
        futures.margin.rules = self.rules
        return futures

    def restore_rules(self, version: int) -> None:
        """Continue with the rules of a snapshot."""
        self.rules = version
        for machine in self.futures.values():
            machine.margin.rules = version

    # Commands

    def set_rules(self, command: SetRules, effects: Effects) -> None:
        """Use this version of the rules from here on."""
        assert self.rules < command.version <= RULES, "a journal of a newer version of the program"
        self.restore_rules(command.version)
        self._accounts.margins.overdrawn.clear()

    def add_asset(self, command: AddAsset, effects: Effects) -> Reply:
        """Set an asset's decimals; a repeat changes nothing."""
        return CountReply(self.assets.setdefault(command.asset, command.decimals))

    def add_market(self, command: AddMarket, effects: Effects) -> Reply:
        """Add a market; a repeat is answered with the existing one."""
        market = command.market
        machine = self.markets.get(market.number)
        if machine is None:
            machine = self.open(market)
            effects.events.append(MarketChanged(market, effects.now_ms))
            if market.risk is not None:
                self._tell_brackets(market.number, market.risk.brackets, effects)
        return MarketReply(machine.market)

    def set_status(self, command: SetMarketStatus, effects: Effects) -> Reply:
        """Halt, relist or delist a market."""
        refused = _check(self.markets.get(command.market))
        if refused is None:
            refused = self.markets[command.market].set_status(command.status, effects)
        return refused or self._show(command.market)

    def set_mark(self, command: SetMarkPrice, effects: Effects) -> Reply:
        """Set a futures market's mark price."""
        refused = _check(self.futures.get(command.market))
        if refused is not None:
            return refused
        self.futures[command.market].set_mark(command.price, effects)
        return self._show(command.market)

    def set_risk(self, command: SetRisk, effects: Effects) -> Reply:
        """Change a futures market's risk terms."""
        refused = _check(self.futures.get(command.market))
        if refused is not None:
            return refused
        machine = self.futures[command.market]
        machine.set_risk(command.change, effects)
        self._tell_brackets(command.market, machine.market.brackets, effects)
        return self._show(command.market)

    def _show(self, number: int) -> MarketReply:
        return MarketReply(self.markets[number].market)

    def _tell_brackets(self, market: int, brackets: list[Bracket], effects: Effects) -> None:
        """Send to every shard, since each keeps accounts that may trade in the market."""
        self._accounts.margins.brackets[market] = brackets
        self._links.post_to_all(BracketsChanged(market, brackets), effects.now_ms)


def _check(machine: MarketMachine | None) -> Rejected | None:
    """Return the rejection if the market is unknown or delisted: a delisted market cannot be changed."""
    if machine is None:
        return Rejected(RejectReason.UNKNOWN_MARKET)
    return Rejected(RejectReason.MARKET_DELISTED) if machine.market.status is MarketStatus.DELISTED else None
