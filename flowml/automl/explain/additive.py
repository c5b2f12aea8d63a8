"""Why a model says what it says of a row: what each column adds, up to the answer.

Each part of a model is explained by itself (`scores.py` exactly, `shapley.py` otherwise), and what is said of the parts
goes the way of their answers: averaged within a member, then pooled by the members' weights and calibrated as the model
does it. It always adds up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from flowml.automl.explain.links import identity, log_slopes, mean_slopes
from flowml.automl.explain.rows import column_of
from flowml.automl.explain.scores import SAMPLED, Explainer, Scores, exact
from flowml.automl.explain.shapley import shapley
from flowml.automl.features.prepared import Labels, Prepared, PreparedColumn
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.model.pooling import Pooling
from flowml.domain.datasets import Role

# As `pooling.pool` and `calibration.tempered` have them.
_SMALLEST_POOLED, _SMALLEST = 1e-6, 1e-7
_LEAST = 1e-300


class Output(StrEnum):
    """What contributions add up to.

    `value`: the number that is predicted. `probability`: of the class. `log-odds`: of two classes the logarithm of the
    probability of the class over that of the other; of more, the logarithm of its probability less the mean of those of
    all classes.
    """

    VALUE = "value"
    PROBABILITY = "probability"
    LOG_ODDS = "log-odds"


@dataclass(frozen=True)
class Explanation:
    """`base` (outputs,) and `added` (columns, outputs) in the units of `output`, for the columns of `names` and each of
    the classes, or the one number. `methods`: of each member its algorithm, weight, and how it was explained."""

    output: Output
    names: tuple[str, ...]
    base: np.ndarray
    added: np.ndarray
    methods: tuple[tuple[str, float, str], ...]

    @property
    def margin(self) -> np.ndarray:
        """Of each class, or the number: what is added up to, (outputs,)."""
        return np.asarray(self.base + self.added.sum(axis=0))

    @property
    def is_exact(self) -> bool:
        """Whether trees and lines were all there was to explain."""
        return all(method != SAMPLED for _, _, method in self.methods)


class ModelExplainer:
    """Explains rows of one model. What it knows of the trees takes some memory and time to make, once."""

    def __init__(self, model: FittedModel):
        self._model = model
        self.names = tuple(feature.name for feature in model.schema.features)
        self._roles = model.schema.roles
        # No text is typical: any one of them would say of whoever happens to have it.
        self._typical = {
            feature.name: None if feature.role is Role.TEXT else feature.example for feature in model.schema.features
        }
        self._encode = [encoder.compile() for encoder in model.encoders]
        self._typical_vectors = [encode(self._typical) for encode in self._encode]
        place = {name: at for at, name in enumerate(self.names)}
        self._owners = []
        for encoder in model.encoders:
            # Of each encoded feature and column of it: which, and its share. What two columns say is half of each.
            owned = [
                (at, place[name], 1.0 / len(origins)) for at, origins in enumerate(encoder.origins) for name in origins
            ]
            self._owners.append(
                (
                    np.array([feature for feature, _, _ in owned], dtype=np.intp),
                    np.array([column for _, column, _ in owned], dtype=np.intp),
                    np.array([share for _, _, share in owned], dtype=np.float64),
                )
            )
        self._explainers = [[exact(part.predictor) for part in member.parts] for member in model.members]

    @property
    def is_exact(self) -> bool:
        """Whether every part is explained by its trees or its line, none by asking."""
        return all(explainer is not None for explainers in self._explainers for explainer in explainers)

    @property
    def n_bytes(self) -> int:
        """What it knows of trees, in memory."""
        return sum(getattr(explainer, "n_bytes", 0) for explainers in self._explainers for explainer in explainers)

    def explain(self, row: Mapping[str, Any]) -> Explanation:
        """A row as `check_row` left it."""
        vectors = [encode(row) for encode in self._encode]
        asked = [
            part
            for member, explainers in zip(self._model.members, self._explainers, strict=True)
            for part, explainer in zip(member.parts, explainers, strict=True)
            if explainer is None
        ]
        sampled = iter(self._sampled(row, asked))
        members, methods = [], []
        for member, explainers in zip(self._model.members, self._explainers, strict=True):
            found = [
                next(sampled) if explainer is None else self._exactly(part, explainer, vectors)
                for part, explainer in zip(member.parts, explainers, strict=True)
            ]
            members.append(found)
            how = {part.method for part in found}
            methods.append((member.algorithm, member.weight, how.pop() if len(how) == 1 else SAMPLED))
        output, base, added = self._pooled(members)
        return Explanation(output, self.names, base, added, tuple(methods))

    def _exactly(self, part: Part, explainer: Explainer, vectors: list[np.ndarray]) -> Scores:
        """By column of the table."""
        found = explainer(vectors[part.encoder], self._typical_vectors[part.encoder])
        features, columns, parts = self._owners[part.encoder]
        added = np.zeros((len(self.names), found.added.shape[1]))
        np.add.at(added, columns, parts[:, None] * found.added[features])
        return Scores(found.base, added, found.link, found.method)

    def _sampled(self, row: Mapping[str, Any], parts: list[Part]) -> list[Scores]:
        """Parts that are asked about many rows between the typical one and this."""
        if not parts:
            return []
        pairs = {name: column_of(self._roles[name], [self._typical[name], row.get(name)]) for name in self.names}
        differing = [name for name in self.names if _differs(pairs[name])]
        place = {name: at for at, name in enumerate(differing)}

        def answers(coalitions: np.ndarray) -> np.ndarray:
            inside = coalitions.astype(np.intp)
            none = np.zeros(len(coalitions), dtype=np.intp)
            table = Prepared(
                {name: pairs[name].take(inside[:, place[name]] if name in place else none) for name in self.names},
                len(coalitions),
            )
            encoded = {
                number: self._model.encoders[number].transform(table).values
                for number in {part.encoder for part in parts}
            }
            return np.concatenate([part.predictor.predict(encoded[part.encoder]) for part in parts], axis=1)

        base, found = shapley(answers, len(differing))
        # Many rows and one are not added in the same order everywhere; what that leaves belongs to no column.
        vectors = {number: self._encode[number](row) for number in {part.encoder for part in parts}}
        alone = np.concatenate([part.predictor.predict_row(vectors[part.encoder]) for part in parts])
        base = base + alone - (base + found.sum(axis=0))
        added = np.zeros((len(self.names), len(base)))
        added[[self.names.index(name) for name in differing]] = found
        width = self._model.schema.n_outputs
        link = identity(width, is_probability=self._model.schema.classes is not None)
        return [
            Scores(base[at : at + width], added[:, at : at + width], link, SAMPLED) for at in range(0, len(base), width)
        ]

    def _pooled(self, members: list[list[Scores]]) -> tuple[Output, np.ndarray, np.ndarray]:
        model = self._model
        if model.schema.classes is None:
            return (Output.VALUE, *_weighted(model.members, [_answers(parts) for parts in members]))
        in_shares = all(part.link.is_probability for parts in members for part in parts)
        if model.temperature is None and model.pooling is Pooling.MEAN and (len(members) > 1 or in_shares):
            return (Output.PROBABILITY, *_weighted(model.members, [_answers(parts) for parts in members]))
        if model.pooling is Pooling.LOG:
            found = [_logarithms(parts, _SMALLEST_POOLED) for parts in members]
        elif len(members) == 1:
            # Without a temperature nothing takes a logarithm but whoever looks.
            found = [_logarithms(members[0], _LEAST if model.temperature is None else _SMALLEST)]
        else:
            base, added = _weighted(model.members, [_answers(parts) for parts in members])
            slopes = log_slopes(base, base + added.sum(axis=0), _SMALLEST)
            found = [(np.log(np.maximum(base, _SMALLEST)), added * slopes)]
        base, added = _weighted(model.members, found) if len(found) == len(members) else found[0]
        temperature = model.temperature or 1.0
        if len(base) == 2:
            return (
                Output.LOG_ODDS,
                (base - base[::-1]) / temperature,
                (added - added[:, ::-1]) / temperature,
            )
        return (
            Output.LOG_ODDS,
            (base - base.mean()) / temperature,
            (added - added.mean(axis=1, keepdims=True)) / temperature,
        )


def margin_of(output: Output, answers: np.ndarray) -> np.ndarray:
    """The same as `Explanation.margin` from what the model answers, (outputs,)."""
    if output is not Output.LOG_ODDS:
        return answers
    logarithms = np.log(np.maximum(answers, _LEAST))
    if len(answers) == 2:
        return np.asarray(logarithms - logarithms[::-1])
    return np.asarray(logarithms - logarithms.mean())


def _answers(parts: list[Scores]) -> tuple[np.ndarray, np.ndarray]:
    """Base and contributions of the mean of what the parts answer."""
    bases, added = [], []
    for part in parts:
        slopes = mean_slopes(part.link, part.base, part.total)
        bases.append(part.link.answer(part.base))
        added.append(part.added @ slopes.T)
    return np.mean(bases, axis=0), np.mean(added, axis=0)


def _logarithms(parts: list[Scores], smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """The same of the logarithms of a member's probabilities, none below `smallest`, up to one constant for all."""
    if len(parts) == 1 and parts[0].link.is_log_odds:
        part = parts[0]
        if min(part.link.answer(part.base).min(), part.link.answer(part.total).min()) > smallest:
            # Its scores are what is asked for, and no curve lies between.
            if len(part.base) > 1:
                return part.base, part.added
            return np.append(0.0, part.base), np.pad(part.added, ((0, 0), (1, 0)))
    base, added = _answers(parts)
    slopes = log_slopes(base, base + added.sum(axis=0), smallest)
    return np.log(np.maximum(base, smallest)), added * slopes


def _weighted(members: tuple[Member, ...], found: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    base, added = np.zeros_like(found[0][0]), np.zeros_like(found[0][1])
    for member, (its_base, its_added) in zip(members, found, strict=True):
        base = base + member.weight * its_base
        added = added + member.weight * its_added
    return base, added


def _differs(pair: PreparedColumn) -> bool:
    if isinstance(pair, Labels):
        return bool(pair.codes[0] != pair.codes[1])
    first, second = pair.values.tolist()
    return not (first == second or (first != first and second != second))
