"""The HTTP side: JSON for clients, messages to the shards. It holds no order book."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """The WSGI application: ``gunicorn -c web/gunicorn_conf.py 'web:create_app()'``."""
    # imported here, because the command line's help and gunicorn's master import this package and do not need Flask
    from web.app import create_app as create

    return create()
