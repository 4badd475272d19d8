"""A Flask application with one view that does nothing: what any Flask exchange would have to start from."""

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/")
def view() -> str:
    """Answer."""
    return "ok"
