"""The page of a model that predicts numbers shows how far off they are, and says it in words."""

import re

import numpy as np
import pytest

from flowml.automl.scoring.residuals import residuals
from flowml.domain.jobs import ProblemType
from flowml.domain.models import ModelDetails
from flowml.web.pages.residuals import residual_charts
from tests.services.records import add_job, add_model
from tests.web.serving import Served

ACTUAL = np.arange(12.0)


def test_how_far_off_a_model_is_stands_on_its_page_and_in_the_api(server: Served) -> None:
    job = add_job(server.store)
    found = residuals(ACTUAL, ACTUAL - 1, np.where(ACTUAL > 0, 1.0, 0.0))
    regression = {"metric": "r2", "classes": None, "problem_type": ProblemType.REGRESSION, "metrics": {"r2": 0.9}}
    add_model(server.store, job, "told", 0.9, **regression, details=ModelDetails(residuals=found).record())
    add_model(server.store, job, "older", 0.8, **regression)
    page = server.client.get("/models/told").text
    assert set(re.findall(r'data-chart="(\w+)"', page)) >= {"fit", "residuals"}
    assert "All 11 rows" in page and "the worst by 1." in page
    assert "On average predictions are 1 too low" in page and "Rows count by their weights." in page
    answer = server.client.get("/api/results/model/told/curves").json()
    assert answer["n_rows"] == 11 and answer["weighted"]
    assert answer["predicted_vs_actual"] == {"actual": list(ACTUAL[1:]), "predicted": list(ACTUAL[1:] - 1)}
    assert len(answer["residuals"]["edges"]) == len(answer["residuals"]["shares"]) + 1

    older = server.client.get("/models/older")
    assert older.status_code == 200 and 'data-chart="fit"' not in older.text
    assert server.client.get("/api/results/model/older/curves").status_code == 409


@pytest.mark.parametrize(
    ("off", "said"),
    [
        ([4.0], ("The one row,", "It is off by 4.", "about as often too high as too low")),
        ([-1.0, -1.0, -1.1], ("All 3 rows", "1.033 too high")),
        ([5.0, -5.0, 4.0, -4.0], ("nine in ten by at most 5", "about as often too high as too low")),
    ],
)
def test_what_the_charts_say(off: list[float], said: tuple[str, ...]) -> None:
    errors = np.array(off)
    charts = residual_charts("price", residuals(errors + 10, np.full(len(off), 10.0)))
    words = " ".join(chart.caption for chart in charts)
    assert [sentence for sentence in said if sentence not in words] == [], words
    assert [len(chart.rows) > 0 for chart in charts] == [True, True]


def test_rows_beyond_the_chart_are_told() -> None:
    off = np.concatenate([np.linspace(-1, 1, 990), np.full(10, 500.0)])
    fit, bars = residual_charts("price", residuals(off, np.zeros(1000)))
    assert "200 of 1,000 rows, drawn at random" in fit.caption and "the worst by 500" in fit.caption
    assert "1.0 % are further off than is shown." in bars.caption


def test_a_difference_of_shares_is_in_percentage_points(server: Served) -> None:
    job = add_job(server.store)
    about = {
        "twin_of": "best",
        "loss_of_quality": 0.0197,
        "made": "distilled",
        "permutation_importance": {"method": "permutation", "items": [{"feature": "x", "importance": 0.03, "std": 0}]},
    }
    add_model(server.store, job, "best", 0.9, details={"fast_model_id": "twin"})
    add_model(server.store, job, "twin", 0.88, details=about)
    server.store.jobs.update(job.id, best_model_id="best", best_score=0.9, metric="accuracy")
    for path in ("/models/twin", f"/jobs/{job.id}/results"):
        page = server.client.get(path).text
        assert "1.97 percentage points worse in Accuracy" in page and "1.97 %" not in page
    page = server.client.get("/models/twin").text
    assert "Loss of Accuracy (percentage points)" in page and "<td>3</td>" in page
