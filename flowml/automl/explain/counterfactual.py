"""The smallest change of a row that changes what a model says of it, within what can be changed.

Few columns count before small steps (Wachter, Mittelstadt and Russell 2018 on why; sparsity as in Mothilal, Sharma and
Tan 2020): all changes of one column are tried first, then the most promising are gone on from with another one, and so
on. What is found is made smaller: a change that is not needed is taken back, a number goes back towards what it was.
Values are those of the training data: no category that it has not, no number beyond its range.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from flowml.automl.explain.rows import table_of
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.automl.scoring.decision import weighted
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

UP, DOWN = "up", "down"
_POINTS = 16
_MOST_CATEGORIES = 30
_MOST_CHANGES = 5
_BEAM = 6
_HALVINGS = 8
_AT_ONCE = 2_000
_EPOCH = date(1970, 1, 1)
_CHANGEABLE = (Role.NUMERIC, Role.BOOLEAN, Role.DATETIME, Role.CATEGORICAL)


@dataclass(frozen=True)
class Limits:
    """What a column may become: within `least` and `greatest` (dates as text), one of `allowed`, only `up` or `down`
    from what it is. None: no limit."""

    least: Any = None
    greatest: Any = None
    allowed: tuple[Any, ...] | None = None
    direction: str | None = None


@dataclass(frozen=True)
class Goal:
    """What is to be said instead: the class `target_class` (None: any other one), or a number of at least `above` or at
    most `below`."""

    target_class: str | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class Change:
    feature: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Counterfactual:
    """`changes` of the row, fewest first; `row` is the row with them, `outputs` what the model answers then. Nothing is
    found where `changes` is empty: `reason` says what was tried. `tried`: how many rows were asked about."""

    changes: tuple[Change, ...]
    row: Mapping[str, Any]
    outputs: np.ndarray
    tried: int
    reason: str | None = None


def counterfactual(
    model: FittedModel,
    row: Mapping[str, Any],
    goal: Goal,
    *,
    changeable: Sequence[str] | None = None,
    limits: Mapping[str, Limits] | None = None,
    time_left: Callable[[], float] = lambda: 5.0,
) -> Counterfactual:
    """Of a row as a caller sends it, before any recipe. `changeable`: the only columns that may be changed; all
    numbers, dates, categories and flags by default. Raises InvalidInput for columns, limits, a goal or a row that
    cannot be."""
    search = _Search(model, row, goal, _columns(model, changeable, limits or {}), limits or {}, time_left)
    return search.find()


def _columns(model: FittedModel, changeable: Sequence[str] | None, limits: Mapping[str, Limits]) -> list[Feature]:
    inputs = {feature.name: feature for feature in model.schema.inputs}
    for name in (*(changeable or ()), *limits):
        if name not in inputs:
            raise InvalidInput.of_field("changeable", f"This model takes no column “{name}”.")
        if inputs[name].role not in _CHANGEABLE:
            raise InvalidInput.of_field(
                "changeable", f"“{name}” is free text or the like, of which no other value can be tried."
            )
    wanted = list(inputs) if changeable is None else list(dict.fromkeys(changeable))
    return [inputs[name] for name in wanted if inputs[name].role in _CHANGEABLE]


class _Search:
    def __init__(
        self,
        model: FittedModel,
        row: Mapping[str, Any],
        goal: Goal,
        columns: list[Feature],
        limits: Mapping[str, Limits],
        time_left: Callable[[], float],
    ):
        self._model = model
        self._row = dict(row)
        self._goal = goal
        self._columns = {feature.name: feature for feature in columns}
        self._limits = limits
        self._time_left = time_left
        self._tried = 0
        model.check_row(self._row)
        self._before = self._outputs([{}])[0]
        self._aim = self._aimed_at()

    def find(self) -> Counterfactual:
        if self._gain(self._before[None, :])[0] >= 0:
            return self._nothing("The row is predicted as is asked for already.")
        candidates = {name: self._values(feature) for name, feature in self._columns.items()}
        beam: list[dict[str, Any]] = [{}]
        for _ in range(_MOST_CHANGES):
            steps = [
                {**changes, name: value}
                for changes in beam
                for name, values in candidates.items()
                if name not in changes
                for value in values
            ]
            if not steps or self._time_left() <= 0:
                break
            gains = self._gains(steps)
            steps = steps[: len(gains)]
            reached = [step for step, gain in zip(steps, gains, strict=True) if gain >= 0]
            if reached:
                # The cheapest of several are made smaller, since that changes their order.
                cheapest = sorted(reached, key=self._cost)[:_BEAM]
                smaller = [self._made_smaller(step) for step in self._apart(cheapest)]
                return self._found(min(smaller, key=self._cost))
            order = np.argsort(-gains, kind="stable")
            beam = self._apart([steps[at] for at in order])[:_BEAM]
        if not candidates or not any(candidates.values()):
            return self._nothing("Within these limits no column can be changed.")
        if self._time_left() <= 0:
            return self._nothing("Nothing was found in the time there is.")
        return self._nothing(
            f"No change of up to {min(_MOST_CHANGES, len(candidates))} columns within these limits does it."
        )

    def _nothing(self, reason: str) -> Counterfactual:
        return Counterfactual((), self._row, self._before, self._tried, reason)

    def _found(self, changes: Mapping[str, Any]) -> Counterfactual:
        row = {**self._row, **changes}
        ordered = [name for name in self._columns if name in changes]
        return Counterfactual(
            tuple(Change(name, self._row.get(name), changes[name]) for name in ordered),
            row,
            self._outputs([changes])[0],
            self._tried,
        )

    @staticmethod
    def _apart(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The first of those that change the same columns."""
        seen: dict[frozenset[str], dict[str, Any]] = {}
        for step in steps:
            seen.setdefault(frozenset(step), step)
        return list(seen.values())

    def _aimed_at(self) -> int | None:
        """The class that is aimed at; None for any other one, and for numbers. Raises InvalidInput."""
        schema, goal = self._model.schema, self._goal
        if schema.classes is None:
            if (goal.above is None) == (goal.below is None):
                raise InvalidInput.of_field(
                    "target", "Say what the number is to be: {“above”: …} or {“below”: …}.", hint="One of the two."
                )
            return None
        if goal.above is not None or goal.below is not None:
            raise InvalidInput.of_field("target", "This model predicts classes, so “target” is one of them.")
        if goal.target_class is not None:
            if goal.target_class not in schema.classes:
                raise InvalidInput.of_field(
                    "target",
                    f"This model knows no class “{goal.target_class}”.",
                    hint=f"It knows {', '.join(schema.classes[:20])}.",
                )
            return schema.classes.index(goal.target_class)
        return 1 - int(self._model.decide(self._before)) if len(schema.classes) == 2 else None

    def _gain(self, outputs: np.ndarray) -> np.ndarray:
        """How far answers (rows, outputs) are beyond the goal, (rows,): from 0 on it is reached."""
        if self._model.schema.classes is None:
            above, below = self._goal.above, self._goal.below
            values = outputs[:, 0]
            return np.asarray(values - above if above is not None else (below or 0.0) - values)
        shares = np.log(np.maximum(weighted(outputs, self._model.decision), 1e-12))
        chosen = shares.argmax(axis=1)
        before = int(self._model.decide(self._before))
        if self._aim is None:
            others = np.delete(shares, before, axis=1).max(axis=1)
            gains, reached = others - shares[:, before], chosen != before
        else:
            others = np.delete(shares, self._aim, axis=1).max(axis=1)
            gains, reached = shares[:, self._aim] - others, chosen == self._aim
        # Of equals the first is predicted, whatever the difference says.
        return np.asarray(np.where(reached, np.maximum(gains, 0.0), np.minimum(gains, -1e-12)))

    def _gains(self, steps: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Of as many of these as there is time for."""
        found: list[np.ndarray] = []
        for start in range(0, len(steps), _AT_ONCE):
            if found and self._time_left() <= 0:
                break
            found.append(self._gain(self._outputs(steps[start : start + _AT_ONCE])))
        return np.concatenate(found)

    def _outputs(self, steps: Sequence[Mapping[str, Any]]) -> np.ndarray:
        self._tried += len(steps)
        schema = self._model.schema
        rows = [schema.check_row({**self._row, **changes})[0] for changes in steps]
        return self._model.predict_prepared(table_of(schema.roles, rows))

    def _made_smaller(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Without what is not needed, and with numbers and dates as near to what they were as does."""
        for name in sorted(changes, key=lambda name: -self._size(name, changes[name])):
            without = {other: value for other, value in changes.items() if other != name}
            if without and self._gains([without])[0] >= 0:
                changes = without
        for name in list(changes):
            feature = self._columns[name]
            was = self._number(feature, self._row.get(name))
            if feature.role not in (Role.NUMERIC, Role.DATETIME) or not math.isfinite(was):
                continue
            far, near = self._number(feature, changes[name]), was
            for _ in range(_HALVINGS):
                middle = self._written(feature, (far + near) / 2)
                at = self._number(feature, middle)
                if self._time_left() <= 0 or at in (far, near):
                    break
                if self._fits(feature, at) and self._gains([{**changes, name: middle}])[0] >= 0:
                    far, changes = at, {**changes, name: middle}
                else:
                    near = at
        return changes

    def _cost(self, changes: Mapping[str, Any]) -> tuple[int, float]:
        return len(changes), sum(self._size(name, value) for name, value in changes.items())

    def _size(self, name: str, value: Any) -> float:
        """Of a change, in units of the spread that evenly spread values would have; a category counts as one."""
        feature = self._columns[name]
        if feature.role not in (Role.NUMERIC, Role.DATETIME):
            return 1.0
        before, after = self._number(feature, self._row.get(name)), self._number(feature, value)
        low, high = self._range(feature)
        spread = (high - low) / math.sqrt(12.0)
        return abs(after - before) / spread if math.isfinite(before) and spread > 0 else 1.0

    def _values(self, feature: Feature) -> list[Any]:
        """What a column may become, without what it is."""
        limit = self._limits.get(feature.name, Limits())
        now = self._row.get(feature.name)
        if limit.allowed is not None:
            values = list(limit.allowed)
        elif feature.role is Role.CATEGORICAL:
            values = list((feature.categories or ())[:_MOST_CATEGORIES])
        elif feature.role is Role.BOOLEAN:
            values = [True, False]
        else:
            low, high = self._range(feature)
            if not low < high:
                return []
            was = self._number(feature, now)
            places = np.linspace(low, high, _POINTS)
            if math.isfinite(was):
                # Near what it is more closely than far away.
                steps = (high - low) * np.array([0.005, 0.01, 0.02, 0.04])
                places = np.concatenate([places, was + steps, was - steps])
            values = [self._written(feature, float(at)) for at in np.unique(places)]
        return [
            value
            for value in dict.fromkeys(values)
            if not self._same(feature, value, now) and self._may(feature, value)
        ]

    def _may(self, feature: Feature, value: Any) -> bool:
        if feature.role in (Role.NUMERIC, Role.DATETIME):
            return self._fits(feature, self._number(feature, value))
        return True

    def _fits(self, feature: Feature, value: float) -> bool:
        limit = self._limits.get(feature.name, Limits())
        low, high = self._range(feature)
        was = self._number(feature, self._row.get(feature.name))
        if limit.allowed is not None and not any(self._number(feature, one) == value for one in limit.allowed):
            return False
        if limit.direction is not None and math.isfinite(was):
            return (value > was if limit.direction == UP else value < was) and (
                limit.allowed is not None or low <= value <= high
            )
        return limit.allowed is not None or low <= value <= high

    def _range(self, feature: Feature) -> tuple[float, float]:
        """What training had, within the limits."""
        limit = self._limits.get(feature.name, Limits())
        low, high = self._number(feature, feature.min), self._number(feature, feature.max)
        least, greatest = self._number(feature, limit.least), self._number(feature, limit.greatest)
        low = least if math.isfinite(least) and not low > least else low
        high = greatest if math.isfinite(greatest) and not high < greatest else high
        return low, high

    @staticmethod
    def _number(feature: Feature, value: Any) -> float:
        return days_of(value) if feature.role is Role.DATETIME else number_of(value)

    @staticmethod
    def _written(feature: Feature, value: float) -> Any:
        """A number or date as a caller sends it, with no more digits than its column has a use for."""
        if feature.role is Role.DATETIME:
            return (_EPOCH + timedelta(days=round(value))).isoformat()
        if feature.dtype.lower().startswith(("int", "uint")):
            return round(value)
        return float(f"{value:.4g}")

    def _same(self, feature: Feature, value: Any, now: Any) -> bool:
        if feature.role is Role.CATEGORICAL:
            return label_of(value) == label_of(now)
        return self._number(feature, value) == self._number(feature, now)
