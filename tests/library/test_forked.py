"""A process that was forked from one that had used the engine: what its threads would do, another process does."""

import os
import pickle
import signal
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import psutil
import pytest

from flowml import AutoMLClassifier, AutoMLRegressor, load_model
from flowml.automl.model import modelfile
from flowml.domain.errors import InvalidInput
from flowml.library import forked
from flowml.library.carried import carried, restored
from flowml.machine import forks
from tests.automl.model.fitting import fit
from tests.automl.tables import people, people_task

TABLE = pl.DataFrame({"a": np.arange(60.0), "b": [None, "u", "v"] * 20})
LABELS = np.where(np.arange(60) > 30, 2**61, 2**61 + 1)
QUICK: dict[str, Any] = {"max_trials": 1, "n_jobs": 1, "cv_folds": 2, "time_budget_seconds": 120}
PATIENCE_SECONDS = 200

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")


@pytest.fixture(scope="module")
def model() -> AutoMLClassifier:
    return AutoMLClassifier(algorithms=["lightgbm"], **QUICK).fit(TABLE, LABELS)


def in_child(work: Callable[[], Any]) -> Any:
    """What this gives in a process forked from this one. Fails where it hangs or raises."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        code = 1
        try:
            with os.fdopen(theirs, "wb") as pipe:
                pickle.dump(work(), pipe)
            code = 0
        except BaseException as error:
            print(f"in the child: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    os.close(theirs)
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while os.waitpid(pid, os.WNOHANG)[0] == 0:
        if time.monotonic() > ends_at:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            pytest.fail("the child hangs")
        time.sleep(0.05)
    with os.fdopen(ours, "rb") as pipe:
        return pickle.load(pipe)


def test_a_forked_child_predicts_and_fits(model: AutoMLClassifier, tmp_path: Path) -> None:
    model.save(tmp_path / "m.flowml")
    pandas = pd.DataFrame({"a": np.arange(60.0), "b": [None, "u", "v"] * 20})

    def work() -> dict[str, Any]:
        found: dict[str, Any] = {
            "polars": model.predict(TABLE),
            "pandas": model.predict(pandas),
            "rows": model.predict(TABLE.to_dicts()),
            "probabilities": model.predict_proba(TABLE),
            "loaded": load_model(tmp_path / "m.flowml").predict(TABLE),
            "unpickled": pickle.loads(pickle.dumps(model)).predict(TABLE),
        }
        with pytest.raises(InvalidInput, match="now missing:\n- b"):
            model.predict(TABLE.select("a"))
        with pytest.raises(InvalidInput, match="lazy"):
            model.predict(TABLE.lazy())
        with pytest.raises(forks.Forked, match="Only the estimators' own methods"):
            model.best_model_.predict(TABLE)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            model.predict(TABLE.to_numpy())
        assert forked._stand_in is not None
        found["stand-in"] = forked._stand_in._process.pid
        found["nested"] = in_child(lambda: (model.predict(TABLE), forked._stand_in._process.pid))  # type: ignore[union-attr]
        found["still"] = model.predict(TABLE)
        regressor = AutoMLRegressor(algorithms=["ridge"], random_state=np.random.default_rng(1), **QUICK)
        found["learned"] = regressor.fit(TABLE, TABLE["a"] * 2).predict(TABLE)
        assert (
            regressor.get_params()["time_budget_seconds"] == 120 and regressor.leaderboard_[0]["algorithm"] == "ridge"
        )
        assert forked._stand_in._process.pid == found["stand-in"], "one process for the life of the child"
        return found

    found = in_child(work)
    expected = model.predict(TABLE)
    for way in ("polars", "pandas", "rows", "loaded", "unpickled", "still"):
        assert found[way].dtype == expected.dtype and found[way].tolist() == expected.tolist(), way
    assert np.array_equal(found["probabilities"], model.predict_proba(TABLE))
    assert found["learned"] == pytest.approx(np.arange(60.0) * 2, abs=2)
    nested, its_own = found["nested"]
    assert nested.tolist() == expected.tolist() and its_own != found["stand-in"]
    gone = [psutil.Process(pid) for pid in (found["stand-in"], its_own) if psutil.pid_exists(pid)]
    assert not psutil.wait_procs(gone, timeout=20)[1], "they end with the child"
    assert not forks.after_use(), "the parent goes on as before"


def test_a_child_forked_before_anything_was_used_computes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in forks._WITH_THREADS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert in_child(forks.after_use) is False
    monkeypatch.undo()
    assert in_child(forks.after_use) is True


def test_where_nothing_can_compute_in_its_place_it_says_so_at_once(
    model: AutoMLClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forks, "_forked", True)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(forks.Forked, match="forked from one that had used FlowML") as said:
        model.predict(TABLE)
    assert "spawn" in str(said.value.hint)
    with pytest.raises(InvalidInput, match="another one, and this cannot"):
        model.predict(pd.DataFrame({"a": [1.0], "b": [(one for one in "x")]}))


def test_a_booster_is_left_alone_where_its_threads_are_gone(
    model: AutoMLClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = modelfile.write(model.best_model_)
    monkeypatch.setattr(forks, "_forked", True)
    found = modelfile.read_bytes(content)
    with pytest.raises(forks.Forked):
        found.predict_row({"a": 1.0})
    monkeypatch.undo()
    assert np.array_equal(found.predict_row({"a": 1.0}), model.best_model_.predict_row({"a": 1.0}))


def test_the_same_model_is_the_same_file_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = fit(people_task())
    content = modelfile.write(trained)
    monkeypatch.setattr(time, "time", lambda: 2e9)
    found = modelfile.read_bytes(content)
    assert modelfile.write(found) == content and modelfile.fingerprint(found) == modelfile.fingerprint(trained)


def test_tables_of_polars_arrive_as_they_left() -> None:
    kinds = pl.DataFrame(
        {
            "decimal": [Decimal("1.50"), None],
            "when": [datetime(2024, 1, 2, tzinfo=UTC), None],
            "day": [date(2024, 1, 2), None],
            "long": [timedelta(hours=5), None],
            "enum": pl.Series(["v", None], dtype=pl.Enum(["u", "v"])),
            "category": pl.Series(["v", None], dtype=pl.Categorical),
            "small": pl.Series([3, None], dtype=pl.Int8),
            "large": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "huge": pl.Series([2**100, 0], dtype=pl.Int128),
            "nan": [float("nan"), 1.0],
            "list": [[1, None], None],
            "record": [{"x": 1}, None],
            "bytes": [b"\xff", None],
        }
    )
    for table in (kinds, people(50)):
        there = restored(pickle.loads(pickle.dumps(carried(table))))
        assert there.equals(table) and there.schema == table.schema
    column = restored(carried(kinds["small"]))
    assert column.equals(kinds["small"]) and column.name == "small"
    assert restored(carried(LABELS)) is LABELS
