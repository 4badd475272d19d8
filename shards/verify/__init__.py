"""Checking a data folder from the outside."""
