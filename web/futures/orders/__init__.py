"""Futures orders: place, modify, cancel, query."""
