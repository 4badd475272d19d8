"""A document and what it says of a request and of its answer."""

import json
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from web.openapi.documents import load_document

Json = Any

METHODS: Final = ("get", "post", "put", "patch", "delete")
OF_HTTP: Final = {"server", "date", "connection", "content-type", "content-length"}  # what every answer may have


class Answer(Protocol):
    """What came back."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Message: ...

    @property
    def body(self) -> bytes: ...


class Operation(NamedTuple):
    """A method of a path."""

    method: str
    path: str
    said: Json  # the document's words

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def schemes(self) -> set[str]:
        """Names of all security schemes, of which one set opens it."""
        return {name for alternative in self.said["security"] for name in alternative}


def _in_order(validator: Any, properties: Json, instance: Json, schema: Json) -> Iterator[ValidationError]:
    """``properties``, and where they describe an object: that its fields come in the order they are written in."""
    yield from Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)
    if isinstance(instance, dict) and schema.get("type") == "object":
        found = [name for name in instance if name in properties]
        if found != [name for name in properties if name in instance]:
            yield ValidationError(f"fields in the order {found}")


_OrderedValidator: Final = extend(Draft202012Validator, {"properties": _in_order})


class Document:
    """One API's document, put together as it is served."""

    def __init__(self, api: str) -> None:
        self.api = api
        self.whole = load_document(api)
        self._registry: Registry[Json] = Registry().with_resource(
            "urn:document", Resource.from_contents(self.whole, DRAFT202012)
        )
        self.operations = [
            Operation(method.upper(), path, self._complete(item, method))
            for path, item in self.whole["paths"].items()
            for method in METHODS
            if method in item
        ]
        patterns = sorted(self.whole["paths"], key=lambda path: path.count("{"))
        self._patterns = {path: re.compile(_pattern(path), re.DOTALL) for path in patterns}

    def _complete(self, item: Json, method: str) -> Json:
        """The operation with the parameters it shares with the others of its path, all references followed."""
        shared, own = item.get("parameters", []), item[method].get("parameters", [])
        return {**item[method], "parameters": [self.follow(parameter) for parameter in (*shared, *own)]}

    def follow(self, said: Json) -> Json:
        """``said``, or what it refers to."""
        if "$ref" not in said:
            return said
        value = self.whole
        for name in said["$ref"].removeprefix("#/").split("/"):
            value = value[name]
        return value

    def find(self, method: str, path: str) -> Operation | None:
        """The operation of a real path."""
        template = next((name for name, pattern in self._patterns.items() if pattern.fullmatch(unquote(path))), None)
        return next((found for found in self.operations if (found.method, found.path) == (method, template)), None)

    def outcomes(self, operation: Operation) -> set[str]:
        """Every status, and with it each error the document names: "413", "400 -1102"."""
        found = set()
        for status, said in operation.said["responses"].items():
            errors = self._errors_of(self.follow(said)) if status >= "400" else []
            found |= {f"{status} {error}" for error in errors} if errors else {status}
        return found

    def _errors_of(self, response: Json) -> list[Json]:
        named = response.get("content", {}).get("application/json", {}).get("schema", {}).get("properties", {})
        said = named.get("error") or named.get("code") or {}
        return [word for kind in said.get("anyOf", [said]) for word in kind.get("enum", [kind.get("const")]) if word]

    def faults_of_value(self, schema: Json, value: Json, validator_type: Any = Draft202012Validator) -> list[str]:
        """What ``schema`` has against ``value``."""
        fault = best_match(self.validator(schema, validator_type).iter_errors(value))
        return [f"{fault.json_path}: {fault.message}"] if fault else []

    def validator(self, schema: Json, validator_type: Any = Draft202012Validator) -> Any:
        """What checks values against ``schema``."""
        return validator_type(_absolute(schema), registry=self._registry)

    def faults_of_answer(self, method: str, path: str, answer: Answer) -> list[str]:
        """What the document has against this answer to ``method path``."""
        operation = self.find(method, path)
        if operation is None:
            expected, name = (405, "WrongMethod") if self._knows(path) else (404, "UnknownPath")
            response = self.whole["components"]["responses"][name] if answer.status == expected else None
        else:
            response = operation.said["responses"].get(str(answer.status))
        if response is None:
            return ["a status that is not in the document"]
        response = self.follow(response)
        headers = {name.lower(): self.follow(said) for name, said in response.get("headers", {}).items()}
        return [*self._faults_of_headers(headers, answer), *self._faults_of_body(response.get("content"), answer)]

    def _knows(self, path: str) -> bool:
        return any(self.find(method.upper(), path) for method in METHODS)

    def _faults_of_headers(self, said: Mapping[str, Json], answer: Answer) -> Iterator[str]:
        sent = {name.lower(): text for name, text in answer.headers.items()}
        yield from (f"header {name} that is not in the document" for name in sent.keys() - said.keys() - OF_HTTP)
        yield from (f"no header {name}" for name in said.keys() - sent.keys() if said[name].get("required"))
        for name in said.keys() & sent.keys():
            value = int(sent[name]) if sent[name].isdigit() else sent[name]
            yield from (f"header {name} {fault}" for fault in self.faults_of_value(said[name]["schema"], value))

    def _faults_of_body(self, content: Json, answer: Answer) -> list[str]:
        kind = answer.headers["Content-Type"]
        if content is None:
            return [] if answer.body == b"" and kind is None else ["a body that is not in the document"]
        media = (kind or "").partition(";")[0]
        if media not in content:
            return [f"content type {kind}"]
        value = json.loads(answer.body) if media == "application/json" else answer.body.decode()
        return self.faults_of_value(content[media]["schema"], value, _OrderedValidator)


def _pattern(template: str) -> str:
    """Parameters are parts of a path; a client order id is all the rest."""
    parts = re.split(r"(\{\w+\})", template)
    known = {"{client_order_id}": ".*"}
    return "".join(known.get(part, "[^/]+") if part.startswith("{") else re.escape(part) for part in parts)


def _absolute(schema: Json) -> Json:
    """The same with references that say in which document; those inside of it are taken from there."""
    if isinstance(schema, dict):
        return {name: f"urn:document{value}" if name == "$ref" else _absolute(value) for name, value in schema.items()}
    return [_absolute(item) for item in schema] if isinstance(schema, list) else schema
