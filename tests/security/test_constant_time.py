"""Secrets are compared in constant time.

Looked up in the source: how long a comparison takes cannot be asserted on a machine that does anything else beside it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.http.futures.site import Site
from web.app import make_app
from web.cli.run import ROOT

COMPARED: Final = {  # where a caller's text meets a secret: file, function, what must never stand beside == or !=
    ("web/http/signing.py", "verify"): {"made", "given", "signature"},
    ("web/auth.py", "require_operator"): {"given", "expected"},
    ("shards/model/ids.py", "from_uuid"): {"made"},
}


def find_function(file: str, name: str) -> ast.FunctionDef:
    (found,) = (
        node
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return found


def compared(function: ast.FunctionDef) -> Iterator[str]:
    """Names on either side of an ordinary comparison, however they are wrapped; ``x is None`` and the like aside."""
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and not all(isinstance(how, ast.Is | ast.IsNot) for how in node.ops):
            yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name))


@pytest.mark.parametrize(("file", "name"), COMPARED)
def test_secrets_are_compared_in_constant_time(file: str, name: str) -> None:
    function = find_function(file, name)
    calls = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
    assert calls.count("hmac.compare_digest") == 1
    assert not COMPARED[file, name] & set(compared(function))


def test_nothing_else_compares_what_is_secret() -> None:
    """By name, in all of web: a secret, a signature or a digest never stands beside == or !=, wherever it does."""
    for path in sorted(Path(ROOT, "web").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(how, ast.Eq | ast.NotEq) for how in node.ops):
                sides = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Name | ast.Attribute)]
                names = {side.id if isinstance(side, ast.Name) else side.attr for side in sides}
                assert not names & {"secret", "signature", "digest", "admin_key", "api_secret"}, ast.unparse(node)


def test_without_an_operator_key_nobody_is_the_operator(tmp_path: Path) -> None:
    """An empty key is the way to switch the operator API off: it must not open for an empty header, or for none."""
    site = Site(tmp_path)
    services = site.app.extensions["shardex"]
    site.app = make_app(services._replace(admin_key=b""))
    for headers in ({}, {"X-API-Key": ""}):
        assert site.send("GET", "/api/v1/admin/shards", headers, b"").status == 401
    site.reference.close()
