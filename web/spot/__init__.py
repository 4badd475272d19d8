"""The spot API under ``/api/v1``."""
