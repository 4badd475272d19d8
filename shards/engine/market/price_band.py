"""Prices relative to the mark: how far an order may reach, and what it would lose. Ticks; ratios in millionths."""

from shards.model.brackets import MILLION
from shards.model.orders import BUY, Side


def worst_price(side: Side, mark: int, ratio: int) -> int:
    """Return the worst price for ``side`` that is at most ``ratio`` worse than ``mark``."""
    if side is BUY:
        return mark * (MILLION + ratio) // MILLION
    return -(-mark * (MILLION - ratio) // MILLION)


def is_worse(side: Side, price: int, than: int) -> bool:
    """Whether ``price`` is worse for ``side`` than ``than``."""
    return price > than if side is BUY else price < than


def is_farther(side: Side, price: int, mark: int, ratio: int) -> bool:
    """Whether ``price`` is more than ``ratio`` worse than ``mark``; most orders are better than the mark."""
    if side is BUY:
        return price > mark and price * MILLION > mark * (MILLION + ratio)
    return price < mark and price * MILLION < mark * (MILLION - ratio)


def loss_against(side: Side, limit: int, mark: int) -> int:
    """Return the loss in ticks per lot traded at ``limit``, valued at ``mark``; 0 without a mark."""
    loss = limit - mark if side is BUY else mark - limit
    return loss if loss > 0 and mark else 0
