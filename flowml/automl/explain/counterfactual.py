"""The smallest change of a row that changes what a model says of it, within what can be changed.

Few columns count before small steps (Wachter, Mittelstadt and Russell 2018 on why; sparsity as in Mothilal, Sharma and
Tan 2020): all changes of one column are tried first, then the most promising are gone on from with another one, and so
on. What is found is made smaller: a change that is not needed is taken back, a number goes back towards what it was.
Values are those of the training data: no category that it has not, no number beyond its range (`changeable.py`).
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.explain.changeable import CHANGEABLE, Changeable, Limits
from flowml.automl.explain.rows import column_of, table_of
from flowml.automl.features.prepared import Prepared
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.feature import Feature
from flowml.automl.scoring.decision import weighted
from flowml.domain.errors import InvalidInput

_MOST_CHANGES = 5
_BEAM = 6
_HALVINGS = 8
# Between two looks at the clock.
_FIRST_AT_ONCE, _MOST_AT_ONCE, _SECONDS_AT_ONCE = 64, 4_096, 0.15
_ENOUGH_TO_TELL = 7
# So many of the most important columns are tried with all values before the others are.
_TOGETHER = 50


@dataclass(frozen=True)
class Goal:
    """What is to be said instead: the class `target_class`, as text or as it was in the table (None: any other one), or
    a number of at least `above` or at most `below`."""

    target_class: Any = None
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
    first: Sequence[str] = (),
) -> Counterfactual:
    """Of a row as a caller sends it, before any recipe. `changeable`: the only columns that may be changed; all
    numbers, dates, categories and flags by default. `first`: the columns that matter most, which are tried first where
    there is no time for all. Raises InvalidInput for columns, limits, a goal or a row that cannot be."""
    limits = limits or {}
    rank = {name: at for at, name in enumerate(first)}
    features = sorted(_columns(model, changeable, limits), key=lambda feature: rank.get(feature.name, len(rank)))
    for name in limits:
        if all(feature.name != name for feature in features):
            # What does not change is still to be said in words that mean something.
            Changeable(next(one for one in model.schema.inputs if one.name == name), row.get(name), limits[name])
    columns = [Changeable(feature, row.get(feature.name), limits.get(feature.name)) for feature in features]
    return _Search(model, row, goal, columns, time_left, _TOGETHER if first else max(len(columns), 1)).find()


def _columns(model: FittedModel, changeable: Sequence[str] | None, limits: Mapping[str, Limits]) -> list[Feature]:
    inputs = {feature.name: feature for feature in model.schema.inputs}
    for name in (*(changeable or ()), *limits):
        if name not in inputs:
            raise InvalidInput.of_field("changeable", f"This model takes no column “{name}”.")
        if inputs[name].role not in CHANGEABLE:
            raise InvalidInput.of_field(
                "changeable", f"“{name}” is free text or the like, of which no other value can be tried."
            )
    wanted = list(inputs) if changeable is None else list(dict.fromkeys(changeable))
    return [inputs[name] for name in wanted if inputs[name].role in CHANGEABLE]


class _Search:
    def __init__(
        self,
        model: FittedModel,
        row: Mapping[str, Any],
        goal: Goal,
        columns: Sequence[Changeable],
        time_left: Callable[[], float],
        together: int,
    ):
        self._model = model
        self._row = dict(row)
        self._goal = goal
        self._columns = {column.feature.name: column for column in columns}
        self._time_left = time_left
        self._together = together
        self._tried, self._at_once = 0, _FIRST_AT_ONCE
        clean, _ = model.check_row(self._row)
        self._clean = clean
        self._alone = table_of(model.schema.roles, [clean])
        left = time_left()
        self._before = self._outputs([{}])[0]
        # What asking costs however few rows it is about: much where there are thousands of columns.
        self._call_seconds = left - time_left()
        self._aim = self._aimed_at()

    def find(self) -> Counterfactual:
        if self._gain(self._before[None, :])[0] >= 0:
            return self._nothing("The row is predicted as is asked for already.")
        candidates = {name: column.values() for name, column in self._columns.items()}
        beam: list[dict[str, Any]] = [{}]
        for _ in range(_MOST_CHANGES):
            steps = list(self._steps(beam, candidates))
            if not steps or self._time_left() <= self._call_seconds:
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
        if self._time_left() <= self._call_seconds:
            return self._nothing("Nothing was found in the time there is.")
        return self._nothing(
            f"No change of up to {min(_MOST_CHANGES, len(candidates))} columns within these limits does it."
        )

    def _nothing(self, reason: str) -> Counterfactual:
        return Counterfactual((), self._row, self._before, self._tried, reason)

    def _found(self, changes: Mapping[str, Any]) -> Counterfactual:
        row = {**self._row, **changes}
        ordered = [feature.name for feature in self._model.schema.inputs if feature.name in changes]
        return Counterfactual(
            tuple(Change(name, self._row.get(name), changes[name]) for name in ordered),
            row,
            self._outputs([changes])[0],
            self._tried,
        )

    def _steps(
        self, beam: Sequence[Mapping[str, Any]], candidates: Mapping[str, Sequence[Any]]
    ) -> Iterator[dict[str, Any]]:
        """One column more: some columns after the others, and of these first the ends of each, since there may not be
        time for all."""
        known = list(candidates)
        for start in range(0, len(known), self._together):
            names = known[start : start + self._together]
            for at in range(max(len(candidates[name]) for name in names)):
                for changes in beam:
                    for name in names:
                        if name not in changes and at < len(candidates[name]):
                            yield {**changes, name: candidates[name][at]}

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
            code = schema.code_of(goal.target_class)
            if code is None:
                raise InvalidInput.of_field(
                    "target",
                    f"This model knows no class “{goal.target_class}”.",
                    hint=f"It knows {', '.join(schema.classes[:20])}.",
                )
            return code
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
        at = 0
        while at < len(steps):
            left = self._time_left()
            if found and left <= self._call_seconds:
                break
            some = steps[at : at + self._at_once]
            found.append(self._gain(self._outputs(some)))
            at += len(some)
            spent = left - self._time_left()
            # By the clock: a row of thousands of columns takes as long as a thousand of a few.
            self._call_seconds = min(self._call_seconds, spent)
            if len(some) < min(self._at_once, _ENOUGH_TO_TELL):
                continue
            a_row = (spent - self._call_seconds) / len(some)
            fitting = max(_SECONDS_AT_ONCE, self._call_seconds) / a_row if a_row > 0 else _MOST_AT_ONCE
            self._at_once = int(np.clip(fitting, 1, min(4 * self._at_once, _MOST_AT_ONCE)))
        return np.concatenate(found)

    def _outputs(self, steps: Sequence[Mapping[str, Any]]) -> np.ndarray:
        self._tried += len(steps)
        schema = self._model.schema
        if schema.recipe is not None:
            rows = [schema.check_row({**self._row, **changes})[0] for changes in steps]
            return self._model.predict_prepared(table_of(schema.roles, rows))
        # Nothing but what changes is read again.
        changed: dict[str, list[tuple[int, Any]]] = {}
        for place, changes in enumerate(steps):
            for name, value in changes.items():
                changed.setdefault(name, []).append((place, schema.check_value(name, value)))
        none = np.zeros(len(steps), dtype=np.intp)
        columns = {}
        for name, column in self._alone.columns.items():
            if (here := changed.get(name)) is None:
                columns[name] = column.take(none)
                continue
            which = none.copy()
            which[[place for place, _ in here]] = np.arange(1, len(here) + 1)
            values = [self._clean.get(name), *(value for _, value in here)]
            columns[name] = column_of(schema.roles[name], values).take(which)
        return self._model.predict_prepared(Prepared(columns, len(steps)))

    def _made_smaller(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Without what is not needed, and with numbers and dates as near to what they were as does."""
        for name in sorted(changes, key=lambda name: -self._columns[name].size(changes[name])):
            without = {other: value for other, value in changes.items() if other != name}
            if without and self._gains([without])[0] >= 0:
                changes = without
        for name in list(changes):
            column = self._columns[name]
            if not column.is_ordered or not math.isfinite(column.before):
                continue
            far, near = column.number(changes[name]), column.before
            for _ in range(_HALVINGS):
                middle = column.written((far + near) / 2)
                at = column.number(middle)
                if self._time_left() <= self._call_seconds or at in (far, near) or not math.isfinite(at):
                    break
                if column.may(middle) and self._gains([{**changes, name: middle}])[0] >= 0:
                    far, changes = at, {**changes, name: middle}
                else:
                    near = at
        return changes

    def _cost(self, changes: Mapping[str, Any]) -> tuple[int, float]:
        return len(changes), sum(self._columns[name].size(value) for name, value in changes.items())
