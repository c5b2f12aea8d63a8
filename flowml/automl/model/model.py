"""A fitted model: members, each an average of predictors, each behind its encoder. Loads no library that trains."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from flowml.automl.conformal.record import DEFAULT
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Prepared, order_of_likeness, prepare
from flowml.automl.model.members import Member, Part
from flowml.automl.model.one_row import OneRow
from flowml.automl.model.pooling import Pooling, pool
from flowml.automl.schema.schema import ModelSchema
from flowml.automl.scoring.calibration import tempered
from flowml.automl.scoring.decision import Decision, threshold, weighted
from flowml.machine import forks

if TYPE_CHECKING:
    import polars as pl

_BLOCK_ROWS = 50_000
_SORTED_ROWS = 2_000
# What takes each row through one tree after the other.
_WALKING = frozenset({"lightgbm", "trees", "xgboost"})
# How many rows are answered at once before it is known how long that takes; and how long a part of the model may take
# while somebody watches.
_FIRST_ROWS = 1_000
_WATCH_SECONDS = 0.5
_TIMED_ROWS = 25
_TIMED_SECONDS = 0.1


@dataclass(frozen=True)
class FittedModel:
    """Answers for raw rows. Safe to use from several threads.

    `temperature` calibrates its probabilities (`calibration.tempered`); `decision` makes classes of them: one
    multiplier a class, None where the most likely class is predicted. `pooling`: how the members' answers become one;
    the parts of a member are always averaged.
    """

    schema: ModelSchema
    encoders: tuple[Encoder, ...]
    members: tuple[Member, ...]
    temperature: float | None = None
    decision: Decision | None = None
    pooling: Pooling = Pooling.MEAN

    @cached_property
    def libraries(self) -> frozenset[str]:
        """What it imports to answer."""
        parts = (part for member in self.members for part in member.parts)
        return frozenset(part.predictor.library for part in parts if part.predictor.library is not None)

    @cached_property
    def _walks(self) -> bool:
        return any(part.predictor.kind in _WALKING for member in self.members for part in member.parts)

    def check_row(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """As `ModelSchema.check_row`: the row made usable, and sentences about it. Raises InvalidInput."""
        return self.schema.check_row(row)

    def predict(self, frame: "pl.DataFrame") -> np.ndarray:
        """Probabilities (rows, classes) or values (rows, 1), float64, for raw columns, as they are before the recipe.

        Columns the frame lacks are taken as missing, others are ignored.
        """
        recipe = self.schema.recipe
        return self.predict_features(frame if recipe is None else recipe.transform(frame))

    def predict_features(self, frame: "pl.DataFrame", watch: Callable[[int], object] | None = None) -> np.ndarray:
        """The same for the columns of `schema.features`, as they are behind the recipe. `watch` is told, at least about
        every half second, how many more rows are answered, a part of the model for all of them counting as a share of
        them; what it raises ends the work. Raises Forked where Polars cannot work."""
        forks.refuse()
        blocks = [
            self._predict_block(prepare(frame.slice(start, _BLOCK_ROWS), self.schema.roles), watch)
            for start in range(0, max(frame.height, 1), _BLOCK_ROWS)
        ]
        return np.concatenate(blocks)

    def _predict_block(self, table: Prepared, watch: Callable[[int], object] | None) -> np.ndarray:
        if table.n_rows < _SORTED_ROWS or not self._walks:
            return self._predict_watched(table, None, watch)
        # Rows that are alike take the same way through trees: what they look at is in the cache, and where they turn is
        # guessed right (LightGBM, 30,000 rows of adult: 0.7 times the time; sorting is 3 % of it). Each of these trees
        # answers a row by itself, to the last bit.
        order = order_of_likeness(table)
        return self._predict_watched(table, order, watch)

    def _predict_watched(
        self, table: Prepared, order: np.ndarray | None, watch: Callable[[int], object] | None
    ) -> np.ndarray:
        """Its rows in an order, None for their own."""
        if watch is None:
            if order is None:
                return self.predict_prepared(table)
            answers = np.empty((table.n_rows, self.schema.n_outputs))
            answers[order] = self.predict_prepared(table.take(order))
            return answers
        order = np.arange(table.n_rows) if order is None else order
        answers = np.empty((table.n_rows, self.schema.n_outputs))
        start, at_once = 0, _FIRST_ROWS
        while start < table.n_rows:
            rows = order[start : start + at_once]
            watched = _Watched(watch, len(rows))
            answers[rows] = self._predict_parts(table.take(rows), None, watched)
            start += at_once
            # So many that no part of the model takes longer than that, by those before.
            at_once = max(_FIRST_ROWS, int(at_once * _WATCH_SECONDS / max(watched.longest_seconds, 1e-3)))
        return answers

    def predict_prepared(self, table: Prepared, fold: int | None = None) -> np.ndarray:
        """The same for a prepared table; with `fold`, bags answer by that fold's part alone."""
        return self._predict_parts(table, fold)

    def _predict_parts(self, table: Prepared, fold: int | None, watched: "_Watched | None" = None) -> np.ndarray:
        encoded: dict[int, np.ndarray] = {}
        answers = []
        members = [
            (member, member.parts if fold is None or len(member.parts) == 1 else (member.parts[fold],))
            for member in self.members
        ]
        done, n_parts = 0, sum(len(parts) for _, parts in members)
        for member, parts in members:
            answer = np.zeros((table.n_rows, self.schema.n_outputs))
            for part in parts:
                if part.encoder not in encoded:
                    encoded[part.encoder] = self.encoders[part.encoder].transform(table).values
                answer += part.predictor.predict(encoded[part.encoder]) / len(parts)
                done += 1
                if watched is not None:
                    watched.have_done(done / n_parts)
            answers.append((member.weight, answer))
        return tempered(pool(self.pooling, answers), self.temperature)

    def predict_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """The answer for one row that `check_row` made usable, shape (outputs,), the short way: no table, no thread
        pool."""
        return self.one_row(row)

    def predict_few(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[np.ndarray]:
        """The same answers, to the last bit, for some of those: together they take less time than one by one."""
        return [self.one_row(rows[0])] if len(rows) == 1 else self.one_row.many(rows)

    @cached_property
    def one_row(self) -> OneRow:
        """What answers single rows; `prepare` makes it quicker."""
        return self._new_one_row()

    def _new_one_row(self) -> OneRow:
        return OneRow(self.encoders, self.members, self.schema.n_outputs, self.pooling, self.temperature)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """The codes of the predicted classes, (rows,), for probabilities (rows, classes) that it gave; or one code,
        shape (), for those of one row."""
        return np.asarray(weighted(probabilities, self.decision).argmax(axis=-1))

    def interval(
        self, row: Mapping[str, Any], outputs: Sequence[float], coverage: float = DEFAULT
    ) -> tuple[float, float, float] | None:
        """Where the truth of a row lies, and how often it does: low, high and coverage; None for classes.

        `row` as `check_row` left it, `outputs` as `predict_row` answered it. A model of an earlier version knows one
        coverage alone, whatever was asked for.
        """
        schema = self.schema
        if schema.classes is not None:
            return None
        value = float(outputs[0])
        if schema.conformal is not None:
            return (*schema.conformal.interval(row, value, coverage), coverage)
        half = schema.interval_half_width
        return None if half is None else (value - half, value + half, schema.interval_coverage)

    def intervals(
        self, frame: "pl.DataFrame", outputs: np.ndarray, coverage: float = DEFAULT
    ) -> tuple[np.ndarray, np.ndarray, float] | None:
        """The same for rows: low and high, (rows,), and coverage. `frame` has the columns of `schema.features`, as they
        are behind the recipe, `outputs` what `predict_features` answered."""
        schema = self.schema
        if schema.classes is not None:
            return None
        values = outputs[:, 0]
        if schema.conformal is not None:
            roles = {name: schema.roles[name] for name in schema.conformal.names}
            columns = prepare(frame, roles).columns if roles else {}
            return (*schema.conformal.intervals(columns, values, coverage), coverage)
        half = schema.interval_half_width
        return None if half is None else (values - half, values + half, schema.interval_coverage)

    def set_of(self, probabilities: Sequence[float], chosen: int, coverage: float = DEFAULT) -> list[str] | None:
        """The classes of which one is the true one as often as was asked, the most likely first: among them `chosen`,
        the code that `decide` gives. None for numbers, and for a model of an earlier version."""
        classes, conformal = self.schema.classes, self.schema.conformal
        if classes is None or conformal is None:
            return None
        return [classes[code] for code in conformal.members(probabilities, chosen, coverage)]

    @cached_property
    def threshold(self) -> float | None:
        """From which probability on the last of two classes is predicted; None for more classes, and for numbers."""
        classes = self.schema.classes
        return None if classes is None or len(classes) != 2 else threshold(self.decision)

    def measure_predict_ms(self, frame: "pl.DataFrame") -> float:
        """Milliseconds that one warm row takes here, the way in which it is served: the median over some rows of the
        table, fewer of a slow model."""
        rows = frame.head(_TIMED_ROWS).to_dicts()
        # Of its own: what makes it quick is not kept with a model that answers nothing else here.
        answer = self._new_one_row()
        answer.prepare()
        answer(rows[0])
        times: list[float] = []
        for row in rows:
            started = time.perf_counter()
            answer(row)
            times.append(time.perf_counter() - started)
            if sum(times) > _TIMED_SECONDS:
                break
        return statistics.median(times) * 1000


class _Watched:
    """Tells how many rows of some are answered, by the share of the model that has answered all of them."""

    def __init__(self, watch: Callable[[int], object], n_rows: int):
        self.longest_seconds = 0.0
        self._watch = watch
        self._n_rows = n_rows
        self._told = 0
        self._since = time.monotonic()

    def have_done(self, share: float) -> None:
        now = time.monotonic()
        self.longest_seconds = max(self.longest_seconds, now - self._since)
        self._since = now
        rows = round(share * self._n_rows)
        more, self._told = rows - self._told, rows
        self._watch(more)


def combine(
    models: Sequence[FittedModel],
    weights: Sequence[float],
    schema: ModelSchema | None = None,
    pooling: Pooling = Pooling.MEAN,
) -> FittedModel:
    """One model of several of the same task, their answers pooled. Encoders that are the same are kept once.

    `schema` is the combination's own (`ModelSchema.of_results`); without it the heaviest model's figures stand.
    Neither a calibration nor a decision is taken over: they belong to the models alone.
    """
    encoders: list[Encoder] = []
    position: dict[str, int] = {}
    members: list[Member] = []
    total = sum(weights)
    for model, weight in zip(models, weights, strict=True):
        numbers = []
        for encoder in model.encoders:
            key = json.dumps(encoder.state(), sort_keys=True)
            if key not in position:
                position[key] = len(encoders)
                encoders.append(encoder)
            numbers.append(position[key])
        for member in model.members:
            parts = tuple(Part(numbers[part.encoder], part.predictor) for part in member.parts)
            members.append(replace(member, weight=member.weight * weight / total, parts=parts))
    heaviest = models[max(range(len(models)), key=lambda index: weights[index])]
    return FittedModel(schema or heaviest.schema, tuple(encoders), tuple(members), pooling=pooling)
