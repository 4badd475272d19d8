"""Where connections come from: Unix sockets, by the paths of the data folder. A simulation brings its own."""

import os
import selectors
import socket

from shards.limits import CONNECTIONS_MAX


class Network:
    """Unix stream sockets, none of which ever waits."""

    def selector(self) -> selectors.BaseSelector:
        """Watches the sockets of one process."""
        return selectors.DefaultSelector()

    def listen(self, path: str) -> socket.socket:
        """A listener at ``path``, in the place of whoever was there before; only for this user."""
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
        """A connection to whoever listens at ``path``. Raises OSError if nobody does."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setblocking(False)
        try:
            sock.connect(path)
        except OSError:
            sock.close()
            raise
        return sock
