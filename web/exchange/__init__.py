"""Asking the engine, for all APIs."""
