"""Requests made from a document's own examples."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from tests.http.openapi_document import Document, Operation

Json = Any

NOTHING: Final[Mapping[str, Json]] = {}


class Sample(NamedTuple):
    """A request before anybody signs it."""

    path: str
    query: dict[str, Json]
    body: Json  # None: there is none

    def without(self, name: str) -> "Sample":
        """The same with one parameter or field left out."""
        query = {key: value for key, value in self.query.items() if key != name}
        body = None if self.body is None else {key: value for key, value in self.body.items() if key != name}
        return Sample(self.path, query, body)


def samples(document: Document, operation: Operation, known: Mapping[str, Json] = NOTHING) -> Iterator[Sample]:
    """A request for each example of a body, with the examples of all parameters; ``known`` replaces some of them."""
    path, query = operation.path, {}
    for parameter in operation.said["parameters"]:
        name = parameter["name"]
        value = known.get(name, example_of(parameter))
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        elif value is not None:
            query[name] = value
    for body in bodies(operation):
        yield Sample(path, query, body and {name: known.get(name, value) for name, value in body.items()})


def bodies(operation: Operation) -> list[dict[str, Json] | None]:
    """The examples of the body; one None if it takes none."""
    if "requestBody" not in operation.said:
        return [None]
    examples = operation.said["requestBody"]["content"]["application/json"]["examples"]
    return [example["value"] for example in examples.values()]


def body_schema(operation: Operation) -> Json:
    """The schema of the body."""
    return operation.said["requestBody"]["content"]["application/json"]["schema"]


def example_of(parameter: Json) -> Json:
    """The parameter's example, None without one."""
    return parameter.get("example", parameter.get("content", {}).get("application/json", {}).get("example"))
