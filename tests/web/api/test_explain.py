"""Explanations over HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from flowml.domain.errors import InvalidInput
from flowml.services import explaining
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table
from tests.web.serving import Served, serve


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store, target="spent", exclude_columns=("bought",), cv_folds=3)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        served.store.jobs.update(job.id, best_model_id="classes")
        yield served


def ask(server: Served, model: str, what: str, status: Any = 200, **body: Any) -> Any:
    answer = server.client.post(f"/api/results/model/{model}/{what}", json={"features": ROW, **body})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_contributions_add_up_to_the_answer(models: Served) -> None:
    found = ask(models, "numbers", "explain")
    total = found["base_value"] + sum(one["contribution"] for one in found["contributions"])

    assert total == pytest.approx(found["margin"], abs=1e-6) == pytest.approx(found["prediction"], abs=1e-6)
    assert found["contributions"][0] == {"feature": "age", "value": 60, "contribution": pytest.approx(60, abs=10)}
    assert (found["output"], found["class"], found["exact"]) == ("value", None, True)
    assert found["methods"] == [{"algorithm": "ridge", "weight": 1.0, "method": "linear"}]


def test_a_class_is_explained_and_may_be_named(models: Served) -> None:
    found = ask(models, "classes", "explain")
    other = ask(models, "classes", "explain", 200, **{"class": "no"})

    assert (found["prediction"], found["class"], found["output"]) == ("yes", "yes", "log-odds")
    assert other["class"] == "no" and other["margin"] == pytest.approx(-found["margin"])
    by_run = ask(models, models.client.get("/api/training").json()["items"][0]["id"], "explain")
    assert by_run == found


@pytest.mark.parametrize("body", [{"class": "maybe"}, {"features": {"age": "old"}}, {"features": 3}, {"shoe": 1}])
def test_what_cannot_be_explained_is_refused(models: Served, body: dict[str, Any]) -> None:
    ask(models, "classes", "explain", 422, **body)
    ask(models, "nowhere", "explain", 404)


def test_the_smallest_change(models: Served) -> None:
    found = ask(models, "classes", "counterfactual", changeable=["age"], limits={"age": {"min": 20}})

    assert found["found"] and found["prediction"] == "no" and found["reason"] is None
    (change,) = found["changes"]
    assert (change["feature"], change["from"]) == ("age", 60) and 20 <= change["to"] < 45
    again = models.client.post(
        "/api/results/predict", json={"model_id": "classes", "features": {**ROW, "age": change["to"]}}
    )
    assert again.json()["prediction"] == "no"


def test_a_number_is_brought_where_it_is_wanted(models: Served) -> None:
    found = ask(models, "numbers", "counterfactual", target={"below": 150})
    assert found["found"] and found["prediction"] <= 150
    found = ask(models, "numbers", "counterfactual", target={"above": 5_000})
    assert not found["found"] and found["changes"] == [] and "No change" in found["reason"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"target": "yes"},
        {"target": {"above": 1, "below": 2}},
        {"target": {"below": 1}, "changeable": ["shoe"]},
        {"target": {"below": 1}, "limits": {"age": {"direction": "sideways"}}},
        {"target": {"below": 1}, "limits": {"age": {"most": 1}}},
    ],
)
def test_a_change_that_cannot_be_asked_for_is_refused(models: Served, body: dict[str, Any]) -> None:
    ask(models, "numbers", "counterfactual", 422, **body)


@pytest.mark.parametrize(
    "limits",
    [
        {"joined": {"min": "garbage"}},
        {"age": {"min": "NaN"}},
        {"age": {"allowed": [30, "old"]}},
        {"city": {"min": 3}},
        {"member": {"direction": "up"}},
    ],
)
def test_a_limit_that_cannot_hold_is_refused_with_its_column(models: Served, limits: dict[str, Any]) -> None:
    found = ask(models, "classes", "counterfactual", 422, limits=limits)
    assert f"“{next(iter(limits))}”" in found["detail"]
    ask(models, "numbers", "counterfactual", 422, target={"above": "NaN"})


def test_a_search_and_an_explanation_keep_no_prediction_waiting(
    models: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(models, "classes", "explain")
    go_on = Event()

    def waits(*_: Any, **__: Any) -> Any:
        go_on.wait(60)
        raise InvalidInput("enough")

    monkeypatch.setattr(explaining, "smallest_change", waits)
    monkeypatch.setattr(explaining, "explain", waits)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, models, "classes", what) for what in ["counterfactual", "explain"] * 4]
        try:
            found = models.client.post(
                "/api/results/predict", json={"model_id": "classes", "rows": [ROW] * 30}, timeout=30
            )
            assert found.status_code == 200 and len(found.json()["predictions"]) == 30
        finally:
            go_on.set()
        assert all(isinstance(one.exception(), AssertionError) for one in asked)


def test_a_run_means_its_best_model_wherever_a_model_is_named(models: Served) -> None:
    run = models.client.get("/api/training").json()["items"][0]["id"]
    for what in ("partial-dependence?feature=age", "feature-importance?method=shap"):
        by_run, by_model = (models.client.get(f"/api/results/model/{which}/{what}") for which in (run, "classes"))
        assert by_run.status_code == 200, by_run.text
        assert by_run.json() == by_model.json()


@pytest.mark.parametrize("query", ["feature=shoe", "feature=age&class=maybe"])
def test_a_curve_of_nothing_is_refused_before_a_table_is_read(
    models: Served, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(explaining, "in_a_child", lambda *_, **__: pytest.fail("the table was read"))
    assert models.client.get(f"/api/results/model/classes/partial-dependence?{query}").status_code == 422


def test_partial_dependence(models: Served) -> None:
    found = models.client.get("/api/results/model/classes/partial-dependence?feature=age")

    assert found.status_code == 200, found.text
    body = found.json()
    assert (body["feature"], body["kind"], body["class"]) == ("age", "number", "yes")
    assert body["mean"][0] < 0.2 and body["mean"][-1] > 0.8
    assert len(body["grid"]) == len(body["mean"]) == len(body["low"]) == len(body["high"]) == len(body["ice"][0])
    for query in ("", "?feature=shoe", "?feature=age&class=maybe"):
        assert models.client.get(f"/api/results/model/classes/partial-dependence{query}").status_code == 422, query
