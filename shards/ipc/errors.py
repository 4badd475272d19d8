"""What keeps a message from its way between processes."""


class NotServing(Exception):
    """The receiver is not there or takes no commands yet; nothing was sent."""


class LinkBroken(Exception):
    """The ends of a link do not fit together: one of them has lost what it once had on disk."""
