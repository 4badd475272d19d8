"""What is wrong with an answer, by the documents of both APIs and by the promises."""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.fuzz.wire import is_of_server
from tests.http.openapi_document import Document, Operation
from tests.http.venue import Answer

Json = Any

LINE_BYTES_MAX: Final = 8_190  # of the first line and of each header: what is longer is refused by the HTTP server
LARGE_BYTES: Final = 8_000  # an answer with hundreds of rows that are alike
LARGE_SHARE: Final = 10  # one in so many of these is looked at
NEVER: Final = (500, 503, 504, 408)  # nothing here is busy, stopped or slow: none of these may come
NO_REQUEST: Final = {
    (400, b'{"error":"invalid body"}'),
    (400, b'{"code":-1102,"msg":"The body was not sent in full, or is malformed."}'),
    (400, b'{"error":"invalid request"}'),
    (400, b'{"code":-1100,"msg":"Illegal characters found in the request."}'),
}
"""Answers to whoever stops in the midst of a body, and to a malformed Host, whatever the operation."""
_BY_CALL: Final = ("date", "x-mbx-used-weight-1m", "x-mbx-order-count-1m")  # headers that differ from answer to answer


class FastDocument(Document):
    """The same, but each schema is made ready once and each route is looked for once."""

    def __init__(self, api: str) -> None:
        super().__init__(api)
        self._validators: dict[tuple[int, int], Any] = {}
        self._find = lru_cache(10_000)(super().find)

    def find(self, method: str, path: str) -> Operation | None:
        return self._find(method, path)

    def faults_of_value(self, schema: Json, value: Json, validator_type: Any = Draft202012Validator) -> list[str]:
        key = (id(schema), id(validator_type))
        if key not in self._validators:
            self._validators[key] = self.validator(schema, validator_type)
        fault = best_match(self._validators[key].iter_errors(value))
        return [f"{fault.json_path}: {fault.message}"] if fault else []


class Judge:
    """Holds every answer against its document."""

    def __init__(self) -> None:
        self.documents = {api: FastDocument(api) for api in ("spot", "futures")}
        self._large = 0
        self._known: dict[tuple[object, ...], list[str]] = {}

    @property
    def operations(self) -> list[Operation]:
        """Of both documents."""
        return [operation for document in self.documents.values() for operation in document.operations]

    def document_of(self, path: str) -> Document:
        """The document of a path's API."""
        decoded = unquote(path)
        return self.documents["futures" if decoded == "/fapi" or decoded.startswith("/fapi/") else "spot"]

    def faults(self, method: str, path: str, answer: Answer) -> list[str]:
        """What is wrong with this answer of the application to ``method path``."""
        if answer.status in NEVER:
            return [f"a status that must not come here: {answer.status}"]
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _BY_CALL]
        document = self.document_of(path)
        operation = document.find(method, path)
        key = (str(operation) if operation else (method, path), answer.status, tuple(headers), answer.body)
        found = self._known.get(key)
        if found is None and answer.status == 200 and len(answer.body) > LARGE_BYTES:
            self._large += 1
            found = None if self._large % LARGE_SHARE == 1 else []
        if found is None:
            found = document.faults_of_answer(method, path, answer)
            if answer.status != 200:  # of these there are few, and they come again
                self._known[key] = found
        return found

    def faults_of_line(self, line: bytes, answer: Answer) -> list[str]:
        """The same for whatever line opened the request; one that is none is refused by the HTTP server."""
        method, path = read_line(line)
        if is_of_server(answer):
            return []
        if not method:
            return ["an answer to what is no request"]
        if (answer.status, answer.body) in NO_REQUEST:
            return []
        return self.faults(method, path, answer)


def may_server_refuse(data: bytes) -> bool:
    """Whether the HTTP server may refuse this request, which is one: for its length, or a header that stands twice."""
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")
    types = [line for line in lines if line.lower().startswith(b"content-type:")]
    return len(types) > 1 or max(map(len, lines)) >= LINE_BYTES_MAX


def read_line(line: bytes) -> tuple[str, str]:
    """Method and path of a request's first line; two empty texts if it is none."""
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        return "", ""
    path = parts[1].partition("?")[0].partition("#")[0]
    # slashes before the first one are taken away, by the HTTP server and by the application
    return parts[0], "/" + path.lstrip("/") if path.startswith("//") else path
