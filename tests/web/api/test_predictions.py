"""Predictions over HTTP."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from flowml.web.api import results
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table
from tests.web.serving import Served, serve

FIELDS = {
    *("prediction", "confidence", "probability", "probabilities", "interval", "set", "threshold"),
    *("model_name", "warnings"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        served.store.jobs.update(job.id, best_model_id="classes")
        yield served


def predict(server: Served, status: int = 200, **body: Any) -> Any:
    answer = server.client.post("/api/results/predict", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_one_row_cold_and_warm(models: Served) -> None:
    cold = predict(models, model_id="classes", features=ROW)
    warm = predict(models, model_id="classes", features=ROW)

    assert set(warm) == FIELDS | {"latency_ms"}
    assert warm.pop("latency_ms") > 0 and cold.pop("latency_ms") > 0
    assert warm == cold
    assert (warm["prediction"], warm["interval"], warm["warnings"]) == ("yes", None, [])
    assert warm["probability"] == warm["confidence"] == warm["probabilities"]["yes"]


BODIES = [
    f'{{"model_id": "classes", "features": {json.dumps(ROW)}}}',
    '{"features": {"age": 1e0, "city": "Ulm", "member": 1, "joined": null}, "model_id": "classes"}',
    '{"model_id": "none", "model_id": "classes", "features": {"age": 1, "age": 60}}',
    '{"model_id": "classes", "features": {"age": 60}, "features": [1]}',
    f'{{"model_id": "classes", "features": {{"age": {"9" * 400}}}}}',
    f'{{"model_id": "classes", "features": {{"age": {"9" * 5_000}}}}}',
    '{"model_id": "classes", "features": {"age": 1e400, "city": -0.0}}',
    '{"model_id": "classes", "features": {"age": NaN}}',
    '{"model_id": "classes", "features": {"age": 60, "city": "\\ud800"}}',
    '{"model_id": "classes", "features": {"age": 60, "city": "\\u00e4\\ud83d\\ude00"}}',
    f'{{"model_id": "classes", "features": {{"": {"[" * 150 + "]" * 150}}}}}',
    f'{{"model_id": "classes", "features": {{"age": {"[" * 5_000 + "]" * 5_000}}}}}',
    '{"model_id": "classes", "features": {"age": {"a": 1}}}',
    '{"model_id": "classes", "features": {"age": true, "member": "yes"}}',
    '{"model_id": ["classes"], "features": {}}',
    '{"model_id": null, "features": {}}',
    '{"model_id": "classes", "features": {}, "more": 1}',
    '{"model_id": "classes", "features": {}, "coverage": "x"}',
    '{"model_id": "classes", "rows": [{}], "features": {}}',
    '{"model_id": "classes", "features": {}} {}',
    "\ufeff" + '{"model_id": "classes", "features": {}}',
    '{"model_id": "classes", "features": {',
    '{"model_id": "classes", "features": {"a": 01}}',
    "[]",
    "7",
    "",
]


@pytest.mark.parametrize("body", BODIES)
def test_what_is_answered_at_once_is_answered_as_all_else(models: Served, body: str) -> None:
    predict(models, model_id="classes", features=ROW)
    found = {}
    for kind in ("application/json", "application/json; charset=utf-8"):
        # With parameters behind its type a body goes the usual way.
        answer = models.client.post("/api/results/predict", content=body.encode(), headers={"Content-Type": kind})
        found[kind] = answer.status_code, {**answer.json(), "latency_ms": 0}, sorted(set(answer.headers) - {"date"})
        for name in set(answer.headers) - {"date", "content-length"}:
            found[kind] += (name, answer.headers[name])
    at_once, usual = found.values()
    assert at_once[:2] == usual[:2] and at_once[2] == usual[2] and set(at_once[3:]) == set(usual[3:])


def test_one_warm_row_takes_no_task(models: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    # Colons in texts are none behind names.
    row = ROW | {"city": "a:b", "note": "12:30"}
    asked = predict(models, model_id="classes", features=row)

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("the usual way")

    monkeypatch.setattr("starlette.routing.Route.handle", refuse)
    answer = predict(models, model_id="classes", features=row)
    assert answer | {"latency_ms": 0} == asked | {"latency_ms": 0}


@pytest.mark.parametrize("times", [1, 3_000])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/results/predict", '{"model_id": "classes", "features": {"age": 1, "city": "Ulm", "age" : 2}}'),
        ("/api/results/predict", '{"model_id": "none", "features": {"age": 1}, "model_id": "classes"}'),
        ("/api/results/predict", '{"model_id": "classes", "rows": [ROWS{"age": 1, "age": "1:2"}]}'),
        ("/invocations?model_id=classes", '{"dataframe_records": [ROWS{"age": 1, "age": 2}]}'),
        ("/invocations?model_id=classes", '{"inputs": {"age": [1], "city": ["Ulm"], "age": [2]}}'),
        ("/v2/models/classes/infer", '{"inputs": [{"name": "age", "shape": [1], "shape": [2], "data": [1, 2]}]}'),
    ],
)
def test_a_name_that_stands_twice_is_refused_everywhere(models: Served, path: str, body: str, times: int) -> None:
    predict(models, model_id="classes", features=ROW)
    body = body.replace("ROWS", '{"age": 1}, ' * times)
    answer = models.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == (422 if path.startswith("/api") else 400)
    assert "twice" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/api/results/predict", "/invocations?model_id=classes", "/v2/models/classes/infer"])
def test_a_compressed_request_is_refused_with_what_to_do(models: Served, path: str) -> None:
    predict(models, model_id="classes", features=ROW)
    whole = json.dumps({"model_id": "classes", "features": ROW}).encode()
    for content in (gzip.compress(whole), whole):
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = models.client.post(path, content=content, headers=headers)
        assert answer.status_code == 415
        assert "gzip" in answer.json()["detail"] and "without Content-Encoding" in answer.json()["hint"]
    answer = models.client.post(
        "/api/results/predict", content=whole, headers=headers | {"Content-Encoding": "identity"}
    )
    assert answer.status_code == 200


def test_rows_that_arrive_together_get_each_its_own_answer(models: Served) -> None:
    job_id = models.store.models.get("classes").job_id
    asked = [
        {"model_id": name, "features": {**ROW, "age": age}}
        for name, age in [("classes", 20), ("numbers", 20), ("classes", 60), (job_id, 20)] * 2
    ]
    alone = [predict(models, **body) for body in asked]
    found = [results.ask_at_once(models.context, json.dumps(body).encode()) for body in asked]
    together = results.answer_together([one for one in found if one is not None])
    assert [json.loads(one) | {"latency_ms": 0} for one in together] == [one | {"latency_ms": 0} for one in alone]


def test_what_fails_among_others_is_counted_for_none_of_them(models: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps({"model_id": "classes", "features": ROW}).encode()
    predict(models, model_id="classes", features=ROW)
    asked = [one for one in (results.ask_at_once(models.context, body) for _ in range(3)) if one is not None]
    assert len(asked) == 3
    recorded, rows = [], results._row
    monkeypatch.setattr(results.predicting, "record", lambda *told: recorded.append(told))
    monkeypatch.setattr(results, "_row", lambda found, left=[1, 1]: rows(found) if left and left.pop() else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        results.answer_together(asked)
    assert not recorded


def test_a_number(models: Served) -> None:
    found = predict(models, model_id="numbers", features=ROW)

    assert found["interval"]["low"] < found["prediction"] < found["interval"]["high"]
    assert found["interval"]["coverage"] == 0.9
    assert found["probabilities"] is found["confidence"] is None


def test_the_coverage_is_what_was_asked_for(models: Served) -> None:
    usual = predict(models, model_id="numbers", features=ROW)["interval"]
    wider = predict(models, model_id="numbers", features=ROW, coverage=0.99)["interval"]
    assert wider["coverage"] == 0.99 and wider["high"] - wider["low"] > usual["high"] - usual["low"]
    (row,) = predict(models, model_id="classes", rows=[ROW], coverage=0.99)["predictions"]
    assert row["set"][0] == "yes" and row["threshold"] == predict(models, model_id="classes", features=ROW)["threshold"]
    predict(models, 422, model_id="numbers", features=ROW, coverage=1.0)
    predict(models, 422, model_id="numbers", features=ROW, coverage="most")


def test_many_rows(models: Served) -> None:
    found = predict(models, model_id="classes", rows=[ROW, ROW | {"age": 20}] * 50)

    assert set(found) == {"predictions", "latency_ms"}
    assert [item["prediction"] for item in found["predictions"][:2]] == ["yes", "no"]
    assert len(found["predictions"]) == 100
    assert {frozenset(item) for item in found["predictions"]} == {frozenset(FIELDS)}


def test_a_training_run_stands_for_its_best_model(models: Served) -> None:
    job_id = models.client.get("/api/training").json()["items"][0]["id"]

    assert predict(models, model_id=job_id, features=ROW)["model_name"] == "Model classes"


def test_missing_unseen_and_extra_values_are_allowed_and_named(models: Served) -> None:
    found = predict(models, model_id="classes", features={"age": 60, "city": "Atlantis", "shoe": 44})

    assert found["prediction"] == "yes"
    for word in ("member", "Atlantis", "shoe"):
        assert word in " ".join(found["warnings"])


@pytest.mark.parametrize("value", ["old", [1], {"x": 1}])
def test_a_value_of_the_wrong_type_names_its_column(models: Served, value: object) -> None:
    found = predict(models, 422, model_id="classes", features=ROW | {"age": value})

    assert found["errors"][0]["field"] == "age"
    assert "age" in found["detail"]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("column", ["age", "city", "member", "joined"])
@pytest.mark.parametrize("form", ['"features": {"%s": %s}', '"rows": [{}, {"%s": %s}]'])
def test_a_number_that_is_not_finite_names_its_column(models: Served, form: str, column: str, value: str) -> None:
    body = f'{{"model_id": "numbers", {form % (column, value)}}}'
    answer = models.client.post("/api/results/predict", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == column


@pytest.mark.parametrize(
    "body",
    [
        {"model_id": "classes"},
        {"model_id": "classes", "features": ROW, "rows": [ROW]},
        {"model_id": "classes", "rows": []},
        {"model_id": "classes", "rows": ROW},
        {"model_id": "classes", "features": [1]},
        {"model_id": 7, "features": ROW},
        {"features": ROW},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(models: Served, body: dict[str, Any]) -> None:
    found = predict(models, 422, **body)

    assert found["errors"]


def test_an_unknown_model_is_not_found(models: Served) -> None:
    predict(models, 404, model_id="none", features=ROW)


def test_what_was_predicted_is_counted(models: Served) -> None:
    before = models.client.get("/api/stats").json()["predictions"]["total"]
    predict(models, model_id="classes", rows=[ROW] * 3)
    after = models.client.get("/api/stats").json()["predictions"]

    assert after["total"] == before + 3
    assert 0 < after["p50_ms"] <= after["p95_ms"]


def test_requests_rows_errors_and_latency_are_counted_by_model(models: Served) -> None:
    def of_classes() -> dict[str, Any]:
        by_model = models.client.get("/api/stats").json()["predictions"]["by_model"]
        found = [one for one in by_model if one["model_id"] == "classes"]
        return found[0] if found else {"requests": 0, "rows": 0, "errors": 0}

    predict(models, model_id="classes", features=ROW)
    before = of_classes()
    # By whatever way: a row, rows, a run's id, another protocol; and what is wrong with a row.
    run = models.store.models.get("classes").job_id
    predict(models, model_id="classes", features=ROW)
    predict(models, model_id=run, rows=[ROW] * 30)
    models.client.post("/invocations?model_id=classes", json={"dataframe_records": [ROW] * 2}).raise_for_status()
    predict(models, 422, model_id="classes", features=ROW | {"age": "old"})
    predict(models, 422, model_id="classes", rows=[ROW | {"age": "old"}])
    predict(models, 404, model_id="none", features=ROW)
    after = of_classes()

    assert [after[name] - before[name] for name in ("requests", "rows", "errors")] == [3, 33, 2]
    metrics = models.client.get("/metrics").text
    assert f'flowml_model_requests_total{{model="classes"}} {after["requests"]}' in metrics
    assert f'flowml_model_errors_total{{model="classes"}} {after["errors"]}' in metrics
    assert f'flowml_model_duration_seconds_bucket{{model="classes",le="+Inf"}} {after["requests"]}' in metrics
    assert 'flowml_model_errors_total{model="other"}' in metrics and 'model="none"' not in metrics


def test_importance_is_computed_when_asked_for(models: Served) -> None:
    found = models.client.get("/api/results/model/numbers/feature-importance").json()

    assert found["items"][0]["feature"] == "age"
    assert set(found["items"][0]) == {"feature", "importance", "std"}


def test_importance_by_contributions(models: Served) -> None:
    found = models.client.get("/api/results/model/numbers/feature-importance?method=shap").json()

    assert found["method"] == "shap" and found["items"][0]["feature"] == "age"
    assert found["items"][0]["importance"] > found["items"][1]["importance"] > 0
    details = models.store.models.get("numbers").details
    assert details.shap_importance is not None and details.shap_importance.items[0].feature == "age"
    assert models.client.get("/api/results/model/numbers/feature-importance?method=magic").status_code == 422
