"""What to try next: first the portfolio, then a search in the families that promise most.

The search is asked for trials and told how they ended; it runs nothing and has no clock. What it proposes depends
only on the trials asked for so far, on what is known of them, on the seed and on the time left.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Literal

from flowml.automl.algorithms.base import Algorithm, TaskShape
from flowml.automl.forecast import Forecast
from flowml.automl.portfolio import most_trials, portfolio
from flowml.automl.tpe import propose
from flowml.domain.errors import NotApplicable
from flowml.domain.trials import Trial, TrialSpec, TrialStatus


class Wait(Enum):
    """Nothing to propose before more of the open trials have ended."""

    WAIT = "wait"


WAIT: Final[Literal[Wait.WAIT]] = Wait.WAIT

# In a run with `max_trials`, trial n is chosen by the results of trials up to n - LAG: up to so many may run side by
# side, and in whichever order they end, the same trials are proposed.
LAG = 4
PATIENCE = 15
SHARE_OF_TIME_LEFT = 0.9
LEAST_WEIGHT = 0.04


@dataclass(frozen=True)
class Result:
    """How a trial ended. `gain`: greater is better, None where there is none."""

    gain: float | None
    fit_seconds: float
    status: TrialStatus
    applicable: bool = True


class Search:
    """The trials of one run. `not_applicable` says which algorithms are left out from the start, and why."""

    def __init__(
        self,
        shape: TaskShape,
        algorithms: Sequence[Algorithm],
        *,
        metric_greater_is_better: bool,
        seed: int,
        max_trials: int | None = None,
        n_folds: int = 5,
    ):
        self.not_applicable: dict[str, str] = {}
        self._shape = shape
        self._greater_is_better = metric_greater_is_better
        self._seed = seed
        self._max_trials = max_trials
        self._algorithms: dict[str, Algorithm] = {}
        for algorithm in algorithms:
            try:
                algorithm.check(shape)
                self._algorithms[algorithm.name] = algorithm
            except NotApplicable as reason:
                self.not_applicable[algorithm.name] = reason.detail
        self._portfolio = portfolio(list(self._algorithms.values()), shape)
        self._stated = {
            name: n_folds * algorithm.seconds_per_fit(shape) for name, algorithm in self._algorithms.items()
        }
        self._limit = max_trials or most_trials(shape, len(self._algorithms))
        self._specs: dict[int, TrialSpec] = {}
        self._results: dict[int, Result] = {}

    def ask(self, time_left: float, slots: int) -> TrialSpec | Wait | None:
        """The next trial to run; WAIT when that depends on open trials; None when nothing more is worth trying.

        `time_left`: seconds until a trial proposed now must be over. `slots`: trials that may run at once.
        """
        number = max(self._specs, default=-1) + 1
        if self._limit is not None and number >= self._limit:
            return None
        known = self._results
        if self._max_trials is not None:
            if any(earlier not in known for earlier in self._specs if earlier <= number - LAG):
                return WAIT
            known = {earlier: result for earlier, result in known.items() if earlier <= number - LAG}
        if self._stalled(known):
            return None
        chosen = _Choice(self, number, known).next(time_left)
        if chosen is None:
            return WAIT if len(self._results) < len(self._specs) else None
        self._specs[number] = chosen
        return chosen

    def tell(
        self, number: int, gain: float | None, fit_seconds: float, status: TrialStatus, *, applicable: bool = True
    ) -> None:
        """How trial `number` ended; `gain` is its score where greater is better. A number never asked is ignored."""
        if number in self._specs:
            usable = gain if gain is not None and math.isfinite(gain) else None
            self._results[number] = Result(usable, fit_seconds, status, applicable)

    def resume(self, trials: Sequence[Trial]) -> None:
        """Go on from the trials of an earlier life of this run; those not ended yet are open and will be told."""
        for trial in trials:
            self._specs[trial.number] = TrialSpec(trial.number, trial.algorithm, trial.params, trial.origin)
            if trial.status.ended:
                gain = trial.score if self._greater_is_better or trial.score is None else -trial.score
                self.tell(trial.number, gain, trial.fit_seconds or 0.0, trial.status)

    def _stalled(self, known: Mapping[int, Result]) -> bool:
        """Whether a table so small that further search finds luck has not gained anything for a while."""
        if self._max_trials is not None or most_trials(self._shape, 0) is None:
            return False
        best, since = -math.inf, 0
        for number in sorted(known):
            gain = known[number].gain
            if gain is not None and gain > best:
                best, since = gain, 0
            elif self._specs[number].origin == "search":
                since += 1
        return since >= PATIENCE


class _Choice:
    """One decision of the search, from what is known at that moment."""

    def __init__(self, search: Search, number: int, known: Mapping[int, Result]):
        self._search = search
        self._number = number
        self._known = {n: known[n] for n in sorted(known) if search._specs[n].algorithm in search._algorithms}
        self._tried = {_key(spec.algorithm, spec.params) for spec in search._specs.values()}
        self._forecast = self._learned()
        self._open_to_all = [name for name in search._algorithms if not self._given_up(name)]

    def _learned(self) -> Forecast:
        forecast = Forecast(self._search._stated)
        if self._search._max_trials is not None:
            # Seconds differ from run to run: what is to come out the same must not look at them.
            return forecast
        for number, result in self._known.items():
            name = self._search._specs[number].algorithm
            if result.status is TrialStatus.FINISHED:
                forecast.saw(name, result.fit_seconds)
            elif result.status is TrialStatus.CANCELLED:
                forecast.saw_at_least(name, result.fit_seconds)
        return forecast

    def _given_up(self, name: str) -> bool:
        """An algorithm that is not for this table, or failed twice in a row, is not asked again."""
        ends = [
            result
            for number, result in self._known.items()
            if self._search._specs[number].algorithm == name and result.status is not TrialStatus.CANCELLED
        ]
        failed = [result.status is TrialStatus.FAILED for result in ends[-2:]]
        return any(not result.applicable for result in ends) or (len(failed) == 2 and all(failed))

    def next(self, time_left: float) -> TrialSpec | None:
        affordable = [
            name for name in self._open_to_all if self._forecast.seconds(name) <= SHARE_OF_TIME_LEFT * time_left
        ]
        if not self._search._specs and not affordable and self._search._portfolio:
            # Whatever the budget, something is tried.
            affordable = [min(self._search._stated, key=lambda name: self._search._stated[name])]
        for candidate in self._search._portfolio:
            fresh = _key(candidate.algorithm, candidate.params) not in self._tried
            if candidate.algorithm in affordable and fresh:
                return TrialSpec(self._number, candidate.algorithm, candidate.params, "portfolio")
        for name in self._by_promise(affordable):
            params = self._propose(name)
            if params is not None:
                return TrialSpec(self._number, name, params, "search")
        return None

    def _by_promise(self, names: Sequence[str]) -> list[str]:
        """Families by who is furthest behind the share of the time that it has earned."""
        best = {name: max(self._gains(name), default=-math.inf) for name in names}
        reached = sorted((gain for gain in best.values() if gain > -math.inf), reverse=True)
        if not reached:
            return list(names)
        gaps = [reached[0] - gain for gain in reached[1:]]
        usual = max(gaps[len(gaps) // 2] if gaps else 0.0, 1e-9)

        def overdrawn(name: str) -> float:
            weight = math.exp(-2.0 * min((reached[0] - best[name]) / usual, 50.0)) * 0.85 ** self._stale(name)
            return (self._spent(name) + self._forecast.seconds(name)) / max(weight, LEAST_WEIGHT)

        return sorted((name for name in names if best[name] > -math.inf), key=lambda name: (overdrawn(name), name))

    def _gains(self, name: str) -> list[float]:
        return [
            result.gain
            for number, result in self._known.items()
            if self._search._specs[number].algorithm == name and result.gain is not None
        ]

    def _stale(self, name: str) -> int:
        """Trials of this family since its best."""
        gains = self._gains(name)
        return len(gains) - 1 - gains.index(max(gains)) if gains else 0

    def _spent(self, name: str) -> float:
        """Seconds that this family has had, open trials included by their forecast."""
        total = 0.0
        for number, spec in self._search._specs.items():
            if spec.algorithm != name:
                continue
            result = self._known.get(number)
            measured = result is not None and self._search._max_trials is None
            total += result.fit_seconds if result is not None and measured else self._forecast.seconds(name)
        return total

    def _propose(self, name: str) -> dict[str, Any] | None:
        """A configuration of this family that was not tried, or None when a few draws give none."""
        specs = {number: spec for number, spec in self._search._specs.items() if spec.algorithm == name}
        finished = [
            (specs[number].params, result.gain)
            for number, result in self._known.items()
            if number in specs and result.gain is not None
        ]
        pending = [spec.params for number, spec in specs.items() if number not in self._known]
        space = self._search._algorithms[name].search_space(self._search._shape)
        for draw in range(4):
            seed = self._search._seed * 1_000_003 + self._number * 31 + draw
            params = propose(space, finished, pending, seed)
            if _key(name, params) not in self._tried:
                return params
        return None


def _key(name: str, params: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(params, sort_keys=True, default=str)}"
