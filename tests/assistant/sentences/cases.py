"""Findings of runs as there are, for tests of what is said of them."""

from typing import Any

from flowml.assistant.sentences.results.findings import (
    Calibration,
    Direction,
    Distances,
    Findings,
    Learning,
    Matrix,
    Part,
    RangeOfTarget,
    RunnerUp,
    Threshold,
    Twin,
    Use,
)
from flowml.domain.jobs import JobStatus, ProblemType, Validation, ValidationKind

FIVE_TURNS = Validation(ValidationKind.STRATIFIED, None, "Five folds, evenly by class.", 5)
SEARCHED = Learning(3.2, 0.01, 24, 1, 2, had_enough=False)


def findings(**changes: Any) -> Findings:
    """A run with a model that says yes or no about customers, well but not perfectly."""
    known: dict[str, Any] = {
        "job_id": "j1",
        "status": JobStatus.COMPLETED,
        "target": "left",
        "dataset_id": "d1",
        "budget_seconds": 60.0,
        "elapsed_seconds": 58.0,
        "model_id": "m1",
        "model_name": "CatBoost",
        "problem_type": ProblemType.CLASSIFICATION,
        "metric": "accuracy",
        "score": 0.8114,
        "low": 0.779,
        "high": 0.8404,
        "guess": 0.6162,
        "n_rows": 1500,
        "n_columns": 5,
        "validation": FIVE_TURNS,
        "ranks_right": 0.87,
        "positive": "yes",
        "threshold": 0.5,
        "matrix": Matrix(("no", "yes"), ((820, 104), (179, 397))),
        "learning": SEARCHED,
    }
    return Findings(**{**known, **changes})


def all_known(**changes: Any) -> Findings:
    """The same with everything that can be known."""
    known: dict[str, Any] = {
        "parts": (Part("“contract” is “monthly”", 693, 0.34, 0.17, 0), Part("“age” is over 35", 120, 0.5, 0.19, 1)),
        "uses": (
            Use("contract", 0.105, 0.006, Direction("category", "“two years”", 0.2, "“monthly”", 0.57)),
            Use("months", 0.06, 0.003, Direction("lower", "71", 0.23, "2", 0.52)),
            Use("city", -0.001, 0.002),
        ),
        "runner_up": RunnerUp("Ridge", "m2", 0.004, tie=True, is_faster=True),
        "calibration": Calibration(0.03, 0.028, 0.04, 0.69, 0.72, 150),
        "thresholds": (Threshold(0.3, 0.82, 0.58),),
        "twin": Twin("m3", 0.002, 0.03, 1.2),
    }
    return findings(**{**known, **changes})


def of_numbers(**changes: Any) -> Findings:
    """A run whose model predicts prices."""
    known: dict[str, Any] = {
        "target": "price",
        "problem_type": ProblemType.REGRESSION,
        "metric": "r2",
        "score": 0.761,
        "low": 0.689,
        "high": 0.824,
        "guess": -0.00005,
        "ranks_right": None,
        "positive": None,
        "threshold": None,
        "matrix": None,
        "explained": 0.7726,
        "distances": Distances(
            1200, 49_000, 180_000, 1_900_000, 2_000, 5_000, 570_000, 230_000, 92_000, 260_000,
            (RangeOfTarget(None, 330_000, 240, 20_000, -5_000), RangeOfTarget(330_000, 850_000, 720, 40_000, -1_000),
             RangeOfTarget(850_000, None, 240, 120_000, 98_000)),
        ),
    }  # fmt: skip
    return findings(**{**known, **changes})
