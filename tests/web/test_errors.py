"""One shape for every error, and words that help."""

from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from flowml.domain import errors
from flowml.web.errors import KINDS, problem_of
from tests.web.serving import Served

START = {"dataset_id": "none", "target": "y"}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"].endswith((".", "?"))
    assert set(document) <= {"type", "title", "status", "detail", "hint", "errors"}
    return document


def test_every_error_that_a_person_may_meet_has_its_status() -> None:
    inside = {
        errors.TrialFailed,
        errors.Pruned,
        errors.DeadlineReached,
        errors.DamagedDatabase,
        errors.StartupError,
        errors.FlowMLError,
    }
    every = {
        error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, errors.FlowMLError)
    }

    assert every - inside == set(KINDS)
    for error, kind in KINDS.items():
        found = problem_of(error("It is so.", hint="Do this."))
        assert (found.kind, found.detail, found.hint) == (kind, "It is so.", "Do this.")


def test_an_unexpected_error_shows_nothing_of_the_inside() -> None:
    found = problem_of(RuntimeError("secret /home/path"))

    assert found.kind.status == 500
    assert "secret" not in str(found.document())


def test_an_unknown_address_is_a_problem_for_programs_and_a_page_for_people(server: Served) -> None:
    problem(server.client.get("/api/nothing"), 404)
    problem(server.client.get("/api/nothing", headers={"Accept": "text/html"}), 404)
    problem(server.client.get("/nothing"), 404)
    page = server.client.get("/nothing", headers={"Accept": "text/html"})

    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is nothing at this address." in page.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/datasets", "GET, HEAD"),
        ("GET", "/api/datasets/upload", "POST"),
        ("POST", "/api/training/x", "DELETE, GET, HEAD, PATCH"),
        ("OPTIONS", "/api/results/predict", "POST"),
        ("DELETE", "/healthz", "GET, HEAD"),
    ],
)
def test_a_wrong_method_says_which_are_right(server: Served, method: str, path: str, allowed: str) -> None:
    answer = server.client.request(method, path)

    problem(answer, 405)
    assert sorted(answer.headers["allow"].split(", ")) == allowed.split(", ")


@pytest.mark.parametrize("body", [b"", b"   ", b"{", b'{"a": }', b"\xff\xfe", b"[" * 100_000])
def test_what_is_not_json_is_malformed(server: Served, body: bytes) -> None:
    answer = server.client.post("/api/training/start", content=body, headers={"Content-Type": "application/json"})

    problem(answer, 400)


def test_a_form_where_json_is_wanted_says_which_header_to_send(server: Served) -> None:
    answer = server.client.post("/api/training/start", data={"target": "y"})

    assert "Content-Type: application/json" in problem(answer, 415)["hint"]


def test_too_much_json_is_refused_before_it_is_read(server: Served) -> None:
    connection = HTTPConnection(server.address, timeout=10)
    connection.putrequest("POST", "/api/training/start")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders(b"{")

    assert connection.getresponse().status == 413
    connection.close()


def test_too_much_json_is_refused_while_it_is_read(server: Served) -> None:
    def endless():
        yield b'{"target": "'
        for _ in range(40):
            yield b"x" * 1_000_000

    answer = server.client.post("/api/training/start", content=endless(), headers={"Content-Type": "application/json"})

    problem(answer, 413)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"time_budget_seconds": 0}, "time_budget_seconds", "a number of at least 1, not 0"),
        ({"time_budget_seconds": "long"}, "time_budget_seconds", "a number of at least 1, not “long”"),
        ({"cv_folds": 2.5}, "cv_folds", "a whole number from 2 to 20, not 2.5"),
        ({"time_budget_seconds": True}, "time_budget_seconds", "a number of at least 1, not true"),
        ({"cv_folds": True}, "cv_folds", "a whole number from 2 to 20, not true"),
        ({"seed": "3"}, "seed", "a whole number from 0 to 2147483647, not “3”"),
        ({"metric": "rsquared"}, "metric", "one of auto, accuracy"),
        ({"problem_type": "ranking"}, "problem_type", "one of auto, classification or regression"),
        ({"target": None}, "target", "must be text"),
        ({"exclude_columns": "id"}, "exclude_columns", "must be a list"),
        ({"time_budget": 5}, "time_budget", "Did you mean “time_budget_seconds”?"),
        ({"max_trials": 0}, "max_trials", "from 1 to 100000, not 0"),
        ({"algorithms": []}, "algorithms", "“algorithms” is empty: name at least one."),
        ({"algorithms": ["knn"] * 101}, "algorithms", "“algorithms” takes at most 100 entries."),
        ({"name": "x" * 201}, "name", "“name” takes at most 200 characters."),
    ],
)
def test_an_invalid_field_is_named_in_words(server: Served, change: dict[str, Any], field: str, words: str) -> None:
    found = problem(server.client.post("/api/training/start", json=START | change), 422)

    assert [item["field"] for item in found["errors"]] == [field]
    assert words in found["errors"][0]["message"]


def test_several_invalid_fields_are_all_named(server: Served) -> None:
    found = problem(server.client.post("/api/training/start", json={"metric": "x", "seed": -1}), 422)

    assert {item["field"] for item in found["errors"]} == {"dataset_id", "target", "metric", "seed"}
    assert found["detail"].endswith(" There are 3 more problems like this.")
    two = problem(server.client.post("/api/training/start", json={}), 422)
    assert two["detail"] == "“dataset_id” is missing. There is 1 more problem like this."


def test_a_body_that_is_no_object_is_named(server: Served) -> None:
    found = problem(server.client.post("/api/training/start", json=[1]), 422)

    assert "object" in found["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "offset=-1", "limit=99999"])
def test_an_invalid_query_is_named(server: Served, query: str) -> None:
    found = problem(server.client.get(f"/api/training?{query}"), 422)

    assert found["errors"][0]["field"] == query.split("=")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/api/datasets/none",
        "/api/datasets/none/stats",
        "/api/training/none",
        "/api/training/none/trials",
        "/api/results/job/none",
        "/api/results/job/none/leaderboard",
        "/api/results/model/none",
        "/api/results/model/none/download",
        "/api/results/model/none/confusion-matrix",
        "/api/results/model/none/curves",
        "/api/results/model/none/feature-importance",
        "/api/training/..%2f..%2fetc%2fpasswd",
    ],
)
def test_an_unknown_id_is_not_found(server: Served, path: str) -> None:
    problem(server.client.get(path), 404)
