"""Two jobs of a server with the same seed and number of trials find the same, whichever trainer is quicker."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.server import Server

MEASURED = ("model_id", "fit_seconds", "predict_ms", "pareto", "size_bytes")
# What each of the others makes of its seed is in `test_cli.py`.
ALGORITHMS = ["decision_tree", "extra_trees", "gaussian_nb", "lightgbm", "logistic_regression"]


def table(path: Path, rows: int = 120) -> Path:
    chance = np.random.default_rng(0)
    kind = chance.integers(0, 3, rows)
    pl.DataFrame(
        {
            "length": chance.normal(kind * 2.0, 0.8).round(2),
            "colour": np.where(chance.random(rows) < 0.6, np.array(["red", "blue", "white"])[kind], "green"),
            "kind": [f"k{number}" for number in kind],
        }
    ).write_csv(path)
    return path


def test_two_jobs_with_the_same_seed_and_number_of_trials_have_the_same_leaderboard(tmp_path: Path) -> None:
    with Server(tmp_path / "home", environment={"FLOWML_LOCAL_SLOTS": "2"}) as server:
        dataset = server.upload(table(tmp_path / "flowers.csv"))
        boards: list[Any] = []
        for _ in range(2):
            options = {"max_trials": 10, "seed": 3, "algorithms": ALGORITHMS, "cv_folds": 2}
            job = server.wait(server.train(dataset["id"], "kind", 600, **options)["id"], timeout=300)
            assert job["status"] == "completed", job
            items = server.leaderboard(job["id"])
            boards.append([{key: value for key, value in item.items() if key not in MEASURED} for item in items])
    assert len(boards[0]) >= 8
    assert boards[0] == boards[1]
