"""A Flask application with one trivial view: the starting point of any exchange in Flask."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/")
def view() -> str:
    """An empty response."""
    return "ok"
