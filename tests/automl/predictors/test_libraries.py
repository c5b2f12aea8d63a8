"""Libraries that take long to import: nobody waits for one longer than there is time."""

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from flowml.automl.ensemble.blend import Blend
from flowml.automl.predictors import libraries
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.trial.outcome import Outcome
from flowml.domain.trials import TrialSpec, TrialStatus
from flowml.library import run as library
from flowml.library.run import train
from tests.automl.model.test_model import fit
from tests.automl.tables import flowers, people_task


def test_a_library_is_waited_for_as_long_as_there_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flowml_slow_library.py").write_text("import time\ntime.sleep(1)\n")
    (tmp_path / "flowml_broken_library.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = ["flowml_slow_library", "flowml_broken_library"]
    assert not libraries.ready(names, 0.0)
    assert libraries.begin(names[0]) is libraries.begin(names[0])
    assert libraries.ready(names, 30.0) and names[0] in sys.modules


def test_a_run_ends_in_time_where_a_library_is_not_there_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> None:
        raise AssertionError("whoever wants this answer waits for the import")

    never = threading.Event()
    monkeypatch.setattr(libraries, "_load", lambda name: never.wait())
    monkeypatch.setattr(libraries, "_imports", {})
    monkeypatch.setattr(LightGBMPredictor, "_booster", property(unreachable))
    waits: list[float] = []
    ready = libraries.ready
    monkeypatch.setattr(libraries, "ready", lambda names, seconds: waits.append(seconds) or ready(names, seconds))
    # However long the trials take here: when one of LightGBM's is done, two seconds are left.
    budget, left, skipped = 600.0, 2.0, 0.0
    began = time.monotonic()

    def clock() -> float:
        nonlocal skipped
        if "lightgbm" in libraries._imports and not skipped:
            skipped = began + budget - left - time.monotonic()
        return time.monotonic() + skipped

    frame, roles = flowers()
    run = train(
        frame,
        roles,
        target="kind",
        time_budget_seconds=budget,
        n_jobs=2,
        algorithm_names=["lightgbm", "gaussian_nb"],
        began=began,
        clock=clock,
    )
    never.set()
    assert skipped and waits and max(waits) <= left
    assert "lightgbm" in {entry.algorithm for entry in run.leaderboard}


def test_an_ensemble_that_cannot_be_timed_takes_what_its_members_took(monkeypatch: pytest.MonkeyPatch) -> None:
    task = people_task(60)
    model = fit(task)
    members = [Outcome(TrialSpec(n, "ridge", {}), TrialStatus.FINISHED, predict_ms=0.5 + n) for n in range(3)]
    blend = Blend({0: 0.5, 2: 0.5}, 0.8, (0.8,), {}, np.zeros((60, 2)), 1.0, model)
    monkeypatch.setattr(libraries, "ready", lambda names, seconds: False)
    assert library._as_outcome(blend, task, members, 0.0).predict_ms == 3.0
