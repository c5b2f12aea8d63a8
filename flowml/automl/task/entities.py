"""Whether rows of a table belong to entities that occur several times: visits of a patient, orders of a customer.

Models that are tested on rows of entities which they have learned from look better than they are for new ones. But
where new rows are of the same ones (models of a device, branches of a shop), knowing them is what counts. A table
cannot say which it will be; names and numbers make it more or less likely. So this is sure only of individuals: many
values, each in a few rows, a name for persons or for the number of each thing, and a target that agrees within a value
by far more than chance would have it. All else that is alike becomes advice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.automl.features.prepared import Labels, Numbers, prepare
from flowml.data.names import named_like_identifier
from flowml.domain.datasets import Role

# Those who are met once, however many rows they have then.
_INDIVIDUAL = re.compile(
    r"(?:^|[^a-z])(patient|subject|customer|client|user|household|family|person|participant|respondent|volunteer"
    r"|student|pupil|employee|member|donor|animal)(?:$|[^a-z])"
)
# What may be an individual or one of a few kinds: which, only a number for each would tell.
_THING = re.compile(
    r"(?:^|[^a-z])(driver|player|speaker|writer|author|device|machine|engine|sensor|vehicle|account|session|case)"
    r"(?:$|[^a-z])"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FEWEST_ROWS = 40
_MOST_ROWS = 4_000
_MOST_COLUMNS = 60
_FEWEST_EACH, _MOST_EACH = 1.5, 50.0
_MOST_EACH_OF_ENTITIES = 500.0
# Sure only of so many values, in so few rows each.
_MANY, _FEW_EACH = 30, 20.0
_SHARE_IN_GROUPS = 0.6
_ALIKE = 0.3
_VERY_ALIKE = 0.85
_AS_NEIGHBOURS = 0.75
_SHUFFLES = 20
# Standard deviations of what chance does.
_SURE = 5.0


@dataclass(frozen=True)
class Entity:
    """A column that says to whom each row belongs; `rows_each` on average. Not `sure`: new rows may well be of the same
    ones."""

    column: str
    rows_each: float
    sure: bool


def find_entity(
    frame: pl.DataFrame, roles: Mapping[str, Role], target: np.ndarray, *, target_name: str, classification: bool
) -> Entity | None:
    """The column whose values are entities that rows repeat, or None.

    None too where several columns would do: users rate films, and neither alone ties the rows together.
    """
    if frame.height < _FEWEST_ROWS:
        return None
    found: list[Entity] = []
    rivals: list[str] = []
    for name in frame.columns:
        if name != target_name and (candidate := _candidate(frame[name], roles[name])) is not None:
            evidence = _Evidence(frame, roles, target, candidate, target_name, classification)
            if evidence.convincing():
                found.append(Entity(name, candidate.rows_each, candidate.individual and evidence.target_agrees()))
            elif evidence.of_target > _ALIKE:
                rivals.append(name)
    if not found:
        return None
    # Of sessions and their patients it is the patients who have to be new.
    largest = max(
        [entity for entity in found if entity.sure] or found, key=lambda entity: (entity.rows_each, entity.column)
    )
    others = [frame[entity.column] for entity in found if entity is not largest] + [frame[name] for name in rivals]
    whole = frame[largest.column]
    return largest if all(_within(whole, other) or _within(other, whole) for other in others) else None


@dataclass(frozen=True)
class _Candidate:
    """`groups`: the number of the value of each row, in the order of the values for numbers; -1: missing."""

    name: str
    groups: np.ndarray
    rows_each: float
    telling: bool
    identifier: bool
    ordered: bool
    individual: bool


def _candidate(series: pl.Series, role: Role) -> _Candidate | None:
    if role not in (Role.NUMERIC, Role.CATEGORICAL, Role.TEXT) or series.dtype.is_float():
        return None
    spelled = _CAMEL.sub("_", series.name).lower()
    person, identifier = bool(_INDIVIDUAL.search(spelled)), named_like_identifier(series.name)
    telling = person or bool(_THING.search(spelled))
    if series.dtype.is_integer() and not (telling or identifier):
        return None
    n_unique = series.n_unique()
    counted = series.len() - series.null_count()
    rows_each = counted / max(n_unique, 1)
    if n_unique < (10 if telling else 30) or counted < 0.9 * series.len():
        return None
    if not _FEWEST_EACH <= rows_each <= (_MOST_EACH_OF_ENTITIES if telling else _MOST_EACH):
        return None
    groups = series.rank("dense").cast(pl.Int64).fill_null(0).to_numpy().astype(np.int64) - 1
    counts = np.bincount(groups[groups >= 0])
    if counts[counts > 1].sum() < _SHARE_IN_GROUPS * counted:
        return None
    individual = (person or (telling and identifier)) and n_unique >= _MANY and rows_each <= _FEW_EACH
    return _Candidate(series.name, groups, rows_each, telling, identifier, series.dtype.is_integer(), individual)


class _Evidence:
    """How alike rows of one value are, in the target and in the other columns, on a sample of whole groups."""

    def __init__(
        self,
        frame: pl.DataFrame,
        roles: Mapping[str, Role],
        target: np.ndarray,
        candidate: _Candidate,
        target_name: str,
        classification: bool,
    ):
        self._candidate = candidate
        rows = _sample(candidate)
        self._groups = candidate.groups[rows]
        others = [
            name
            for name, role in roles.items()
            if name in frame.columns
            and name not in (candidate.name, target_name)
            and role not in (Role.IDENTIFIER, Role.CONSTANT)
            and not frame[name].dtype.is_nested()
        ][:_MOST_COLUMNS]
        table = prepare(frame[rows].select(others), {name: roles[name] for name in others})
        self._columns = [
            _codes(column.codes) if isinstance(column, Labels) else _ranks(column.values)
            for column in table.columns.values()
            if isinstance(column, Labels | Numbers)
        ]
        self._target = _codes(target[rows]) if classification else _ranks(target[rows])
        self.of_target = likeness(self._target, self._groups)

    def convincing(self) -> bool:
        alike = [likeness(column, self._groups) for column in self._columns]
        if self._candidate.ordered and self._like_neighbours(alike):
            return False
        some = sum(value > _ALIKE for value in alike)
        very = sum(value > _VERY_ALIKE for value in alike)
        if self._candidate.telling:
            enough = self.of_target > _ALIKE or some >= max(2, 0.3 * len(alike))
        elif self._candidate.identifier:
            enough = very >= max(3, 0.5 * len(alike))
        else:
            enough = very >= max(4, 0.7 * len(alike)) and self.of_target > _ALIKE
        return enough and self._beyond_chance(max([self.of_target, *alike]))

    def target_agrees(self) -> bool:
        """Whether the target says by itself that rows of a value belong together: an intraclass correlation that
        counts, and by far more than in any of the groups of the same sizes drawn at random."""
        generator = np.random.default_rng(0)
        by_chance = [likeness(self._target, generator.permutation(self._groups)) for _ in range(_SHUFFLES)]
        return self.of_target > max(_ALIKE, float(np.mean(by_chance) + _SURE * np.std(by_chance)))

    def _like_neighbours(self, alike: list[float]) -> bool:
        """Whether rows of neighbouring values are about as alike as those of one value, as it is with amounts."""
        blocks = self._groups // int(np.clip(len(np.unique(self._groups)) // 8, 2, 4))
        both = [(one, likeness(column, blocks)) for one, column in zip(alike, self._columns, strict=True)]
        high = [(one, other) for one, other in both if one > _ALIKE]
        if not high:
            return likeness(self._target, blocks) > _AS_NEIGHBOURS * self.of_target
        return float(np.median([other / one for one, other in high])) > _AS_NEIGHBOURS

    def _beyond_chance(self, best: float) -> bool:
        generator = np.random.default_rng(0)
        chance = 0.0
        for _ in range(_SHUFFLES):
            shuffled = generator.permutation(self._groups)
            chance = max([chance, *(likeness(column, shuffled) for column in (self._target, *self._columns))])
        return best > 1.5 * chance


def _sample(candidate: _Candidate) -> np.ndarray:
    groups = candidate.groups
    known = np.flatnonzero(groups >= 0)
    if len(known) <= _MOST_ROWS:
        return known
    # Neighbouring values stay neighbours: every so many of them is a block of ten.
    blocks = int(groups.max()) // 10 + 1
    wanted = max(1, int(blocks * _MOST_ROWS / len(known)))
    chosen = np.zeros(blocks, dtype=bool)
    chosen[np.random.default_rng(0).permutation(blocks)[:wanted]] = True
    return np.asarray(known[chosen[groups[known] // 10]])


def likeness(values: np.ndarray, groups: np.ndarray) -> float:
    """1 - the spread within groups / the spread of all: 0 where groups say nothing, 1 where they decide.

    `values` float64 (rows,): the variance is taken, with an unbiased estimate within groups (the intraclass
    correlation of Fisher 1925); int64: class codes, whose Gini impurity is.
    """
    _, group = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group).astype(float)
    several = sizes > 1
    free = float(sizes[several].sum() - several.sum())
    if free < 1 or len(values) < 3:
        return 0.0
    if values.dtype.kind == "f":
        means = np.bincount(group, weights=values) / sizes
        within = float(((values - means[group]) ** 2).sum()) / free
        whole = float(values.var(ddof=1))
    else:
        n_codes = int(values.max()) + 1
        pairs = np.unique(group.astype(np.int64) * n_codes + values, return_counts=True)
        squares = np.bincount(pairs[0] // n_codes, weights=pairs[1].astype(float) ** 2, minlength=len(sizes))
        # Of two different rows of a group: how often do they differ? Summed so that a group counts by its rows.
        within = float(((sizes**2 - squares)[several] / sizes[several]).sum()) / free
        counts = np.bincount(values).astype(float)
        whole = 1.0 - float((counts * (counts - 1)).sum()) / (len(values) * (len(values) - 1))
    return 1.0 - within / whole if whole > 1e-9 else 0.0


def _codes(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the distinct values; missing ones in the middle."""
    known = np.isfinite(values)
    ranks = np.full(len(values), 0.0)
    ranks[known] = np.unique(values[known], return_inverse=True)[1].reshape(-1)
    if known.any():
        ranks[~known] = ranks[known].mean()
    return ranks


def _within(fine: pl.Series, coarse: pl.Series) -> bool:
    """Whether rows of the same value in the one have the same in the other."""
    both = pl.DataFrame({"fine": fine, "coarse": coarse})
    return both.n_unique() == fine.n_unique()
