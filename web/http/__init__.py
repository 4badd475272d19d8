"""Requests and answers: bytes ↔ typed values."""
