"""The real exchange that tests run on; loads run on it, too."""

from loadtest.exchange import OWN_SETTINGS, Exchange, group_members, has_open, hold_port, kill, until

__all__ = ["OWN_SETTINGS", "Exchange", "group_members", "has_open", "hold_port", "kill", "until"]
