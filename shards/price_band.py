"""Prices against the mark: how far an order may reach, and what it would lose. Ticks; ratios in millionths."""

from shards.brackets import MILLION
from shards.orders import BUY, Side


def worst_price(side: Side, mark: int, ratio: int) -> int:
    """The worst price for ``side`` that is at most ``ratio`` worse than ``mark``."""
    if side is BUY:
        return mark * (MILLION + ratio) // MILLION
    return -(-mark * (MILLION - ratio) // MILLION)


def is_worse(side: Side, price: int, than: int) -> bool:
    """Whether ``side`` would rather trade at ``than``."""
    return price > than if side is BUY else price < than


def loss_against(side: Side, limit: int, mark: int) -> int:
    """Ticks that a lot is below water once it has traded at ``limit``; 0 without a mark."""
    if not mark:
        return 0
    return max(0, limit - mark if side is BUY else mark - limit)
