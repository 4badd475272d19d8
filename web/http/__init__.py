"""Requests and responses: bytes ↔ typed values."""
