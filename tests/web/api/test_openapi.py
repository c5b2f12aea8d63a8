"""The description of the API is complete, correct, and readable without any other host."""

import re
from typing import Any

import pytest

from flowml.data.recipes.checking import check_operation
from flowml.web.routes import ENDPOINTS
from tests.web.serving import Served


@pytest.fixture(scope="module")
def document(server: Served) -> dict[str, Any]:
    answer = server.client.get("/api/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def test_every_endpoint_is_described(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path.replace(":path", "")][endpoint.method.lower()]
        assert operation["summary"], endpoint
        assert str(endpoint.status) in operation["responses"]
        named = [item["name"] for item in operation["parameters"] if item["in"] == "path"]
        assert named == re.findall(r"{(\w+)", endpoint.path)


def test_every_body_says_what_it_is(document: dict[str, Any]) -> None:
    """Of whatever a caller sends or may send; those without one take none."""
    nothing = {"cancel", "try_it", "join_token", "drain", "resume"}
    for endpoint in ENDPOINTS:
        operation = document["paths"][endpoint.path.replace(":path", "")][endpoint.method.lower()]
        has_body = endpoint.method in ("POST", "PUT", "PATCH") and endpoint.handler.__name__ not in nothing
        assert ("requestBody" in operation) == has_body, endpoint
        if endpoint.path.startswith("/api/llm/") and has_body:
            assert "$ref" in operation["requestBody"]["content"]["application/json"]["schema"], endpoint
    predict = document["paths"]["/api/results/predict"]["post"]
    tables = {"application/json", "text/csv", "application/vnd.apache.arrow.stream", "application/jsonl"}
    assert tables < set(predict["requestBody"]["content"]) and tables < set(predict["responses"]["200"]["content"])
    assert "text/csv" in document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    for name, schema in document["components"]["schemas"].items():
        if name in ("Invocation", "InputTensor"):
            assert all({"type", "anyOf", "$ref"} & set(field) for field in schema["properties"].values()), name


def test_answers_in_lines_say_what_stands_in_each(document: dict[str, Any]) -> None:
    for path in ("/api/llm/chat", "/api/llm/explain-results/lines", "/api/llm/model/try"):
        content = document["paths"][path]["post"]["responses"]["200"]["content"]
        types = content["application/x-ndjson"]["schema"]["discriminator"]["mapping"]
        assert {"text", "wait", "ended"} <= set(types)


def test_it_says_where_a_credential_is_needed(document: dict[str, Any]) -> None:
    assert document["security"] == [{"token": []}, {}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert document["paths"]["/api/workers/lease"]["post"]["security"] == [{"token": []}]
    assert "security" not in document["paths"]["/api/stats"]["get"]


def test_every_reference_leads_somewhere_and_every_name_is_used_once(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]

    assert references == set(document["components"]["schemas"])
    assert len(operations) == len(set(operations))


def test_what_is_validated_is_what_is_described(document: dict[str, Any]) -> None:
    start = document["components"]["schemas"]["StartTraining"]

    assert start["required"] == ["dataset_id", "target"]
    budget = start["properties"]["time_budget_seconds"]
    assert (budget["type"], budget["minimum"], budget["maximum"], budget["default"]) == ("number", 1, 3600, 300)
    assert document["components"]["schemas"]["Job"]["properties"]["created_at"]["format"] == "date-time"


def test_what_may_be_left_out_may_also_be_empty(server: Served, document: dict[str, Any]) -> None:
    (limit, _) = document["paths"]["/api/training"]["get"]["parameters"]
    assert (limit["name"], limit["required"], limit["allowEmptyValue"]) == ("limit", False, True)
    assert server.client.get("/api/training?limit=&offset=").status_code == 200
    transform = document["components"]["schemas"]["Transform"]["properties"]["operations"]["items"]["oneOf"]
    sample = next(kind["properties"] for kind in transform if kind["properties"]["op"]["const"] == "sample")
    assert (sample["share"]["type"], sample["n"]["type"]) == (["number", "null"], ["integer", "null"])
    assert check_operation({"op": "sample", "n": 3, "share": None}) == check_operation({"op": "sample", "n": 3})


def test_the_page_shows_it_all_with_nothing_from_outside(server: Served) -> None:
    page = server.client.get("/api/docs").text

    for endpoint in ENDPOINTS:
        assert endpoint.path.replace(":path", "") in page
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", page)


def test_every_link_to_a_kind_of_error_leads_to_its_explanation(server: Served) -> None:
    page = server.client.get("/api/docs").text
    kind = server.client.get("/api/results/model/none").json()["type"]

    assert kind == "/api/docs#not-found"
    for anchor in set(re.findall(r'href="#([\w-]+)"', page)) | {"not-found"}:
        assert f'id="{anchor}"' in page, anchor
