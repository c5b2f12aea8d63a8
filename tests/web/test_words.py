"""There are words for everything that the domain has a name for, and for nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from flowml.domain.datasets import Role
from flowml.domain.jobs import JobStatus, ProblemType, ProblemTypeChoice
from flowml.domain.metrics import CLASSIFICATION_GOALS, CLASSIFICATION_METRICS, GOALS, OF_A_CLASS, REGRESSION_METRICS
from flowml.store.store import Store
from flowml.web.pages.results import champion_sentence
from flowml.web.words import METRICS, ROLE_WORDS, metric_words, status_word
from tests.services.records import add_dataset, add_job, add_model


def test_every_metric_and_every_role_has_its_words() -> None:
    assert tuple(METRICS) == CLASSIFICATION_METRICS + REGRESSION_METRICS
    assert tuple(ROLE_WORDS) == tuple(Role)
    assert metric_words("pinball_loss").title == "pinball loss", "of a metric that a later version has"


def test_every_status_has_its_word() -> None:
    assert [status_word(status) for status in JobStatus] == ["queued", "running", "completed", "failed", "stopped"]


def test_precision_and_recall_are_shown_and_nothing_to_train_for() -> None:
    assert GOALS == CLASSIFICATION_GOALS + REGRESSION_METRICS
    assert set(CLASSIFICATION_METRICS) - set(GOALS) == OF_A_CLASS - {"f1"} == {"precision", "recall"}
    assert get_args(ProblemTypeChoice) == ("auto", *ProblemType)


@pytest.mark.parametrize(
    ("metric", "low", "high", "guess", "doubted"),
    [
        ("accuracy", 0.51, 0.70, 0.63, True),
        ("accuracy", 0.64, 0.70, 0.63, False),
        ("rmse", 10.0, 20.0, 19.0, True),
        ("rmse", 10.0, 18.0, 19.0, False),
        ("rmse", None, None, 19.0, False),
        ("r2", -0.1, 0.2, None, False),
    ],
)
def test_a_model_that_may_be_no_better_than_a_guess_is_said_to_be_that(
    tmp_path: Path, metric: str, low: float | None, high: float | None, guess: float | None, doubted: bool
) -> None:
    store = Store(tmp_path)
    add_dataset(store)
    job = add_job(store, metric=metric)
    model = add_model(store, job, "m", 0.6, metric=metric)
    estimate = {"score": 0.6, "low": low, "high": high, "method": "x"}
    job = replace(job, metric=metric, best_score=0.6, best_model_id="m", estimate=estimate, baseline_score=guess)
    assert ("it is not sure that the other columns say anything about y" in champion_sentence(model, job)) == doubted
    store.close()
