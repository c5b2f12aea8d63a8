"""What the rows of a file and the answers for them are like, added up piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.prepared import is_labels
from flowml.automl.files.drift import Reference, n_missing, psi, psi_by_chance, verdict
from flowml.automl.files.truth import Truth, truth_of
from flowml.automl.model.batch import Scored
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.schema import ModelSchema

_KEPT = 20_000
_HISTOGRAM_BINS = 20
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass
class Column:
    """Of one column of the model: rows without a value, with one that training has not seen, with one beyond its range;
    and how many are in each bin of training, int64 (bins,)."""

    missing: int = 0
    unseen: int = 0
    beyond: int = 0
    counts: np.ndarray | None = None

    def add(self, other: Column) -> None:
        self.missing += other.missing
        self.unseen += other.unseen
        self.beyond += other.beyond
        if other.counts is not None:
            self.counts = other.counts if self.counts is None else self.counts + other.counts


@dataclass(frozen=True)
class Part:
    """Of one piece. `classes`: int64 (classes,), how many rows are predicted each; `shares`: float64 (classes,), the
    sums of their probabilities; `values`: float64 (rows,), of a model that predicts numbers."""

    rows: int
    columns: dict[str, Column]
    classes: np.ndarray | None
    shares: np.ndarray | None
    values: np.ndarray | None
    target: np.ndarray | None
    truth: Truth | None


def part_of(model: FittedModel, scored: Scored, reference: Reference | None) -> Part:
    """What is counted of a piece."""
    columns = {}
    for feature in model.schema.features:
        name = feature.name
        has = name in scored.features.columns
        values = scored.features[name] if has else pl.Series(name, [None] * scored.frame.height, dtype=pl.String)
        bins = None if reference is None else reference.bins.get(name)
        odd = scored.odd.get(name)
        columns[name] = Column(
            n_missing(values, is_text=is_labels(feature.role)),
            0 if odd is None else odd.unseen,
            0 if odd is None else odd.beyond,
            None if bins is None else bins.count(values),
        )
    target = None if reference is None else reference.target
    truth = truth_of(model, scored.frame, scored.outputs)
    if model.schema.classes is None:
        values_of = scored.outputs[:, 0]
        counts = None if target is None else target.count(pl.Series(values_of))
        return Part(len(values_of), columns, None, None, values_of, counts, truth)
    chosen = model.decide(scored.outputs)
    classes = np.bincount(chosen, minlength=len(model.schema.classes)).astype(np.int64)
    counts = (
        None if target is None else target.count(pl.Series([*model.schema.classes], dtype=pl.String).gather(chosen))
    )
    return Part(len(chosen), columns, classes, scored.outputs.sum(axis=0), None, counts, truth)


@dataclass
class Summary:
    """Of all pieces so far, which are added in the order of the file."""

    schema: ModelSchema
    reference: Reference | None = None
    rows: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    classes: np.ndarray | None = None
    shares: np.ndarray | None = None
    target: np.ndarray | None = None
    truth: Truth = field(default_factory=Truth)
    _values: list[np.ndarray] = field(default_factory=list)
    _stride: int = 1
    _sum: float = 0.0
    _least: float = float("inf")
    _greatest: float = float("-inf")

    def add(self, part: Part) -> None:
        """The next piece."""
        for name, column in part.columns.items():
            self.columns.setdefault(name, Column()).add(column)
        if part.classes is not None:
            self.classes = part.classes if self.classes is None else self.classes + part.classes
            self.shares = part.shares if self.shares is None else self.shares + part.shares
        if part.target is not None:
            self.target = part.target if self.target is None else self.target + part.target
        if part.truth is not None:
            self.truth.add(part.truth)
        if part.values is not None and len(part.values):
            self._keep(part.values)
        self.rows += part.rows

    def state(self) -> dict[str, Any]:
        """As JSON has it. `psi` and `missing_in_training` are None where nothing is known of training, `by_chance` how
        large `psi` is without any change, 19 of 20 times; of numbers, quantiles and histogram are those of every k-th
        row of a large file."""
        bins = {} if self.reference is None else self.reference.bins
        missing = {} if self.reference is None else self.reference.missing
        columns = []
        for feature in self.schema.features:
            column = self.columns.get(feature.name, Column())
            known = bins.get(feature.name)
            index, chance = (None, 0.0) if known is None else _drift(known.counts, column.counts)
            columns.append(
                {
                    "name": feature.name,
                    "role": str(feature.role),
                    "missing": column.missing,
                    "unseen": column.unseen,
                    "beyond": column.beyond,
                    "missing_in_training": missing.get(feature.name),
                    "psi": index,
                    "psi_by_chance": None if index is None else chance,
                    "drift": verdict(index, chance),
                }
            )
        return {
            "rows": self.rows,
            "predictions": self._predictions(),
            "truth": self.truth.state(is_number=self.schema.classes is None),
            "columns": columns,
        }

    def _predictions(self) -> dict[str, Any]:
        known = None if self.reference is None else self.reference.target
        index, chance = (None, 0.0) if known is None else _drift(known.counts, self.target)
        said: dict[str, Any] = {"classes": None, "numbers": None, "psi": index, "drift": verdict(index, chance)}
        if self.schema.classes is not None and self.classes is not None and self.shares is not None:
            training = self._training_shares(self.schema.classes)
            said["classes"] = [
                {
                    "label": label,
                    "rows": int(count),
                    "mean_probability": float(share) / max(1, self.rows),
                    "share_in_training": training.get(label),
                }
                for label, count, share in zip(self.schema.classes, self.classes, self.shares, strict=True)
            ]
        elif self._values:
            kept = np.concatenate(self._values)
            counts, edges = np.histogram(kept, bins=_HISTOGRAM_BINS, range=(self._least, self._greatest))
            said["numbers"] = {
                "mean": self._sum / self.rows,
                "min": self._least,
                "max": self._greatest,
                "quantiles": {f"{share:g}": float(np.quantile(kept, share)) for share in _QUANTILES},
                "histogram": {"edges": edges.tolist(), "shares": (counts / len(kept)).tolist()},
            }
        return said

    def _training_shares(self, classes: tuple[str, ...]) -> dict[str, float]:
        known = None if self.reference is None else self.reference.target
        if known is None or not known.counts.sum():
            return {}
        shares = known.counts / known.counts.sum()
        return {label: float(shares[known.levels.index(label)]) for label in classes if label in known.levels}

    def _keep(self, values: np.ndarray) -> None:
        self._sum += float(values.sum())
        self._least = min(self._least, float(values.min()))
        self._greatest = max(self._greatest, float(values.max()))
        first = -self.rows % self._stride
        self._values.append(values[first :: self._stride])
        while sum(map(len, self._values)) > _KEPT:
            # Every second one stays: again each so many rows of the file, from its first on.
            self._values = [np.concatenate(self._values)[::2]]
            self._stride *= 2


def _drift(training: np.ndarray, now: np.ndarray | None) -> tuple[float | None, float]:
    if now is None:
        return None, 0.0
    return psi(training, now), psi_by_chance(training, now)
