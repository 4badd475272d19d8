"""Settings of one futures market: the operator's, and the accounts' own."""

from msgspec.structs import replace

from shards.model import orders as o
from shards.model.brackets import LIQUIDATION_FEE, RiskChange, RiskTerms
from shards.model.markets import MarketStatus
from shards.model.reasons import RejectReason
from shards.model.replies import CountReply, MarketReply, Rejected, Reply
from tests.model.futures_matching import FuturesMatching
from tests.model.futures_risk import most_at


class FuturesSettings(FuturesMatching):
    def set_status(self, status: MarketStatus) -> Reply:
        if self.market.status is MarketStatus.DELISTED:
            return Rejected(RejectReason.MARKET_DELISTED)
        if status is MarketStatus.DELISTED:
            if any(wallet.size for wallet in self.wallets.values()):
                return Rejected(RejectReason.POSITIONS_OPEN)
            for account in self.wallets:
                self.cancel_all(account, o.EndReason.DELIST)
        self.market = replace(self.market, status=status)
        self.fire_due()
        return MarketReply(self.market)

    def set_risk(self, change: RiskChange) -> Reply:
        if self.market.status is MarketStatus.DELISTED:
            return Rejected(RejectReason.MARKET_DELISTED)
        fee = LIQUIDATION_FEE if self.market.risk is None else self.market.risk.liquidation_fee
        given = change.liquidation_fee
        terms = RiskTerms(change.brackets or self.market.brackets, fee if given is None else given)
        first = not self.has_risk_terms
        self.market = replace(self.market, risk=terms)
        if first:
            self.end_uncovered()
        return MarketReply(self.market)

    def set_leverage(self, account: str, leverage: int, default: int) -> Reply:
        """Rejected if the position would exceed the limit at this leverage; the current value is always accepted."""
        sides = [self.values(account, side) for side in o.Side]
        other = leverage != (self.wallets[account].leverage or default)
        if other and self.has_risk_terms and self.wallets[account].cost + max(sides) > most_at(self.brackets, leverage):
            return Rejected(RejectReason.POSITION_LIMIT)
        self.wallets[account].leverage = leverage
        return CountReply(leverage)

    def mark_at(self, price: int) -> Reply:
        if self.market.status is MarketStatus.DELISTED:
            return Rejected(RejectReason.MARKET_DELISTED)
        first = not self.mark
        self.set_mark = price
        self.track(o.WatchedPrice.MARK)
        if first:
            self.end_uncovered()
        self.fire_due()
        return MarketReply(self.market)
