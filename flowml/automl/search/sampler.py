"""Which trial comes next, from what is known at this moment.

First the portfolio; then configurations by the tree-structured Parzen estimator, in the families that promise most,
each of which gets the share of the time that it has earned.
"""

import json
import math
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from flowml.automl.algorithms.base import Algorithm
from flowml.automl.search import race
from flowml.automl.search.forecast import Forecast
from flowml.automl.search.portfolio import STRONG, Candidate
from flowml.automl.search.tpe import propose
from flowml.automl.task.shape import TaskShape
from flowml.automl.trial.sharing import is_big
from flowml.domain.trials import TrialSpec, TrialStatus

SHARE_OF_TIME_LEFT = 0.9
LEAST_WEIGHT = 0.04
NEAR = 0.05
LONGEST_STRETCH = 3.0


@dataclass(frozen=True)
class Study:
    """What stays the same during a search.

    `stated`: seconds a trial of each algorithm by its own forecast; `measured`: whether forecasts learn from the
    seconds that trials really took; `perfect`: the best gain that there can be.
    """

    shape: TaskShape
    algorithms: Mapping[str, Algorithm]
    portfolio: Sequence[Candidate]
    stated: Mapping[str, float]
    seed: int
    measured: bool
    perfect: float
    n_folds: int


@dataclass(frozen=True)
class Result:
    """How a trial ended. `gain`: greater is better, None where there is none."""

    gain: float | None
    fit_seconds: float
    status: TrialStatus
    applicable: bool = True
    first_fold: float | None = None


class Sampler:
    """One decision of the search, from what is known at that moment."""

    def __init__(
        self,
        study: Study,
        number: int,
        specs: Mapping[int, TrialSpec],
        known: Mapping[int, Result],
        shares: Mapping[str, float],
        tried: Collection[str],
        used_up: MutableMapping[str, tuple[int, int]],
    ):
        """`specs`: all trials asked for so far, `tried` by their keys (`key_of`); `known`: those whose results count;
        `shares`: of the ensemble; `used_up`: families of which no new configuration was found, with how many were asked
        for and known then, kept from decision to decision."""
        self._used_up = used_up
        self._shares = shares
        self._study = study
        self._number = number
        self._specs = specs
        self._known = {n: known[n] for n in sorted(known) if specs[n].algorithm in study.algorithms}
        self._tried = tried
        self._known_of: dict[str, dict[int, Result]] = {name: {} for name in study.algorithms}
        for n, result in self._known.items():
            self._known_of[specs[n].algorithm][n] = result
        self._forecast = self._learned()
        self._open_to_all = [name for name in study.algorithms if not self._given_up(name)]
        is_open = {spec.algorithm for n, spec in specs.items() if n not in known}
        self._any_open = bool(is_open)
        # Strong families of which nothing is known yet, but soon will be.
        self._awaited = {name for name in STRONG if name in is_open and not self._known_of.get(name)}

    def _learned(self) -> Forecast:
        forecast = Forecast(self._study.stated)
        if not self._study.measured:
            return forecast
        for number, result in self._known.items():
            name = self._specs[number].algorithm
            if result.status is TrialStatus.FINISHED:
                forecast.saw(name, result.fit_seconds)
            elif result.status is TrialStatus.CANCELLED:
                forecast.saw_at_least(name, result.fit_seconds)
        return forecast

    def _given_up(self, name: str) -> bool:
        """An algorithm that is not for this table, or failed twice in a row, is not asked again."""
        ends = [result for result in self._known_of[name].values() if result.status is not TrialStatus.CANCELLED]
        failed = [result.status is TrialStatus.FAILED for result in ends[-2:]]
        return any(not result.applicable for result in ends) or (len(failed) == 2 and all(failed))

    def seconds(self, name: str) -> float:
        """How long a trial of this algorithm will take."""
        return self._forecast.seconds(name)

    def bar(self, name: str) -> float | None:
        """What the first fold of a trial of this algorithm has to reach."""
        firsts = {
            number: result.first_fold
            for number, result in self._known.items()
            if result.gain is not None and result.first_fold is not None
        }
        of_family = [gain for number, gain in firsts.items() if self._specs[number].algorithm == name]
        return race.bar(
            list(firsts.values()),
            of_family,
            perfect=self._study.perfect,
            n_rows=self._study.shape.n_rows,
            n_folds=self._study.n_folds,
        )

    def next(self, time_left: float) -> TrialSpec | None:
        """The trial to run, or None when nothing fits into the time or is worth trying."""
        affordable = [
            name for name in self._open_to_all if self._forecast.seconds(name) <= SHARE_OF_TIME_LEFT * time_left
        ]
        if not self._specs and self._study.portfolio and is_big(self._study.shape):
            first = self._study.portfolio[0]
            if first.algorithm not in affordable:
                # It can be cut short, and what it has by then is more than anything cheaper learns from so many rows.
                hurried = self._study.algorithms[first.algorithm].hurried(first.params, LONGEST_STRETCH)
                return self._made_to_fit(first.algorithm, first.params, time_left, "portfolio") or TrialSpec(
                    self._number, first.algorithm, dict(hurried or first.params), "portfolio"
                )
        if not self._specs and not affordable and self._study.portfolio:
            # Whatever the budget, something is tried.
            affordable = [min(self._study.stated, key=lambda name: self._study.stated[name])]
        for candidate in self._study.portfolio:
            fresh = key_of(candidate.algorithm, candidate.params) not in self._tried
            if candidate.algorithm in affordable and fresh:
                return TrialSpec(self._number, candidate.algorithm, candidate.params, "portfolio")
            if candidate.algorithm in STRONG and candidate.algorithm in self._open_to_all and self._unseen(candidate):
                # A strong family in a hurry is worth more than what comes after it in peace.
                spec = self._made_to_fit(candidate.algorithm, candidate.params, time_left, "portfolio")
                if spec is not None:
                    return spec
        for name in self._by_promise(affordable):
            params = self._propose(name)
            if params is not None:
                return TrialSpec(self._number, name, params, "search")
        if affordable and self._any_open and not any(self._gains(name) for name in self._open_to_all):
            # There is time, but nothing to go by yet: more of what is tried already would tell nobody anything.
            return None
        return self._hurried(time_left)

    def _hurried(self, time_left: float) -> TrialSpec | None:
        """The best-placed configuration that would need a little more than there is, made to fit."""
        for name in [*self._by_promise(self._open_to_all), *self._open_to_all]:
            first = self._study.algorithms[name].first_configurations(self._study.shape)[:1]
            for base in [*self._best_params(name), *first]:
                spec = self._made_to_fit(name, base, time_left, "search")
                if spec is not None:
                    return spec
        return None

    def _made_to_fit(self, name: str, base: Mapping[str, Any], time_left: float, origin: str) -> TrialSpec | None:
        """A configuration that takes no longer than there is, or None where that cannot be had."""
        factor = self._forecast.seconds(name) / max(SHARE_OF_TIME_LEFT * time_left, 1e-9)
        if factor > LONGEST_STRETCH:
            return None
        params = self._study.algorithms[name].hurried(base, 1.1 * max(1.0, factor))
        if params is None or key_of(name, params) in self._tried:
            return None
        return TrialSpec(self._number, name, params, origin)

    def _unseen(self, candidate: Candidate) -> bool:
        return all(spec.algorithm != candidate.algorithm for spec in self._specs.values())

    def _best_params(self, name: str) -> list[Mapping[str, Any]]:
        """The configuration of this family that has done best, if any."""
        done = [(result.gain, -number) for number, result in self._known_of[name].items() if result.gain is not None]
        return [self._specs[-max(done)[1]].params] if done else []

    def _by_promise(self, names: Sequence[str]) -> list[str]:
        """Families by who is furthest behind the share of the time that it has earned."""
        best = {name: max(self._gains(name), default=-math.inf) for name in names}
        leader = max((gain for name in self._open_to_all for gain in self._gains(name)), default=-math.inf)
        awaited = [name for name in names if name in self._awaited]
        if awaited:
            # What is known so early are the trials that take a moment, and to fill very many places with more of those
            # would be a waste.
            names = [name for name in names if name in STRONG]
        elif leader == -math.inf:
            return []
        least_loss = max(self._study.perfect - leader, 1e-9) if leader > -math.inf else 1.0
        # Within this part of the best loss two families are about as good; more where few rows make it uncertain.
        near = NEAR + 1.0 / math.sqrt(self._study.shape.n_rows)

        overdrawn: dict[str, float] = {}
        for name in names:
            if name in awaited:
                overdrawn[name] = self._spent(name) + self._forecast.seconds(name)
                continue
            if best[name] == -math.inf:
                continue
            weight = math.exp(-min((leader - best[name]) / (near * least_loss), 50.0)) * 0.85 ** self._stale(name)
            # What a family brings to the ensemble counts as much as how good it is alone.
            weight = max(weight, self._shares.get(name, 0.0) * 0.9 ** self._stale(name))
            if weight < LEAST_WEIGHT and best[name] < leader:
                # Far behind, or gaining nothing: more of the same would only fill the list.
                continue
            overdrawn[name] = (self._spent(name) + self._forecast.seconds(name)) / max(weight, LEAST_WEIGHT)
        return sorted(overdrawn, key=lambda name: (overdrawn[name], name))

    def _gains(self, name: str) -> list[float]:
        return [result.gain for result in self._known_of[name].values() if result.gain is not None]

    def _stale(self, name: str) -> int:
        """Trials of this family since its best."""
        gains = self._gains(name)
        return len(gains) - 1 - gains.index(max(gains)) if gains else 0

    def _spent(self, name: str) -> float:
        """Seconds that this family has had, open trials included by their forecast."""
        total = 0.0
        for number, spec in self._specs.items():
            if spec.algorithm != name:
                continue
            result = self._known.get(number)
            measured = result is not None and self._study.measured
            total += result.fit_seconds if result is not None and measured else self._forecast.seconds(name)
        return total

    def _propose(self, name: str) -> dict[str, Any] | None:
        """A configuration of this family that was not tried, or None when a few draws give none."""
        specs = {number: spec for number, spec in self._specs.items() if spec.algorithm == name}
        finished = [
            (specs[number].params, result.gain)
            for number, result in self._known.items()
            if number in specs and result.gain is not None
        ]
        pending = [
            spec.params
            for number, spec in specs.items()
            if number not in self._known or self._known[number].status is TrialStatus.PRUNED
        ]
        # With nothing new of a family to go by, draws would be in vain again, and they take most of a decision's time.
        record = (len(specs), len(finished))
        if self._used_up.get(name) == record:
            return None
        space = self._study.algorithms[name].search_space(self._study.shape)
        for draw in range(4):
            seed = self._study.seed * 1_000_003 + self._number * 31 + draw
            # Where nothing is known of a family, none of those that are pending is better than another.
            params = propose(space, finished, pending if finished else [], seed)
            if key_of(name, params) not in self._tried:
                return params
        self._used_up[name] = record
        return None


def key_of(name: str, params: Mapping[str, Any]) -> str:
    """The same for the same configuration of an algorithm."""
    return f"{name} {json.dumps(params, sort_keys=True, default=str)}"
