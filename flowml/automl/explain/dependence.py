"""What a model says on average when one column is set to this and that (partial dependence, Friedman 2001), and of
single rows (individual conditional expectation, Goldstein et al. 2015)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from flowml.automl.explain.rows import column_of
from flowml.automl.features.prepared import Labels, Numbers, Prepared
from flowml.automl.model.model import FittedModel
from flowml.automl.schema.schema import ModelSchema
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

_POINTS = 20
_EPOCH = date(1970, 1, 1)
_ENDS = (0.01, 0.99)
_SAFE_SHARE = 0.7
_FEWEST_ROWS = 20
_DIGITS = 6
_KINDS = {Role.DATETIME: "date", Role.BOOLEAN: "boolean"}


@dataclass(frozen=True)
class Dependence:
    """`grid`: the values that the column was set to; `mean` what is predicted on average, `low` and `high` between
    which it is for eight of ten rows; `ice` for single rows, (rows, grid). Of classes it is the probability of
    `target_class`. `shares`: how much of the table lies at each value, or nearest to it."""

    feature: str
    kind: str
    grid: tuple[Any, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    ice: tuple[tuple[float, ...], ...]
    shares: tuple[float, ...]
    target_class: str | None
    n_rows: int


def dependence(
    model: FittedModel,
    table: Prepared,
    feature: str,
    *,
    target_class: str | None = None,
    time_left: Callable[[], float] = lambda: 10.0,
    max_rows: int = 500,
    max_ice: int = 50,
    seed: int = 0,
) -> Dependence:
    """For a feature that the model sees, over rows of `table`; with too little time over fewer of them. `target_class`:
    the last one by default. Raises InvalidInput for a feature or class that there is not."""
    schema = model.schema
    if feature not in schema.roles:
        raise InvalidInput.of_field("feature", f"This model takes no column “{feature}”.")
    output = class_output(schema, target_class)
    role, column = schema.roles[feature], table.columns[feature]
    refuse_text(feature, role)
    grid = _grid(role, column)
    if not grid:
        raise InvalidInput.of_field("feature", f"The column “{feature}” has no values to vary.")
    shown = tuple(_shown(role, value) for value in grid)
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(table.n_rows)[:max_rows])
    started = time_left()
    _answers(model, table.take(rows[:_FEWEST_ROWS]), feature, role, grid[0], output)
    one = max(started - time_left(), 1e-6) / min(_FEWEST_ROWS, len(rows))
    fitting = int(_SAFE_SHARE * max(time_left(), 0.0) / (one * len(grid)))
    if fitting < len(rows):
        rows = rows[:: max(1, -(-len(rows) // max(fitting, _FEWEST_ROWS)))]
    sample = table.take(rows)
    said = np.stack([_answers(model, sample, feature, role, value, output) for value in grid], axis=1)
    low, high = np.quantile(said, [0.1, 0.9], axis=0)
    drawn = np.sort(generator.permutation(len(rows))[:max_ice])
    return Dependence(
        feature=feature,
        kind="category" if isinstance(column, Labels) else _KINDS.get(role, "number"),
        grid=shown,
        mean=_short(said.mean(axis=0)),
        low=_short(low),
        high=_short(high),
        ice=tuple(_short(line) for line in said[drawn]),
        shares=_short(_shares(column, grid)),
        target_class=None if schema.classes is None else schema.classes[output],
        n_rows=len(rows),
    )


def refuse_text(feature: str, role: Role) -> None:
    """Raises InvalidInput for a column of texts, each of which is one row's alone."""
    if role is Role.TEXT:
        raise InvalidInput.of_field(
            "feature",
            f"“{feature}” is free text: there are no values to set it to that many rows would have.",
            hint="Ask about a column of numbers, dates or categories.",
        )


def class_output(schema: ModelSchema, target_class: Any) -> int:
    """The place of a class, as text or as it was in the table, among the outputs, of the last one by default; 0 for
    numbers. Raises InvalidInput."""
    classes = schema.classes
    if classes is None:
        if target_class is not None:
            raise InvalidInput.of_field("class", "This model predicts numbers, so there is no class to ask about.")
        return 0
    if target_class is None:
        return len(classes) - 1
    code = schema.code_of(target_class)
    if code is None:
        raise InvalidInput.of_field(
            "class", f"This model knows no class “{target_class}”.", hint=f"It knows {', '.join(classes[:20])}."
        )
    return code


def _answers(model: FittedModel, table: Prepared, feature: str, role: Role, value: Any, output: int) -> np.ndarray:
    constant = column_of(role, [value]) if isinstance(value, str) else Numbers(np.array([value]))
    column = constant.take(np.zeros(table.n_rows, dtype=np.intp))
    columns = {name: column if name == feature else table.columns[name] for name in table.columns}
    return model.predict_prepared(Prepared(columns, table.n_rows))[:, output]


def _grid(role: Role, column: Labels | Numbers) -> list[Any]:
    """Numbers (dates: days since 1970) where most of the table's lie, or the most frequent categories."""
    if isinstance(column, Labels):
        counts = column.counts()
        often = np.argsort(-counts, kind="stable")[:_POINTS]
        return [column.levels[at] for at in often if counts[at] > 0]
    known = np.unique(column.values[np.isfinite(column.values)])
    if len(known) > _POINTS:
        values = column.values[np.isfinite(column.values)]
        low, high = np.quantile(values, _ENDS)
        # Half of them where the rows are, half evenly, so that neither crowds nor gaps go unseen.
        places = np.linspace(0, 1, _POINTS // 2)
        known = np.unique(np.concatenate([np.quantile(values, _ENDS[0] + places * 0.98), np.linspace(low, high, 10)]))
        if role is Role.DATETIME or bool((values == np.rint(values)).all()):
            known = np.unique(np.rint(known))
    return [float(value) for value in known]


def _shown(role: Role, value: Any) -> Any:
    if role is Role.DATETIME:
        return (_EPOCH + timedelta(days=value)).isoformat()
    if role is Role.BOOLEAN:
        return value == 1.0
    return value


def _shares(column: Labels | Numbers, grid: list[Any]) -> np.ndarray:
    if isinstance(column, Labels):
        place = {level: at for at, level in enumerate(column.levels)}
        counts = column.counts()
        return np.array([counts[place[value]] for value in grid]) / max(len(column.codes), 1)
    known = column.values[np.isfinite(column.values)]
    edges = (np.array(grid[1:]) + np.array(grid[:-1])) / 2
    counts = np.bincount(np.searchsorted(edges, known), minlength=len(grid))
    return np.asarray(counts / max(len(column.values), 1))


def _short(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{value:.{_DIGITS}g}") for value in values.tolist())
