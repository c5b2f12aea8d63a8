"""One fit of another framework, in the Python that has it: python benchmarks/peers.py NAME TASK_FOLDER SECONDS OUT

Writes OUT/predictions.csv (`prediction`, `probability_CLASS`…) and OUT/result.json ({"fit_seconds", "one_row_ms",
"rows_a_second", "model_bytes"}). Stands alone: it imports nothing of FlowML, since that Python need not have it.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMED_ROWS = 30


class Task:
    def __init__(self, folder: Path):
        import pandas as pd

        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.target: str = meta["target"]
        self.kind: str = meta["problem_type"]
        self.train = pd.read_csv(folder / "train.csv")
        self.test = pd.read_csv(folder / "test.csv").drop(columns=[self.target])
        if self.kind != "regression":
            self.train[self.target] = self.train[self.target].astype(str)

    @property
    def features(self) -> Any:
        return self.train.drop(columns=[self.target])


Predict = Callable[[Any], Any]
"""From rows to values, or to (classes, probabilities)."""


def lightgbm(task: Task, seconds: float, out: Path) -> Predict:
    """Its defaults: what a minute of anybody's work gives."""
    import lightgbm as library

    def ready(frame: Any) -> Any:
        frame = frame.copy()
        for name in frame:
            if frame[name].dtype == object or str(frame[name].dtype) in ("str", "string", "category"):
                levels = task.train[name].dropna().unique()
                frame[name] = frame[name].astype("category").cat.set_categories(sorted(levels))
        return frame

    kind = library.LGBMRegressor if task.kind == "regression" else library.LGBMClassifier
    model = kind(verbosity=-1, n_jobs=2).fit(ready(task.features), task.train[task.target])
    model.booster_.save_model(str(out / "model" / "model.txt"))
    if task.kind == "regression":
        return lambda frame: model.predict(ready(frame))
    return lambda frame: (list(model.classes_), model.predict_proba(ready(frame)))


def flaml(task: Task, seconds: float, out: Path) -> Predict:
    from flaml import AutoML

    model = AutoML()
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[task.kind]
    model.fit(
        X_train=task.features,
        y_train=task.train[task.target],
        task="regression" if task.kind == "regression" else "classification",
        time_budget=seconds,
        metric=metric,
        n_jobs=2,
        seed=0,
        verbose=0,
    )
    if task.kind == "regression":
        return lambda frame: model.predict(frame)
    return lambda frame: (list(model.classes_), model.predict_proba(frame))


def autogluon(task: Task, seconds: float, out: Path) -> Predict:
    from autogluon.tabular import TabularPredictor

    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[task.kind]
    model = TabularPredictor(label=task.target, problem_type=task.kind, eval_metric=metric, path=str(out / "model"))
    model.fit(task.train, presets="best_quality", time_limit=seconds, num_cpus=2, verbosity=0)
    if task.kind == "regression":
        return lambda frame: model.predict(frame).to_numpy()
    return lambda frame: (
        [str(label) for label in model.class_labels],
        model.predict_proba(frame)[model.class_labels].to_numpy(),
    )


def h2o(task: Task, seconds: float, out: Path) -> Predict:
    import h2o as library
    from h2o.automl import H2OAutoML

    library.init(nthreads=2, bind_to_localhost=True)
    table = library.H2OFrame(task.train)
    if task.kind != "regression":
        table[task.target] = table[task.target].asfactor()
    model = H2OAutoML(max_runtime_secs=int(seconds), seed=1)
    model.train(x=list(task.features), y=task.target, training_frame=table)
    library.save_model(model.leader, str(out / "model"), force=True)

    def predict(frame: Any) -> Any:
        found = model.leader.predict(library.H2OFrame(frame)).as_data_frame()
        if task.kind == "regression":
            return found["predict"].to_numpy()
        classes = sorted(task.train[task.target].unique())
        # A number as a class is called p1 there.
        names = [label if label in found.columns else f"p{label}" for label in classes]
        return classes, found[names].to_numpy()

    return predict


PEERS = {"lightgbm": lightgbm, "flaml": flaml, "autogluon": autogluon, "h2o": h2o}


def main(name: str, folder: str, seconds: str, target: str) -> None:
    import numpy as np

    out = Path(target)
    (out / "model").mkdir(parents=True, exist_ok=True)
    task = Task(Path(folder))
    started = time.monotonic()
    predict = PEERS[name](task, float(seconds), out)
    fitted = time.monotonic() - started
    started = time.monotonic()
    answers = predict(task.test)
    batch = time.monotonic() - started
    if task.kind == "regression":
        names, columns = ["prediction"], [answers]
    else:
        classes, probabilities = answers
        names = ["prediction", *(f"probability_{label}" for label in classes)]
        columns = [np.array(classes)[probabilities.argmax(axis=1)], *probabilities.T]
    lines = [",".join(names), *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    (out / "predictions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    times = []
    for row in range(min(TIMED_ROWS, len(task.test))):
        started = time.monotonic()
        predict(task.test.iloc[row : row + 1])
        times.append(time.monotonic() - started)
    size = sum(path.stat().st_size for path in (out / "model").rglob("*") if path.is_file())
    result = {
        "fit_seconds": fitted,
        "one_row_ms": 1000 * statistics.median(times),
        "rows_a_second": len(task.test) / batch,
        "model_bytes": size,
    }
    (out / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
