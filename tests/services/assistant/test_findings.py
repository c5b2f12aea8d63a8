"""What is gathered of a run and of a model: from what is kept at once, and the rest where somebody waits for it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowml.assistant.sentences.results.explain import explain
from flowml.domain.errors import NotFound
from flowml.domain.jobs import JobStatus
from flowml.domain.trials import Trial, TrialStatus
from flowml.services import datasets, explaining
from flowml.services.assistant.directions import direction_of, directions, kept_directions
from flowml.services.assistant.findings import findings_of_job, findings_of_model, learning_of
from flowml.services.context import Context
from flowml.services.dispatch.telling import tell_log
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.insight.judged import judged
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path)
    yield Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    store.close()


def test_what_is_kept_is_there_at_once_and_the_rest_when_somebody_waits(context: Context) -> None:
    job, models = judged(context.store)
    at_once = findings_of_job(context, job.id, waits=False)
    assert at_once.parts is None and at_once.calibration is None and not at_once.missing
    waited = findings_of_job(context, job.id, waits=True)
    assert waited.parts and waited.calibration is not None
    assert waited.parts[0].where.startswith("“")
    assert set(waited.missing) <= {"uses"}
    # It is kept by then.
    assert findings_of_job(context, job.id, waits=False).parts == waited.parts
    other = findings_of_model(context, models[1].id, waits=False)
    assert not other.is_best and not other.is_expected and other.low is None
    assert "in testing" in explain(other).text or other.matrix is None
    with pytest.raises(NotFound):
        findings_of_job(context, "none", waits=True)


def test_of_numbers_guessing_is_worked_out_from_the_same_rows(context: Context) -> None:
    job, _ = judged(context.store, "spent")
    found = findings_of_job(context, job.id, waits=True).distances
    assert found is not None
    assert found.guess_within > found.half_within and found.guess_mean > found.mean_off
    assert [one.low is None for one in found.ranges] == [True, False, False] and not found.is_drawn
    assert sum(one.n_rows for one in found.ranges) == pytest.approx(found.n_rows, abs=2)


def test_what_the_run_has_warned_of_is_told_with_the_columns_that_know_the_answer(context: Context) -> None:
    job, models = judged(context.store)
    warning = "“age” very likely gives the answer away: it tells “bought” nearly perfectly, as nothing else does."
    for _ in range(2):
        tell_log(context.store, job.id, "warning", warning, 1.7e9)
    tell_log(context.store, job.id, "info", "Nothing to worry about.", 1.7e9)
    context.store.models.set_details(models[0].id, {"schema": [{"name": "age"}, {"name": "city"}]})
    found = findings_of_job(context, job.id, waits=False)
    assert found.warnings == (warning,)
    assert found.leaks == ("age",)
    assert "leave" not in explain(found).sections[-1].sentences[0].text.lower()
    assert explain(found).sections[-1].sentences[0].text.startswith("Train again without “age”")


def test_without_its_data_set_it_says_what_it_could_not_find_out(context: Context) -> None:
    job, _ = judged(context.store)
    context.store.jobs.update(job.id, status="completed")
    datasets.delete_dataset(context, job.dataset_id)
    found = findings_of_job(context, job.id, waits=True)
    assert "its data set was deleted" in found.missing["parts"]
    assert "could not be found out" in explain(found).text


def test_a_run_without_a_model_has_a_text_too(context: Context) -> None:
    judged(context.store)
    job = add_job(context.store, target="bought")
    found = findings_of_job(context, job.id, waits=True)
    assert found.model_id is None
    assert explain(found).text.startswith("How good it is\n\nThere is no model for “bought” yet")
    context.store.jobs.update(job.id, status=str(JobStatus.CANCELLED))
    assert "the run was stopped" in explain(findings_of_job(context, job.id, waits=True)).text


def test_directions_are_read_from_what_is_predicted_along_a_column() -> None:
    rising: dict[str, Any] = {"kind": "number", "grid": [1, 2, 3], "mean": [0.1, 0.3, 0.6], "shares": [0.3, 0.3, 0.4]}
    rising["n_rows"] = 712
    assert direction_of(rising) == {
        "kind": "higher", "low_at": "1", "low": 0.1, "high_at": "3", "high": 0.6, "is_steady": True, "n_rows": 712,
    }  # fmt: skip
    falling = {**rising, "mean": [0.6, 0.3, 0.1]}
    found = direction_of(falling)
    assert found is not None and (found["kind"], found["high_at"], found["low_at"]) == ("lower", "1", "3")
    bent = direction_of({**rising, "mean": [0.1, 0.6, 0.1]})
    assert bent is not None and not bent["is_steady"] and bent["high_at"] == "2"
    later = direction_of({**rising, "kind": "date", "grid": ["2022-01-01", "2023-01-01", "2024-01-01"]})
    assert later is not None and later["kind"] == "later"
    some = {
        "n_rows": 712,
        "kind": "category",
        "grid": ["a", None, "b"],
        "mean": [0.2, 0.9, 0.5],
        "shares": [0.5, 0.1, 0.4],
    }
    found = direction_of(some)
    assert found is not None and (found["low_at"], found["high_at"]) == ("“a”", "“b”")
    assert direction_of({**some, "grid": ["a", None, None]}) is None


def test_a_direction_from_a_few_rows_is_left_out_and_looked_for_again(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, models = judged(context.store)
    found = {"kind": "number", "grid": [1, 2], "mean": [0.1, 0.6], "shares": [0.5, 0.5], "n_rows": 20}
    monkeypatch.setattr(explaining, "partial_dependence", lambda *_: found)
    assert directions(context, models[0], ["age"]) == {"age": None}
    assert kept_directions(context, models[0]) is None
    found["n_rows"] = 200
    assert directions(context, models[0], ["age"])["age"]["n_rows"] == 200
    assert kept_directions(context, models[0]) is not None


def test_a_model_counts_from_when_all_that_it_is_made_of_was_there(context: Context) -> None:
    add_dataset(context.store)
    job = replace(add_job(context.store), best_model_id="e", baseline_score=0.5, metric="accuracy")

    def trial(number: int, algorithm: str, status: TrialStatus, score: float | None, seconds: float | None) -> Trial:
        return Trial(f"t{number}", job.id, number, algorithm, {}, "", status, score, elapsed_seconds=seconds)

    trials = [
        trial(1, "ridge", TrialStatus.FINISHED, 0.8, 2.0),
        trial(2, "extra_trees", TrialStatus.FINISHED, 0.79, 25.9),
        trial(3, "catboost", TrialStatus.CANCELLED, None, None),
    ]
    guess = add_model(context.store, job, "b", 0.5, algorithm="baseline")
    tree = add_model(context.store, job, "f", 0.9, algorithm="first_tree")
    first = replace(add_model(context.store, job, "m1", 0.8, algorithm="ridge"), trial_id="t1")
    second = replace(add_model(context.store, job, "m2", 0.79, algorithm="extra_trees"), trial_id="t2")
    members = [{"algorithm": model.algorithm, "weight": 0.5, "model_id": model.id} for model in (first, second)]
    ensemble = add_model(context.store, job, "e", 0.85, algorithm="ensemble", details={"members": members})
    found = learning_of(job, trials, [ensemble, first, second, guess])
    assert (found.best_seconds, found.last_gain_seconds, found.at_once, found.untried) == (25.9, 25.9, 0, True)
    found = learning_of(replace(job, best_model_id="f"), trials, [tree, first, second, guess])
    assert (found.best_seconds, found.last_gain_seconds, found.at_once) == (0.0, 0.0, 1)
