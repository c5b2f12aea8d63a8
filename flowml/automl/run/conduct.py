"""The loop of one training run: ask the search, have trials evaluated, keep the champion, end in time.

It runs nothing itself: a `Runner` evaluates (trainer processes behind the job's tables, or threads of this process),
an `Observer` hears what comes of it. Time comes from the clock it is given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from flowml.automl.ensemble.blend import Blend, blend_of
from flowml.automl.ensemble.champion import Champion, finish
from flowml.automl.ensemble.contest import Contender, Contest, Judgement, looked_at
from flowml.automl.ensemble.estimate import NESTED, SINGLE, Estimate, choice_repeated, expect
from flowml.automl.ensemble.twin import Twin, distil, is_single, single_part
from flowml.automl.run.protocols import Observer, Runner
from flowml.automl.scoring.decision import objective
from flowml.automl.search.search import WAIT, Search
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Lost, Outcome
from flowml.automl.trial.sharing import BIG_CELLS
from flowml.domain.errors import TrialFailed
from flowml.domain.models import BASELINE
from flowml.domain.trials import TrialSpec, TrialStatus

_POLL_SECONDS = 0.05
# With thousands of places a choice takes milliseconds, and the time goes on meanwhile.
_MOST_AT_ONCE = 50
_GLANCE_SECONDS = 0.001
_BLEND_INTERVAL_SECONDS = 10.0
# How often a blend of one model more is scored: steps, shortlist and the folds of the judgement.
_SCORES_A_BLEND = 60
_SHARE_OF_A_TRIAL = 0.4
_SHARE_OF_THE_FIRST = 0.75
_SHARE_OF_A_FIRST_LOOK = 0.4
_SHARE_OF_FIRST_LOOKS = 0.15
_LEAST_FIRST_LOOK_SECONDS = 10.0
# A trial that ends with the search is too late for it.
_BEFORE_THE_END = 0.95
# Less than this before the deadline, nothing is begun that is not a must.
_LAST_SECONDS = 0.25
# What is left when the best model is known belongs to its twin and to what comes after: figures and saving.
_SHARE_OF_THE_TWIN = 0.6


class Conduct:
    """One run: ask, evaluate, tell, keep the champion, until the observer's deadline.

    `at_once`: models that are made here, one a step (`at_once.models_at_once`): the first before anything else, however
    late it is, the others while there is nothing better. The last `reserve` seconds before the deadline are not for
    searching. `first`: trials to run before the search is asked.
    Without `blend_meanwhile` ensembles are selected only at the end, so that what comes out does not depend on the
    speed of the machine. `distils`: whether a LightGBM may be made of the best model; without it the fast twin is a
    part of a trial.
    """

    def __init__(
        self,
        task: Task,
        search: Search,
        runner: Runner,
        observer: Observer,
        *,
        clock: Callable[[], float],
        reserve: float,
        at_once: Iterator[Outcome],
        first: Sequence[TrialSpec] = (),
        blend_meanwhile: bool = True,
        distils: bool = True,
    ):
        self._distils = distils
        self._blend_meanwhile = blend_meanwhile
        self._at_once = at_once
        self._first = list(first)
        self._task = task
        self._big = len(task.target) * task.frame.width >= BIG_CELLS
        self._metric = objective(task.metric)
        self._search = search
        self._runner = runner
        self._observer = observer
        self._clock = clock
        self._reserve = reserve
        self._candidates: list[Outcome] = []
        self._made_at_once: list[Outcome] = []
        self._unfinished: dict[int, str] = {}
        self._best_gain = -np.inf
        self._blended_with = 0
        self._blended_at = clock()
        self._blend_seconds = 0.0
        self._score_seconds = 0.0
        self._judgement: Judgement | None = None
        self._contenders: dict[int, Contender] = {}
        self.blend: Blend | None = None
        self.champion: Champion | None = None
        self.twin: Twin | None = None
        self.exhausted = False
        """Whether the run ended because the search had nothing more to propose."""
        self.lost: set[int] = set()
        """The numbers of trials that are left out, because what they had left could not be read any more."""

    @property
    def candidates(self) -> list[Outcome]:
        """The finished trials, in the order in which they came in."""
        return self._candidates

    @property
    def made_at_once(self) -> list[Outcome]:
        """The models that no trial was needed for, in the order in which they were made."""
        return self._made_at_once

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The algorithms of which trials were begun or waited when the time was over, and none was finished."""
        finished = {candidate.spec.algorithm for candidate in self._candidates}
        return tuple(sorted(set(self._unfinished.values()) - finished))

    @property
    def best(self) -> Outcome | Blend:
        """What the run has found, before it is calibrated. Of equals a trial before an ensemble before what was made at
        once, and of trials the one that was asked for first."""
        blends = [] if self.blend is None else [self.blend]
        found: list[Outcome | Blend] = [*self._ranked()[:1], *blends, *self._made_at_once]
        return max(found, key=lambda item: self._metric.gain(item.score or 0.0))

    @property
    def baseline_score(self) -> float | None:
        """What the same answer for every row reaches: the yardstick beside every score."""
        return next((item.score for item in self._made_at_once if item.spec.algorithm == BASELINE), None)

    def known(self, outcome: Outcome) -> None:
        """A trial finished in an earlier life of this run; the search has been told already."""
        self._keep(outcome)

    def begin(self) -> None:
        """Make the baseline, if it is not there yet. Raises TrialFailed where not even that can be scored."""
        if not self._made_at_once:
            self._make_at_once()

    def run(self) -> None:
        """Until the deadline, until somebody stops it, or until the search has nothing more worth trying.

        Raises TrialFailed where not even a baseline can be scored.
        """
        self.begin()
        while True:
            self._search_on()
            # Where there was no time for anything better, what takes a moment is made all the same.
            while not self._candidates and self._make_at_once():
                pass
            self._observer.stage("finishing")
            # Asked anew after that: more time given up to this moment counts, later it is refused.
            if self._observer.stopped() or self.exhausted or self._search_end() <= self._clock():
                break
            self._observer.stage("training")
        if not self._runner.ready() and isinstance(asked := self._search.ask(0.0, 1), TrialSpec):
            self._unfinished[asked.number] = asked.algorithm
        self.exhausted = self.exhausted and self._runner.open() == 0
        # Whatever ended since the last look has a result to keep.
        for outcome in self._runner.cancel():
            self._take_in(outcome)
        # Where there is an ensemble already, a better one is not worth being late for.
        if self.blend is None or self._observer.deadline() - self._clock() > self._blend_seconds:
            self.update_blend()
        self.conclude()

    def _search_on(self) -> None:
        began = self._clock()
        while not self._observer.stopped():
            now = self._clock()
            left = self._search_end() - now
            if left <= 0:
                break
            places = self._runner.slots + self._runner.spare if self._runner.ready() else 0
            if self._candidates and now - began > _SHARE_OF_FIRST_LOOKS * (now - began + left):
                # One slow look is enough: what there is time for is to learn from all rows.
                self._first.clear()
            while self._first and self._runner.open() < places:
                look = max(_LEAST_FIRST_LOOK_SECONDS, _SHARE_OF_A_FIRST_LOOK * left)
                self._submit(self._first.pop(0), now + min(_BEFORE_THE_END * left, look))
            is_full = self._fill(places)
            if self.exhausted and self._runner.open() == 0:
                break
            # Trials run meanwhile; once one of them has ended, these have nothing to add.
            made = not self._candidates and self._make_at_once()
            patience = min(_POLL_SECONDS if is_full else _GLANCE_SECONDS, left)
            for outcome in self._runner.wait(0.0 if made else patience):
                self._take_in(outcome)
            self._observer.tick(len(self._candidates))
            if self._blend_meanwhile and self._clock() - self._blended_at > max(
                _BLEND_INTERVAL_SECONDS, 20 * self._blend_seconds
            ):
                self.update_blend()

    def _fill(self, places: int) -> bool:
        """Have places filled, as many as there is time for before somebody looks at what has ended; False where others
        are left."""
        slots = self._runner.slots
        for _ in range(_MOST_AT_ONCE):
            now = self._clock()
            left = self._search_end() - now
            if self.exhausted or self._runner.open() >= places or left <= 0:
                return True
            asked = self._search.ask(left, slots)
            if asked is WAIT:
                return True
            if asked is None:
                self.exhausted = True
            else:
                self._submit(asked, now + self._longest_trial(asked, left))
        return False

    def _submit(self, spec: TrialSpec, deadline: float) -> None:
        self._unfinished[spec.number] = spec.algorithm
        self._runner.submit(spec, deadline)

    def _longest_trial(self, spec: TrialSpec, left: float) -> float:
        """No trial may eat what all the others together are to have, but each may have what it is expected to need;
        short remainders belong to whoever comes.

        On a big table the strongest comes first, and one that has converged is worth more than two cut short.
        """
        first = not any(candidate.spec.number >= 0 for candidate in self._candidates) and self._runner.open() == 0
        share = _SHARE_OF_THE_FIRST if first and self._big else _SHARE_OF_A_TRIAL
        return min(_BEFORE_THE_END * left, max(5.0, share * left, self._search.seconds(spec.algorithm)))

    def update_blend(self) -> None:
        """Select an ensemble from what has finished; keep it where it is better and no fold speaks against it."""
        if len(self._candidates) < 2 or len(self._candidates) == self._blended_with:
            return
        started = self._clock()
        self._reading(self._select_blend)
        self._blended_with = len(self._candidates)
        self._blended_at = self._clock()
        self._blend_seconds = self._blended_at - started

    def _select_blend(self) -> None:
        if len(self._candidates) < 2:
            return
        # Whoever finished first must not decide ties.
        candidates = sorted(self._candidates, key=lambda candidate: candidate.spec.number)
        contenders = [self._contender(candidate) for candidate in candidates]
        weights = self._contest.select(contenders)
        self._judgement = self._contest.judge(contenders)
        if len(weights) > 1 and self._judgement.worth_it:
            chosen, shares = [candidates[index] for index in weights], list(weights.values())
            blend = blend_of(self._task, self._metric, chosen, shares, self._is_better)
            if blend is not None:
                self.blend = blend
                self._search.blended(blend.weights)
                judged = self._judgement
                self._observer.expect(expect(self._task, self._metric.score, judged.blend, judged.rows, method=NESTED))
                self._observer.blend(blend)

    @cached_property
    def _contest(self) -> Contest:
        task, rows = self._task, self._task.validated
        return Contest(
            self._metric,
            task.target[rows],
            task.judge_folds,
            task.n_outputs,
            seed=task.seed,
            weights=task.weights_of(rows),
        )

    def _contender(self, candidate: Outcome) -> Contender:
        number = candidate.spec.number
        if number not in self._contenders:
            rows = self._task.validated
            self._contenders[number] = self._contest.enter(lambda: candidate.predictions()[rows])
        return self._contenders[number]

    def conclude(self) -> None:
        """Hand over what the run ends with: the best model, and its fast twin.

        With no time left at all, what has been found is kept as it is.
        """
        if self._time_left() < _LAST_SECONDS:
            return
        self._reading(self._conclude)

    def _conclude(self) -> None:
        best = self.best
        if isinstance(best, Blend):
            champion = finish(self._task, None, best.model, best.out_of_fold, self._judgement)
        elif any(best is made for made in self._made_at_once):
            champion = finish(self._task, None, best.model(), best.predictions(), None)
            champion = replace(champion, made_at_once=best.spec.algorithm)
        else:
            champion = finish(self._task, best.spec.number, best.model(), best.predictions(), self._judgement)
        self.champion = champion
        self._observer.champion_found(champion)
        if champion.made_at_once is None:
            # What is made at once is as small as a twin would be.
            self.twin = self._make_twin(champion)
            self._observer.twin(self.twin)

    def _make_twin(self, champion: Champion) -> Twin | None:
        trials = self._ranked()
        if champion.number is not None and is_single(champion.model):
            # The best is as small as a twin would be.
            trials = [trial for trial in trials if trial.spec.number == champion.number]
            return single_part(champion, trials, self._metric)
        part = single_part(champion, trials, self._metric)
        if not self._distils or self._observer.stopped():
            return part
        now = self._clock()
        end = now + _SHARE_OF_THE_TWIN * self._time_left()
        learned = distil(
            self._task,
            champion,
            time_left=lambda: end - self._clock(),
            timed=self._blend_meanwhile,
        )
        if part is None or (learned is not None and learned.loss_of_quality < part.loss_of_quality):
            return learned
        return part

    def _ranked(self) -> list[Outcome]:
        """The finished trials, best first; of equals the one that was asked for first."""
        return sorted(
            self._candidates,
            key=lambda candidate: (-self._metric.gain(candidate.score or 0.0), candidate.spec.number),
        )

    def _time_left(self) -> float:
        return self._observer.deadline() - self._clock()

    def _time_a_score(self, out_of_fold: np.ndarray) -> float:
        rows = self._task.validated
        rows = rows[: looked_at(len(rows), self._task.n_outputs)]
        started = self._clock()
        self._metric.score(self._task.target[rows], out_of_fold[rows], self._task.weights_of(rows))
        return self._clock() - started

    def _search_end(self) -> float:
        """The last moment for trials: what comes after needs the reserve, or twice what the last ensemble took."""
        # Before the first one, what scoring all those rows once tells of it.
        blend = self._blend_seconds or self._score_seconds * _SCORES_A_BLEND * min(len(self._candidates), 8)
        return self._observer.deadline() - max(self._reserve, 2 * blend)

    def _is_better(self, score: float) -> bool:
        gain = self._metric.gain(score)
        before = -np.inf if self.blend is None else self._metric.gain(self.blend.score)
        return bool(gain > max(before, self._best_gain))

    def _leads(self, gain: float) -> bool:
        """Whether that is better than everything there is."""
        made = (self._metric.gain(item.score) for item in self._made_at_once if item.score is not None)
        blend = -np.inf if self.blend is None else self._metric.gain(self.blend.score)
        return gain > max(self._best_gain, blend, *made, -np.inf)

    def _make_at_once(self) -> bool:
        """The next of the models that are made here; whether there was one."""
        outcome = next(self._at_once, None)
        if outcome is None:
            return False
        if outcome.status is not TrialStatus.FINISHED:
            raise TrialFailed(outcome.error or "No model could be scored.")
        leads = outcome.score is not None and self._leads(self._metric.gain(outcome.score))
        self._made_at_once.append(outcome)
        if leads:
            answers = outcome.predictions()[self._task.validated]
            self._observer.expect(expect(self._task, self._metric.score, answers, method=SINGLE))
        self._observer.made_at_once(outcome)
        return True

    def _take_in(self, outcome: Outcome) -> None:
        if outcome.status is not TrialStatus.CANCELLED:
            self._unfinished.pop(outcome.spec.number, None)
        finished = outcome.status is TrialStatus.FINISHED and outcome.score is not None
        gain = self._metric.gain(outcome.score) if finished and outcome.score is not None else None
        if outcome.spec.number >= 0:
            first = self._metric.gain(outcome.fold_scores[0]) if outcome.fold_scores else None
            self._search.tell(
                outcome.spec.number,
                gain,
                outcome.fit_seconds,
                outcome.status,
                applicable=outcome.applicable,
                first_fold=first,
            )
        if finished:
            self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        assert outcome.score is not None
        gain = self._metric.gain(outcome.score)
        best, leads = gain > self._best_gain, self._leads(gain)
        self._best_gain = max(gain, self._best_gain)
        self._candidates.append(outcome)
        self._reading(lambda: self._show(outcome, best, leads))

    def _show(self, outcome: Outcome, best: bool, leads: bool) -> None:
        if outcome.spec.number in self.lost:
            return
        if self._blend_meanwhile and len(self._candidates) == 1:
            self._score_seconds = self._time_a_score(outcome.predictions())
        if leads:
            self._observer.expect(self._expected_of_single())
        self._observer.candidate(outcome, best)

    def _reading(self, step: Callable[[], None]) -> None:
        """A step that reads what trials have left, done anew without those that have lost it."""
        while True:
            try:
                return step()
            except Lost as lost:
                if lost.number in self.lost:
                    raise
                self.lost.add(lost.number)
                self._candidates = [trial for trial in self._candidates if trial.spec.number != lost.number]
                self._contenders.pop(lost.number, None)
                gains = (self._metric.gain(trial.score or 0.0) for trial in self._candidates)
                self._best_gain = max(gains, default=-np.inf)

    def _expected_of_single(self) -> Estimate | None:
        """Of the best single model so far: the choice repeated by what the folds of each trial say."""
        task, rows = self._task, self._task.validated
        folds = task.folds[rows]
        chosen = choice_repeated([[self._metric.gain(one) for one in trial.fold_scores] for trial in self._candidates])
        answers = np.empty((len(rows), task.n_outputs))
        for fold, candidate in enumerate(chosen):
            answers[folds == fold] = self._candidates[candidate].predictions()[rows[folds == fold]]
        return expect(task, self._metric.score, answers, method=NESTED)


def reserve_seconds(budget: float) -> float:
    """How much of a budget is kept for the ensemble, the fast twin, the figures and saving."""
    return min(0.5 + 0.05 * budget, 0.25 * budget, 30.0)
