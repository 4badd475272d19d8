"""Futures orders: placing, modifying, canceling, reading."""
