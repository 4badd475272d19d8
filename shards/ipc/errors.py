"""Errors of sending messages between processes."""


class NotServing(Exception):
    """The receiver is down or does not take commands yet; nothing was sent."""


class LinkBroken(Exception):
    """The ends of a link are inconsistent: one of them has lost data that was on its disk."""
