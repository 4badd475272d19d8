"""Queries and commands to the engine, for all APIs."""
