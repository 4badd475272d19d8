"""What keeps a message from being sent."""


class NotServing(Exception):
    """The receiver is not there or takes no commands yet; nothing was sent."""
