"""The rows that tested the models of a run, and what a model said of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from flowml.automl.scoring.decision import Decision, weighted
from flowml.automl.scoring.metrics import part_of
from flowml.automl.task.target import present
from flowml.automl.task.task import Task
from flowml.automl.task.weights import check_weights

_DIGITS = 6


def rounded(value: float) -> float:
    """With as many digits as a picture shows."""
    return float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True)
class Tested:
    """The rows that some fold holds out, in order: `rows` are their numbers in the table (from 0, int64), `target`
    class codes (int32) or values (float64), `folds` int8 to judge by, `weights` float64 or None where all count alike,
    `units` int64 to whom each belongs or None; all (rows,). `learned` is how many rows a model learned from on average,
    and `fingerprint` the task's."""

    rows: np.ndarray
    target: np.ndarray
    folds: np.ndarray
    weights: np.ndarray | None
    units: np.ndarray | None
    learned: float
    fingerprint: str

    @classmethod
    def of_task(cls, task: Task, frame: pl.DataFrame, weight_column: str | None) -> "Tested":
        """`frame` is the table that the task was prepared from."""
        numbers = np.arange(frame.height)
        if weight_column is not None:
            counted = check_weights(frame, weight_column, task.target_name) > 0
            frame, numbers = frame.filter(pl.Series(counted)), numbers[counted]
        numbers = numbers[present(frame[task.target_name]).to_numpy()]
        return cls.of_rows(task, numbers)

    @classmethod
    def of_rows(cls, task: Task, numbers: np.ndarray | None = None) -> "Tested":
        """The same with the `numbers` of the task's rows in the table; without them the rows are the task's own."""
        held = task.validated
        return cls(
            rows=held if numbers is None else numbers[held],
            target=task.target[held],
            folds=task.judge_folds,
            weights=task.weights_of(held),
            units=None if task.units is None else task.units[held],
            learned=task.learned_rows,
            fingerprint=task.fingerprint,
        )

    def write(self, path: Path) -> None:
        """As a file that `read` understands."""
        arrays = {name: getattr(self, name) for name in ("rows", "target", "folds", "weights", "units")}
        known = {name: array for name, array in arrays.items() if array is not None}
        with path.open("wb") as file:
            np.savez(file, learned=self.learned, fingerprint=self.fingerprint, **known)

    @classmethod
    def read(cls, path: Path) -> "Tested":
        """What `write` has written. Raises OSError, ValueError and KeyError for what is not such a file."""
        with np.load(path, allow_pickle=False) as found:
            optional = {name: found[name] if name in found.files else None for name in ("weights", "units")}
            return cls(
                found["rows"],
                found["target"],
                found["folds"],
                optional["weights"],
                optional["units"],
                float(found["learned"]),
                str(found["fingerprint"]),
            )


@dataclass(frozen=True)
class Evidence:
    """What one model said of the rows that tested it: `predictions` are probabilities (rows, classes) or values
    (rows, 1), `at` the places of these rows among all that are `tested`; rows of which it said nothing are left out."""

    tested: Tested
    predictions: np.ndarray
    at: np.ndarray
    classes: tuple[str, ...] | None
    decision: Decision | None = None

    @classmethod
    def of(
        cls,
        tested: Tested,
        answers: np.ndarray,
        classes: Sequence[str] | None,
        decision: Sequence[float] | None = None,
    ) -> "Evidence":
        """`answers`: (tested rows, outputs), NaN where nothing was said."""
        at = np.flatnonzero(np.isfinite(answers).all(axis=1))
        return cls(
            tested,
            np.asarray(answers[at], dtype=np.float64),
            at,
            None if classes is None else tuple(classes),
            None if decision is None else tuple(decision),
        )

    @cached_property
    def target(self) -> np.ndarray:
        return np.asarray(self.tested.target[self.at])

    @cached_property
    def weights(self) -> np.ndarray | None:
        return part_of(self.tested.weights, self.at)

    @cached_property
    def units(self) -> np.ndarray | None:
        return part_of(self.tested.units, self.at)

    @cached_property
    def chosen(self) -> np.ndarray:
        """The codes of the classes that it decided for, (rows,)."""
        return np.asarray(weighted(self.predictions, self.decision).argmax(axis=1))

    @cached_property
    def counts(self) -> np.ndarray:
        """How much each row counts, float64 (rows,); 1 where all count alike."""
        return np.ones(len(self.at)) if self.weights is None else np.asarray(self.weights, dtype=np.float64)

    @cached_property
    def losses(self) -> np.ndarray:
        """How wrong each row is, float64 (rows,): 1 or 0 of classes, the distance of numbers."""
        if self.classes is None:
            return np.asarray(np.abs(self.target - self.predictions[:, 0]))
        return np.asarray(self.chosen != self.target, dtype=np.float64)
