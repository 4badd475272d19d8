"""The documents of both APIs: valid, complete, and true of what the exchange really answers."""

import re
from collections.abc import Iterator
from typing import Any, cast

import pytest
from openapi_spec_validator import validate

from tests.exchange import Exchange
from tests.http.openapi_document import Document, Operation
from tests.http.openapi_futures_flows import FUTURES_FLOWS
from tests.http.openapi_operator_flows import OPERATOR_FLOWS
from tests.http.openapi_order_flows import ORDER_FLOWS
from tests.http.openapi_probes import PROBES
from tests.http.openapi_refusals import REFUSALS
from tests.http.openapi_spot_flows import SPOT_FLOWS
from tests.http.openapi_venue import SETTINGS, Flow, WitnessVenue, name_of
from web.app import make_app
from web.services import Services

Json = Any

DOCUMENTS = {api: Document(api) for api in ("spot", "futures")}
FLOWS = (*SPOT_FLOWS, *OPERATOR_FLOWS, *FUTURES_FLOWS, *ORDER_FLOWS, *REFUSALS, *PROBES)
RARE = {
    *("408 -1007", "504 ENGINE_TIMEOUT", "500 -1000", "500 internal error"),  # no answer, a fault of ours
    *("503 ENGINE_BUSY", "503 -1008"),  # a full mailbox
    *("503 STORAGE_FULL", "503 -1000", "500 DB_ERROR"),  # a full disk, an archive that is away
    *("400 TOO_MANY_OPEN_ORDERS", "400 -2025", "400 -4045", "409 TOO_MANY_MARKETS"),  # thousands of them
}

pytestmark = pytest.mark.timeout(300)  # the flows are played before the first answer is looked at


@pytest.fixture(scope="module")
def venue() -> Iterator[WitnessVenue]:
    """An exchange on which every flow has been played once."""
    with Exchange(2, SETTINGS) as exchange:
        made = WitnessVenue(exchange)
        for flow in FLOWS:
            made.play(flow)
        yield made


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> Document:
    return DOCUMENTS[request.param]


def operations(document: Document) -> list[Operation]:
    assert document.operations
    return document.operations


# The documents by themselves


def test_is_openapi(document: Document) -> None:
    validate(document.whole)


def test_says_what_it_needs(document: Document) -> None:
    for operation in operations(document):
        assert operation.said["summary"] and operation.said["responses"]["200"], operation
        assert operation.schemes <= document.whole["components"]["securitySchemes"].keys(), operation
        assert bool(operation.schemes) == ("401" in operation.said["responses"]), operation
        assert ("x-weight" in operation.said) == (document.api == "futures"), operation


def test_names_are_given_once(document: Document) -> None:
    names = [operation.said["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)


def test_nothing_is_left_over(document: Document) -> None:
    """Every component is used by something."""
    text = str(document.whole)
    for kind, components in document.whole["components"].items():
        for name in components:
            used = f"'#/components/{kind}/{name}" in text or f"'{name}': []" in text
            assert used or name in ("UnknownPath", "WrongMethod"), f"{kind}/{name}"


def test_answers_are_closed(document: Document) -> None:
    """No object of an answer may have a field that is not in the document."""
    answers = [operation.said["responses"] for operation in operations(document)]
    found = [schema for responses in answers for schema in _open_objects(document, list(responses.values()))]
    assert found == []


def _open_objects(document: Document, said: Json, closed: bool = False) -> Iterator[Json]:
    """Descriptions of objects, references followed, that let more fields pass."""
    if isinstance(said, list):
        for item in said:
            yield from _open_objects(document, item)
    elif isinstance(said, dict):
        closed = closed or said.get("unevaluatedProperties") is False or said.get("additionalProperties") is False
        if said.get("type") == "object" and isinstance(said.get("properties"), dict) and not closed:
            yield said
        if "$ref" in said:
            yield from _open_objects(document, document.follow(said), closed)
        for value in said.values():
            yield from _open_objects(document, value)


def test_examples_fit(document: Document) -> None:
    found = [
        f"{place}: {example} {fault}"
        for place, schema, example in _examples(document.whole, "#")
        for fault in document.faults_of_value(schema, example)
    ]
    assert found == []


def _examples(said: Json, place: str) -> Iterator[tuple[str, Json, Json]]:
    """(place, schema, example) of parameters, contents and schemas."""
    if isinstance(said, list):
        for number, item in enumerate(said):
            yield from _examples(item, f"{place}/{number}")
    elif isinstance(said, dict):
        if "schema" in said and "example" in said:
            yield place, said["schema"], said["example"]
        if "schema" in said and "examples" in said:
            yield from ((place, said["schema"], example["value"]) for example in said["examples"].values())
        elif isinstance(said.get("examples"), list):
            yield from ((place, said, example) for example in said["examples"])
        for name, value in said.items():
            if name not in ("example", "examples"):
                yield from _examples(value, f"{place}/{name}")


def test_routes_and_operations_agree() -> None:
    served = {
        f"{method} {re.sub(r'<[^>]+>', '{}', rule.rule)}"
        for rule in make_app(cast(Services, None)).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}  # comes with every GET
    }
    described = {
        re.sub(r"\{\w+\}", "{}", str(operation)) for document in DOCUMENTS.values() for operation in document.operations
    }
    assert sorted(served - described) == [], "served, but not in a document"
    assert sorted(described - served) == [], "in a document, but not served"


# Held against real answers


@pytest.mark.parametrize("flow", FLOWS, ids=name_of)
def test_answers_fit(venue: WitnessVenue, flow: Flow) -> None:
    faults = venue.faults[name_of(flow)]
    assert not faults, "\n".join(faults)


def test_every_operation_was_used(venue: WitnessVenue) -> None:
    assert [str(found) for found in venue.operations() if "200" not in venue.seen.get(str(found), set())] == []


def test_every_refusal_was_met(venue: WitnessVenue, document: Document) -> None:
    """So none is in the document that never comes, but for what takes too much here to bring about."""
    unmet = [
        f"{operation} {outcome}"
        for operation in document.operations
        for outcome in sorted(document.outcomes(operation) - venue.seen[str(operation)] - RARE)
    ]
    assert not unmet, "\n".join(unmet)


def test_documents_are_served(venue: WitnessVenue) -> None:
    for api, path in (("spot", "/api/v1/openapi.json"), ("futures", "/fapi/v1/openapi.json")):
        assert venue.send("GET", path).ok() == DOCUMENTS[api].whole
