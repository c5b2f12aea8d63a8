"""What to try next: first the portfolio, then a search in the families that promise most.

The search is asked for trials and told how they ended; it runs nothing and has no clock. What it proposes depends
only on the trials asked for so far, on what is known of them, on the seed and on the time left.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import Final, Literal

from flowml.automl.algorithms.base import Algorithm
from flowml.automl.search.portfolio import most_trials, portfolio
from flowml.automl.search.sampler import Result, Sampler, Study, key_of
from flowml.automl.task.shape import TaskShape
from flowml.domain.errors import NotApplicable
from flowml.domain.metrics import greater_is_better, perfect_gain
from flowml.domain.trials import Trial, TrialSpec, TrialStatus


class Wait(Enum):
    """Nothing to propose before more of the open trials have ended."""

    WAIT = "wait"


WAIT: Final[Literal[Wait.WAIT]] = Wait.WAIT

# In a run with `max_trials`, trial n is chosen by the results of trials up to n - LAG: up to so many may run side by
# side, and in whichever order they end, the same trials are proposed.
LAG = 4
PATIENCE = 15


class Search:
    """The trials of one run. `not_applicable` says which algorithms are left out from the start, and why."""

    def __init__(
        self,
        shape: TaskShape,
        algorithms: Sequence[Algorithm],
        *,
        metric: str,
        seed: int,
        max_trials: int | None = None,
        n_folds: int = 5,
    ):
        self.not_applicable: dict[str, str] = {}
        applicable: dict[str, Algorithm] = {}
        for algorithm in algorithms:
            try:
                algorithm.check(shape)
                applicable[algorithm.name] = algorithm
            except NotApplicable as reason:
                self.not_applicable[algorithm.name] = reason.detail
        self._study = Study(
            shape=shape,
            algorithms=applicable,
            portfolio=portfolio(list(applicable.values()), shape),
            stated={name: n_folds * algorithm.seconds_per_fit(shape) for name, algorithm in applicable.items()},
            seed=seed,
            # Seconds differ from run to run: what is to come out the same must not look at them.
            measured=max_trials is None,
            perfect=perfect_gain(metric),
            n_folds=n_folds,
        )
        self._greater_is_better = greater_is_better(metric)
        self._max_trials = max_trials
        self._limit = max_trials or most_trials(shape, len(applicable))
        self._specs: dict[int, TrialSpec] = {}
        self._results: dict[int, Result] = {}
        self._tried: set[str] = set()
        self._next_number = 0
        self._shares: dict[str, float] = {}
        self._used_up: dict[str, tuple[int, int]] = {}
        self.had_enough = False
        """Whether the last answer was None because more trials on so small a table would find luck, not skill."""

    def ask(self, time_left: float, slots: int) -> TrialSpec | Wait | None:
        """The next trial to run; WAIT when that depends on open trials; None when nothing more is worth trying.

        `time_left`: seconds until a trial proposed now must be over. `slots`: trials that may run at once.
        """
        number, known = self._next_number, self._results
        if self._limit is not None and len(self._specs) - self._pruned(known) >= self._limit:
            if self._max_trials is None and self._open():
                # One of them may yet turn out not to count.
                return WAIT
            self.had_enough = self._max_trials is None
            return None
        if self._max_trials is not None:
            if any(earlier not in known for earlier in self._specs if earlier <= number - LAG):
                return WAIT
            known = {earlier: result for earlier, result in known.items() if earlier <= number - LAG}
        if self._stalled(known):
            if self._open():
                # One of them may yet be the best.
                return WAIT
            self.had_enough = True
            return None
        sampler = Sampler(self._study, number, self._specs, known, self._shares, self._tried, self._used_up)
        open_trials = self._open()
        if len(open_trials) >= slots and self._max_trials is None:
            # It has to wait for one of them, of which about half is still to come.
            time_left -= 0.5 * min(sampler.seconds(name) for name in open_trials)
        chosen = sampler.next(time_left)
        if chosen is None and len(self._results) < len(self._specs):
            return WAIT
        if chosen is None and len(known) < len(self._results):
            # Nothing is open and what may be looked at is too little to go by: with everything in, so is everyone.
            chosen = Sampler(
                self._study, number, self._specs, self._results, self._shares, self._tried, self._used_up
            ).next(time_left)
        if chosen is None:
            return None
        bar = sampler.bar(chosen.algorithm)
        if bar is not None:
            chosen = replace(chosen, bar=bar if self._greater_is_better else -bar)
        self._take(chosen)
        self._next_number = number + 1
        return chosen

    def seconds(self, algorithm: str) -> float:
        """How long a trial of this algorithm will take, by all that is known."""
        return Sampler(
            self._study, self._next_number, self._specs, self._results, self._shares, self._tried, self._used_up
        ).seconds(algorithm)

    def tell(
        self,
        number: int,
        gain: float | None,
        fit_seconds: float,
        status: TrialStatus,
        *,
        applicable: bool = True,
        first_fold: float | None = None,
    ) -> None:
        """How trial `number` ended; `gain` is its score where greater is better, `first_fold` that of its first fold.

        A number never asked is ignored.
        """
        if number in self._specs:
            self._results[number] = Result(_finite(gain), fit_seconds, status, applicable, _finite(first_fold))

    def blended(self, weights: Mapping[int, float]) -> None:
        """What the best ensemble so far consists of: weights by trial number. Its families are worth more time."""
        self._shares = {}
        for number, weight in weights.items():
            if number in self._specs:
                name = self._specs[number].algorithm
                self._shares[name] = self._shares.get(name, 0.0) + weight

    def resume(self, trials: Sequence[Trial]) -> None:
        """Go on from the trials of an earlier life of this run; those not ended yet are open and will be told.

        What was cancelled has not been tried: it only keeps its number.
        """
        for trial in trials:
            self._next_number = max(self._next_number, trial.number + 1)
            if trial.status is TrialStatus.CANCELLED:
                continue
            self._take(TrialSpec(trial.number, trial.algorithm, trial.params, trial.origin))
            if trial.status.ended:
                sign = 1.0 if self._greater_is_better else -1.0
                counts = trial.status is TrialStatus.FINISHED and trial.score is not None
                gain = sign * trial.score if counts and trial.score is not None else None
                first = sign * trial.fold_scores[0] if trial.fold_scores else None
                self.tell(
                    trial.number,
                    gain,
                    trial.fit_seconds or 0.0,
                    trial.status,
                    applicable=trial.applicable,
                    first_fold=first,
                )

    def _take(self, spec: TrialSpec) -> None:
        self._specs[spec.number] = spec
        self._tried.add(key_of(spec.algorithm, spec.params))

    def _open(self) -> list[str]:
        """The algorithms of the trials that have not ended."""
        return [spec.algorithm for number, spec in self._specs.items() if number not in self._results]

    def _pruned(self, known: Mapping[int, Result]) -> int:
        """Trials that do not count, but where exactly so many were asked for."""
        if self._max_trials is not None:
            return 0
        return sum(result.status is TrialStatus.PRUNED for result in known.values())

    def _stalled(self, known: Mapping[int, Result]) -> bool:
        """Whether a table so small that further search finds luck has not gained anything for a while."""
        if self._max_trials is not None or most_trials(self._study.shape, 0) is None:
            return False
        best, since = -math.inf, 0
        for number in sorted(known):
            gain = known[number].gain
            if gain is not None and gain > best:
                best, since = gain, 0
            elif self._specs[number].origin == "search":
                since += 1
        return since >= PATIENCE


def _finite(gain: float | None) -> float | None:
    return gain if gain is not None and math.isfinite(gain) else None
