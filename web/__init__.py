"""The HTTP side: speaks JSON to callers and messages to the shards; knows no order book."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> "Flask":
    """The WSGI application: ``gunicorn -c web/gunicorn_conf.py 'web:create_app()'``."""
    # here, for the command line's help and gunicorn's master load this package and need nothing of Flask
    from web.app import create_app as create

    return create()
