"""Verification of a data folder from the outside."""
