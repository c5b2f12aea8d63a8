"""The short way of one row through a model: no table, no thread, and what its parts have in common once.

Every predictor has a short way of its own; trees and networks have a shorter one, which takes a moment to prepare. So
it is prepared on request (`prepare`), by a thread that nobody waits for, and until then the other answers.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from flowml.automl.features.encoder import Encoder
from flowml.automl.features.one_row import RowEncoder
from flowml.automl.model.members import Member, Part
from flowml.automl.model.pooling import Pooling, pool
from flowml.automl.predictors.base import Predictor
from flowml.automl.predictors.catboost import CatBoostPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.mlp import MultilayerPerceptronPredictor, RowPerceptrons
from flowml.automl.predictors.trees import TreesPredictor
from flowml.automl.predictors.xgboost import XGBoostPredictor
from flowml.automl.scoring.calibration import tempered_row
from flowml.domain.errors import FlowMLError

Answer = Callable[[np.ndarray], np.ndarray]
"""From all features of a row to one part's answer, or the mean of several: (features,) → (outputs,)."""

_Steps = tuple[float, list[tuple[float, Answer]]]
_OF_TREES = (CatBoostPredictor, LightGBMPredictor, TreesPredictor, XGBoostPredictor)
# With so many, writing them for the library takes seconds of the interpreter; walking all of them at once takes a few
# times as long for a row.
_MANY_NODES = 600_000
_log = logging.getLogger(__name__)


@cache
def compute_on_one_thread() -> None:
    """Have numpy multiply on one thread in this process from here on: for one row, others have to be woken and waited
    for, which takes longer than the work, and very long on a machine that trains."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(limits=1, user_api="blas")


class OneRow:
    """Answers rows that `check_row` made usable, as `FittedModel.predict_features` does. Safe to use from several
    threads."""

    def __init__(
        self,
        encoders: Sequence[Encoder],
        members: Sequence[Member],
        n_outputs: int,
        pooling: Pooling,
        temperature: float | None,
    ):
        self._encode = RowEncoder(encoders)
        self._n_outputs = n_outputs
        self._pooling, self._temperature = pooling, temperature
        self._members = members
        # Of each member: its weight, and its answers with how many parts each speaks for.
        self._steps: list[_Steps] = [(member.weight, self._plain(member.parts)) for member in members]
        self._is_alone = len(members) == 1 and pooling is Pooling.MEAN
        self._is_prepared = False

    def __call__(self, row: Mapping[str, Any]) -> np.ndarray:
        members = list(self._steps)
        features = self._encode(row)
        if self._is_alone and len(members[0][1]) == 1:
            return tempered_row(members[0][1][0][1](features), self._temperature)
        return self._pooled(members, [[step(features) for _, step in steps] for _, steps in members])

    def many(self, rows: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
        """The answer to each of several rows: the same to the last bit as alone, whatever comes with it."""
        members = list(self._steps)
        features = np.array([self._encode(row) for row in rows])
        found = [[_each(step, features) for _, step in steps] for _, steps in members]
        return [
            self._pooled(members, [[answers[at] for answers in of_member] for of_member in found])
            for at in range(len(rows))
        ]

    def _pooled(self, members: "list[_Steps]", found: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """One answer from those of all steps of all members."""
        if self._is_alone and len(found[0]) == 1:
            return tempered_row(found[0][0], self._temperature)
        answers = []
        for (weight, steps), of_member in zip(members, found, strict=True):
            if len(steps) == 1:
                answers.append((weight, of_member[0]))
                continue
            answer = np.zeros(self._n_outputs)
            for (share, _), part in zip(steps, of_member, strict=True):
                answer += share * part
            answers.append((weight, answer))
        return tempered_row(pool(self._pooling, answers), self._temperature)

    def prepare(self) -> None:
        """Have each answered the shortest way from here on, where there is one; takes up to some seconds."""
        if self._is_prepared:
            return
        self._is_prepared = True
        for number, member in enumerate(self._members):
            self._steps[number] = (member.weight, self._quick(member.parts))

    def _plain(self, parts: Sequence[Part]) -> list[tuple[float, Answer]]:
        return [(1.0 / len(parts), self._of(part)) for part in parts]

    def _of(self, part: Part) -> Answer:
        positions, predict = self._encode.positions[part.encoder], part.predictor.predict_row
        if len(positions) == self._encode.width and bool((positions == np.arange(len(positions))).all()):
            return predict
        return lambda features: predict(features.take(positions))

    def _quick(self, parts: Sequence[Part]) -> list[tuple[float, Answer]]:
        kinds: dict[type[Predictor], list[Part]] = defaultdict(list)
        for part in parts:
            kinds[type(part.predictor)].append(part)
        found: list[tuple[float, Answer]] = []
        for kind, alike in kinds.items():
            together = self._trees(alike) if kind in _OF_TREES else self._networks(alike)
            if together is None:
                found += [(1.0 / len(parts), self._of(part)) for part in alike]
            else:
                found.append((len(alike) / len(parts), together))
        return found

    def _networks(self, parts: Sequence[Part]) -> Answer | None:
        """One answer for several networks; None where they are none, or of several shapes."""
        networks = [part.predictor for part in parts if isinstance(part.predictor, MultilayerPerceptronPredictor)]
        if len(networks) < 2:
            return None
        try:
            return RowPerceptrons(networks, [self._encode.positions[part.encoder] for part in parts])
        except (ValueError, MemoryError):
            return None

    def _trees(self, parts: Sequence[Part]) -> Answer | None:
        """One answer for several parts of trees; None where there is no shorter way than each part's own."""
        from flowml.automl.predictors.nodes.native import RowForests
        from flowml.automl.predictors.nodes.quickscorer import RowQuickScorer
        from flowml.automl.predictors.nodes.reading import forest_of
        from flowml.automl.predictors.nodes.symmetric import RowSymmetricForests
        from flowml.automl.predictors.nodes.walk import RowTrees

        features = [self._encode.positions[part.encoder] for part in parts]
        own = [part.predictor for part in parts if isinstance(part.predictor, TreesPredictor)]
        try:
            if own and (own[0].combine == "median" or sum(len(one.flat.child) for one in own) > _MANY_NODES):
                return RowTrees(own, features)
            forests = [forest for part in parts if (forest := forest_of(part.predictor)) is not None]
            if isinstance(parts[0].predictor, CatBoostPredictor):
                return RowSymmetricForests(forests, features)
            try:
                return RowQuickScorer(forests, features)
            except ValueError as reason:
                _log.debug("trees are walked natively: %s", reason)
            texts = [part.predictor for part in parts if isinstance(part.predictor, LightGBMPredictor)]
            if texts:
                return RowForests.of_lightgbm([one.model for one in texts], texts[0].n_outputs, features)
            return RowForests(forests, features)
        except (ValueError, OSError, AttributeError, LookupError, MemoryError, FlowMLError) as reason:
            _log.debug("trees are answered the longer way: %s", reason)
        try:
            return RowTrees(own, features) if own else None
        except (ValueError, MemoryError):
            return None


def _each(step: Answer, features: np.ndarray) -> Sequence[np.ndarray]:
    """The answer to each row of features, (rows, features), of a step that may have a shorter way for several."""
    together = getattr(step, "many", None)
    return [step(row) for row in features] if together is None else together(features)
