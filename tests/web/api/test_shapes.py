"""Shapes of the API: names, times, nulls, lists, downloads."""

from typing import Any

import pytest

from flowml.domain.trials import Needs, TrialSpec
from tests.services.records import add_dataset, add_job, add_model
from tests.web.serving import Served

DATASET = {
    "id", "name", "filename", "format", "n_rows", "n_columns", "size_bytes", "sha256", "parent_id", "created_at",
    "columns", "warnings",
}  # fmt: skip
JOB = {
    "id", "name", "dataset_id", "target", "status", "stage", "progress", "message", "problem_type", "metric",
    "time_budget_seconds", "elapsed_seconds", "trials_finished", "best_score", "best_model_id", "queue", "created_at",
    "started_at", "finished_at", "error", "fast_model_id", "estimate", "best_score_low", "best_score_high",
    "baseline_score", "positive_class",
}  # fmt: skip
TRIAL = {
    "id", "job_id", "algorithm", "params", "status", "score", "fold_scores", "fit_seconds", "worker_id",
    "worker_name", "attempt", "started_at", "finished_at", "started_seconds", "elapsed_seconds", "error",
}  # fmt: skip
MODEL = {
    "id", "job_id", "name", "algorithm", "problem_type", "target", "metrics", "cv_scores", "params", "feature_names",
    "classes", "positive_class", "fit_seconds", "size_bytes", "created_at",
}  # fmt: skip
ROW = {
    "rank", "model_id", "algorithm", "score", "score_std", "metrics", "fit_seconds", "predict_ms", "size_bytes",
    "pareto",
}  # fmt: skip


@pytest.fixture(scope="module")
def stored(server: Served) -> Served:
    """A dataset, a job with a trial, and two models."""
    store = server.store
    add_dataset(store)
    job = add_job(store)
    store.trials.add(job.id, TrialSpec(0, "knn", {"weights": "distance", "p": float("inf")}), Needs(), 0.0, 1.0)
    schema = [{"name": "x", "role": "numeric", "dtype": "Float64", "example": 1.5, "min": 0, "max": 9}]
    add_model(store, job, "best", 0.9, details={"schema": schema, "score_std": 0.02})
    add_model(store, job, "other", 0.8, metrics={"accuracy": float("nan")}, target="Ärger ü/..")
    return server


def get(server: Served, path: str) -> Any:
    answer = server.client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def job_id(server: Served) -> str:
    return str(get(server, "/api/training")["items"][0]["id"])


def test_a_dataset(stored: Served) -> None:
    listed = get(stored, "/api/datasets")

    assert listed["total"] == 1
    assert listed["items"] == [get(stored, "/api/datasets/d1")]
    assert set(listed["items"][0]) == DATASET | {"recipe", "code"}
    assert listed["items"][0]["created_at"] == "2023-11-14T22:13:20Z"
    assert listed["items"][0]["columns"][0] == {"name": "x", "dtype": "Float64", "role": "numeric"}


def test_a_job(stored: Served) -> None:
    listed = get(stored, "/api/training?limit=1")

    assert set(listed["items"][0]) == JOB
    assert listed["items"][0]["dataset_id"] == "d1"
    assert listed["items"][0]["status"] == "queued"
    assert listed["items"][0]["started_at"] is None
    assert get(stored, "/api/training?offset=1") == {"items": [], "total": 1}


def test_a_trial(stored: Served) -> None:
    listed = get(stored, f"/api/training/{job_id(stored)}/trials")

    assert set(listed["items"][0]) == TRIAL
    assert listed["items"][0]["params"] == {"weights": "distance", "p": None}


def test_models_best_first(stored: Served) -> None:
    listed = get(stored, f"/api/results/job/{job_id(stored)}")

    assert [set(item) for item in listed["items"]] == [MODEL, MODEL]
    assert [item["id"] for item in listed["items"]] == ["best", "other"]
    assert listed["items"][1]["metrics"] == {"accuracy": None}


@pytest.mark.parametrize(
    "path",
    ["/api/datasets", "/api/training", "/api/training/JOB/trials", "/api/training/algorithms", "/api/results/job/JOB"],
)
def test_every_list_comes_in_parts(stored: Served, path: str) -> None:
    path = path.replace("JOB", job_id(stored))
    every = get(stored, path)

    assert len(every["items"]) == every["total"] > 0
    assert get(stored, f"{path}?limit=1") == {"items": every["items"][:1], "total": every["total"]}
    assert get(stored, f"{path}?offset=1") == {"items": every["items"][1:], "total": every["total"]}


def test_algorithms_for_any_kind_of_problem(stored: Served) -> None:
    every = get(stored, "/api/training/algorithms")["total"]

    assert get(stored, "/api/training/algorithms?problem_type=auto")["total"] == every
    assert 0 < get(stored, "/api/training/algorithms?problem_type=regression")["total"] < every


def test_a_model_with_its_inputs(stored: Served) -> None:
    model = get(stored, "/api/results/model/best")

    assert set(model) > MODEL
    assert model["features"] == [
        {"name": "x", "role": "numeric", "dtype": "Float64", "example": 1.5, "min": 0, "max": 9, "categories": None}
    ]


def test_a_leaderboard(stored: Served) -> None:
    board = get(stored, f"/api/results/job/{job_id(stored)}/leaderboard")

    assert set(board) == {"metric", "greater_is_better", "positive_class", "items"}
    assert [set(item) for item in board["items"]] == [ROW, ROW]
    assert [item["rank"] for item in board["items"]] == [1, 2]


def test_a_leaderboard_before_the_metric_is_known(stored: Served) -> None:
    job = add_job(stored.store)
    board = get(stored, f"/api/results/job/{job.id}/leaderboard")

    assert board == {"metric": None, "greater_is_better": True, "positive_class": None, "items": []}
    stored.store.jobs.delete(job.id)


def test_a_model_file_is_downloaded_under_a_name_that_people_find_again(stored: Served) -> None:
    answer = stored.client.get("/api/results/model/other/download?format=flowml")

    assert answer.content == b"a model"
    disposition = answer.headers["content-disposition"]
    assert disposition == (
        "attachment; filename=\"model.flowml\"; filename*=UTF-8''%C3%A4rger-%C3%BC-logistic-regression.flowml"
    )


@pytest.mark.parametrize("path", ["/api/datasets/{}", "/api/training/{}"])
def test_a_name_is_changed_by_patch(stored: Served, path: str) -> None:
    one, other = (
        (add_dataset(stored.store, name).id for name in ("p1", "p2"))
        if "datasets" in path
        else (add_job(stored.store).id for _ in range(2))
    )
    address = path.format(one)
    first = stored.client.patch(address, json={"name": " May  and June "})
    assert (first.status_code, first.json()["id"], first.json()["name"]) == (200, one, "May  and June")
    assert get(stored, address) == first.json()
    taken = stored.client.patch(path.format(other), json={"name": "May  and June"})
    assert taken.status_code == 409 and "is free" in taken.json()["hint"]
    for body in ({}, {"name": ""}, {"name": "\u200b"}, {"name": "x" * 201}, {"name": "x", "target": "y"}, {"name": 1}):
        assert stored.client.patch(address, json=body).status_code == 422, body
    assert stored.client.patch(path.format("nowhere"), json={"name": "x"}).status_code == 404
    for identifier in (one, other):
        assert stored.client.delete(path.format(identifier)).status_code == 204


def test_a_job_is_cancelled_once(stored: Served) -> None:
    job = add_job(stored.store)
    path = f"/api/training/{job.id}/cancel"

    first = stored.client.post(path)
    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert stored.client.post(path).status_code == 409
    assert stored.client.delete(f"/api/training/{job.id}").status_code == 204
    assert stored.client.get(f"/api/training/{job.id}").status_code == 404
