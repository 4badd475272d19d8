"""Creates connections: Unix sockets, by the paths of the data folder. A simulation replaces this."""

import os
import selectors
import socket

from shards.limits import CONNECTIONS_MAX


class Network:
    """Non-blocking Unix stream sockets."""

    def selector(self) -> selectors.BaseSelector:
        """Return a selector for the sockets of one process."""
        return selectors.DefaultSelector()

    def listen(self, path: str) -> socket.socket:
        """Listen at ``path``, replacing any previous socket; accessible only to this user."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(CONNECTIONS_MAX)
        listener.setblocking(False)
        return listener

    def connect(self, path: str) -> socket.socket:
        """Connect to the listener at ``path``. Raises OSError if there is none."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return sock
