"""What a run finds, kept as it comes: models, the champion, its fast twin, and how far the job is."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from flowml.automl import algorithms
from flowml.automl.ensemble.blend import ENSEMBLE, Blend
from flowml.automl.ensemble.champion import Champion
from flowml.automl.ensemble.estimate import Estimate
from flowml.automl.ensemble.twin import TITLE, Twin
from flowml.automl.explain.importance import permutation_importance
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors import libraries
from flowml.automl.results.curves import curves
from flowml.automl.results.evidence import Evidence, Tested
from flowml.automl.scoring.decision import objective, threshold, weighted
from flowml.automl.scoring.metrics import confusion
from flowml.automl.scoring.residuals import residuals
from flowml.automl.task.task import Task
from flowml.automl.trial.outcome import Lost, Outcome
from flowml.domain.channel import Ledger
from flowml.domain.clock import Clock
from flowml.domain.errors import NotFound
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.jobs import Job
from flowml.domain.models import (
    BASELINE,
    MADE_AT_ONCE,
    EnsembleMember,
    Importance,
    Model,
    ModelDetails,
    RecipeInWords,
    curves_of,
    stand_of,
)
from flowml.domain.trials import Trial, TrialSpec, TrialStatus
from flowml.training.trainer import pack_array

TWIN = "twin"
_TICK_SECONDS = 1.0
_DRAWN_AT_ONCE = 2_000_000
# Of an ensemble it can be worked out from its parts; the others are worth no more.
_MOST_ANSWERED_BYTES = 64_000_000


class Keeper:
    """Keeps what the run finds: models, the champion, the job's progress."""

    def __init__(self, ledger: Ledger, job: Job, task: Task, clock: Clock, began: float):
        self._ledger = ledger
        self._job = job
        self._task = task
        self._clock = clock
        self._began = began
        self._ticked_at = -math.inf
        self._metric = objective(task.metric)
        self._expected: Mapping[str, Any] | None = None
        self._outdone = False
        self._kept_the_old = False
        self._said: np.ndarray | None = None
        self._numbers = {trial.id: trial.number for trial in ledger.trials()}
        self._trials: dict[int, Trial] = {}
        published = ledger.models()
        self._published = {model.id for model in published}
        self._ensemble_gain = max(
            (self._metric.gain(model.score) for model in published if model.algorithm == ENSEMBLE), default=-np.inf
        )
        self._gain = max((self._metric.gain(model.score) for model in published), default=-np.inf)
        self.champion = published[0] if published else None

    def stopped(self) -> bool:
        # Looked at anew each time: it may also have been given more time.
        self._job = self._ledger.job()
        return self._job.cancel_requested

    def deadline(self) -> float:
        return self._began + self._job.time_budget_seconds

    def stage(self, name: str) -> None:
        self._ledger.update(self._clock.now(), stage=name)

    def tick(self, finished: int) -> None:
        steady = self._clock.steady()
        if steady - self._ticked_at < _TICK_SECONDS:
            return
        self._ticked_at = steady
        elapsed = steady - self._began
        self._ledger.update(
            self._clock.now(),
            elapsed_seconds=elapsed,
            progress=min(99.0, 100 * elapsed / self._job.time_budget_seconds),
            message=_progress_message(finished, self.champion),
        )

    def expect(self, expected: Estimate | None) -> None:
        self._expected = None if expected is None else expected.state()

    def candidate(self, outcome: Outcome, best: bool) -> None:
        trial = self._trial(outcome.spec.number)
        if trial.id in self._published or trial.model_file is None:
            return
        # What its model needs to answer; not before there is one, because the trials have use for the cores.
        if trial.algorithm in libraries.BOOSTERS:
            libraries.begin(trial.algorithm)
        try:
            size_bytes = self._ledger.file(trial.model_file).stat().st_size
        except NotFound as error:
            raise Lost(trial.number, error) from error
        model = self._model(
            trial.id,
            trial.id,
            algorithms.get(trial.algorithm).title,
            trial.algorithm,
            outcome,
            outcome.predictions(),
            trial.model_file,
            size_bytes,
        )
        self._publish(model, None)

    def made_at_once(self, outcome: Outcome) -> None:
        identifier = f"{self._job.id}{outcome.spec.algorithm}"
        if outcome.spec.algorithm == BASELINE:
            self._ledger.update(self._clock.now(), baseline_score=outcome.score)
        if identifier in self._published:
            return
        content = modelfile.write(outcome.model())
        title = MADE_AT_ONCE[outcome.spec.algorithm]
        model = self._model(
            identifier, None, title, outcome.spec.algorithm, outcome, outcome.predictions(), "", len(content)
        )
        self._publish(model, content)
        self._keep_answers(identifier, outcome.predictions())

    def blend(self, blend: Blend) -> None:
        gain = self._metric.gain(blend.score)
        if gain <= self._ensemble_gain:
            # An earlier life of this run has left a better one, and there is one place for it.
            self._outdone = True
            return
        self._outdone = False
        self._ensemble_gain = gain
        members = tuple(
            EnsembleMember(self._trial(number).algorithm, weight, self._trial(number).id)
            for number, weight in sorted(blend.weights.items(), key=lambda item: -item[1])
        )
        outcome = Outcome(
            TrialSpec(-1, ENSEMBLE, {}),
            TrialStatus.FINISHED,
            blend.score,
            blend.fold_scores,
            blend.metrics,
            blend.fit_seconds,
            self._timed(blend.model, sum(self._trial(number).predict_ms or 0.0 for number in blend.weights)),
        )
        content = modelfile.write(blend.model)
        model = self._model(
            self._ensemble_id, None, "Ensemble", ENSEMBLE, outcome, blend.out_of_fold, "", len(content), blend.model
        )
        self._publish(replace(model, details=replace(model.details, members=members)), content)
        self._keep_answers(self._ensemble_id, blend.out_of_fold)

    def champion_found(self, champion: Champion) -> None:
        """The best model calibrated and decided takes the place of what it was; the job's score is what to expect."""
        before = self.champion
        if champion.made_at_once is not None:
            identifier = f"{self._job.id}{champion.made_at_once}"
        else:
            identifier = self._ensemble_id if champion.number is None else self._trial(champion.number).id
        if before is None or before.id != identifier or (identifier == self._ensemble_id and self._outdone):
            # An earlier life of this run has left a better one, with figures and a twin of its own.
            self._kept_the_old = True
            return
        content = None
        model = replace(
            before,
            score=champion.score,
            metrics=champion.metrics,
            cv_scores=champion.fold_scores,
            details=replace(
                self._with_figures(before.details, champion.model, champion.out_of_fold),
                score_std=float(np.std(champion.fold_scores)),
            ),
        )
        if champion.model.temperature is not None or before.details.decision != champion.model.decision:
            content = modelfile.write(champion.model)
            model = replace(model, size_bytes=len(content))
        # Timed here, where the ensemble and the twin are timed as well.
        model = replace(model, predict_ms=self._timed(champion.model, before.predict_ms))
        self._gain = max(self._gain, self._metric.gain(champion.score))

        def expect(_: Model) -> None:
            if champion.estimate is not None:
                self._ledger.expect(champion.estimate.state(), self._clock.now())

        self.champion = self._ledger.publish_model(model, self._metric.gain(champion.score), content, expect)
        if before.trial_id is None or champion.model.temperature is not None:
            self._keep_answers(before.id, champion.out_of_fold)
        self._said = champion.out_of_fold

    def draw_champion(self, *, has_time: bool) -> None:
        """Keep the curves of the best model of classes: they are there at once, and stay when its table is deleted. A
        million rows of a class take a second: many more are left out where there is no time."""
        classes = self._task.classes
        if self.champion is None or self._said is None or classes is None:
            return
        if self._said.size > _DRAWN_AT_ONCE and not has_time:
            return
        stored = next(model for model in self._ledger.models() if model.id == self.champion.id)
        said = self._said[self._task.validated]
        evidence = Evidence.of(Tested.of_rows(self._task), said, classes, stored.details.decision)
        with kept_if_there_is_room("the curves of the best model"):
            self._ledger.keep_figure(curves_of(stored.id), stand_of(stored), curves(evidence))

    def twin(self, twin: Twin | None) -> None:
        """Published as a model of the job; where it is one of the models anyway, that one is named."""
        if self.champion is None or self._kept_the_old:
            return
        if twin is None:
            self._ledger.log("info", "There was no time for a fast twin of the best model", self._clock.now())
            return
        about = ModelDetails(twin_of=self.champion.id, loss_of_quality=twin.loss_of_quality, made=twin.method)
        if twin.existing and twin.number is not None:
            identifier = self._trial(twin.number).id
            self._ledger.set_details(identifier, about.record())
        else:
            identifier = f"{self._job.id}{TWIN}"
            content = modelfile.write(twin.model)
            outcome = Outcome(
                TrialSpec(-1, twin.algorithm, twin.model.members[0].params),
                TrialStatus.FINISHED,
                twin.score,
                twin.fold_scores,
                twin.metrics,
                twin.fit_seconds,
                self._timed(twin.model, None),
            )
            model = self._model(
                identifier, None, TITLE, twin.algorithm, outcome, twin.out_of_fold, "", len(content), twin.model
            )
            details = ModelDetails.of_record({**model.details.record(), **about.record()})
            self._ledger.publish_model(replace(model, details=details), self._metric.gain(twin.score), content)
            self._keep_answers(identifier, twin.out_of_fold)
        self._ledger.set_details(self.champion.id, ModelDetails(fast_model_id=identifier).record())
        self._ledger.log("info", f"The fast twin of the best model is ready: {twin.method}", self._clock.now())

    def explain_champion(self, seconds: float) -> None:
        """Store which columns the best model uses; left for later when there is no time."""
        if self.champion is None:
            return
        until = self._clock.steady() + seconds
        model = modelfile.read(self._ledger.file(self.champion.file), tried=False)
        if not libraries.ready(model.libraries, seconds / 2):
            return
        items = permutation_importance(
            self._task, model, self._metric, seed=self._task.seed, time_left=lambda: until - self._clock.steady()
        )
        if items:
            found = ModelDetails(permutation_importance=Importance("permutation", tuple(items)))
            self._ledger.set_details(self.champion.id, found.record())

    def _publish(self, model: Model, content: bytes | None) -> None:
        gain = self._metric.gain(model.score)
        leads = self._is_champion(model, gain)

        def crown(stored: Model) -> None:
            if leads:
                self._ledger.champion(stored, self._expected, self._clock.now(), self._clock.steady())

        # As one change: who dies between the two would leave a run whose best model is not the one that leads.
        stored = self._ledger.publish_model(model, gain, content, crown)
        self._published.add(stored.id)
        if leads:
            self._gain, self.champion = gain, stored

    def _keep_answers(self, model_id: str, out_of_fold: np.ndarray) -> None:
        """What a model said of each row that it had not seen, for whoever looks at its mistakes; a trial has kept its
        own."""
        held_out = out_of_fold[self._task.validated]
        if held_out.size * np.dtype(np.float32).itemsize <= _MOST_ANSWERED_BYTES:
            with kept_if_there_is_room("what a model said of rows that it had not seen"):
                self._ledger.keep_out_of_fold(model_id, pack_array(held_out))

    def _is_champion(self, model: Model, gain: float) -> bool:
        if self.champion is None or gain > self._gain:
            return True
        if self.champion.algorithm in MADE_AT_ONCE and model.algorithm not in MADE_AT_ONCE:
            return gain == self._gain
        # Of two that are as good the one that was proposed first, whoever was finished first.
        mine, theirs = (self._numbers.get(rival.trial_id or "") for rival in (model, self.champion))
        return gain == self._gain and mine is not None and theirs is not None and mine < theirs

    def _model(
        self,
        model_id: str,
        trial_id: str | None,
        name: str,
        algorithm: str,
        outcome: Outcome,
        out_of_fold: np.ndarray,
        file: str,
        size_bytes: int,
        fitted: FittedModel | None = None,
    ) -> Model:
        assert outcome.score is not None
        if fitted is None:
            assert outcome.load_model is not None
            fitted = outcome.load_model()
        recipe = fitted.schema.recipe
        details = ModelDetails(
            schema=tuple(fitted.schema.describe()),
            score_std=float(np.std(outcome.fold_scores)),
            dropped=dict(self._task.dropped),
            recipe=None if recipe is None else RecipeInWords(recipe.applied, recipe.left_out),
        )
        return Model(
            id=model_id,
            job_id=self._job.id,
            trial_id=trial_id,
            name=name,
            algorithm=algorithm,
            problem_type=self._task.problem_type,
            target=self._task.target_name,
            metric=self._task.metric,
            score=outcome.score,
            metrics=outcome.metrics,
            cv_scores=tuple(outcome.fold_scores),
            params=outcome.spec.params,
            feature_names=tuple(feature.name for feature in fitted.schema.inputs),
            classes=self._task.classes,
            fit_seconds=outcome.fit_seconds,
            predict_ms=outcome.predict_ms,
            size_bytes=size_bytes,
            file=file,
            created_at=self._clock.now(),
            details=self._with_figures(details, fitted, out_of_fold),
        )

    def _timed(self, model: FittedModel, otherwise: float | None) -> float | None:
        """How long a row takes by this model, or what is known `otherwise` where what it answers with is not there in
        time."""
        seconds = max(0.0, self.deadline() - self._clock.steady()) / 4
        if not libraries.ready(model.libraries, seconds):
            return otherwise
        return model.measure_predict_ms(self._task.frame)

    def _with_figures(self, details: ModelDetails, fitted: FittedModel, out_of_fold: np.ndarray) -> ModelDetails:
        """With how it decides, and what comes of that on rows that it has not seen."""
        classes = self._task.classes
        rows = np.isfinite(out_of_fold).all(axis=1)
        if classes is None:
            weights = self._task.weights_of(rows)
            found = residuals(self._task.target[rows], out_of_fold[rows, 0], weights, seed=self._task.seed)
            return replace(details, residuals=found)
        chosen = weighted(out_of_fold[rows], fitted.decision).argmax(axis=1)
        return replace(
            details,
            decision=None if fitted.decision is None else tuple(fitted.decision),
            threshold=threshold(fitted.decision) if len(classes) == 2 else None,
            calibrated=fitted.temperature is not None,
            confusion_matrix=confusion(self._task.target[rows], chosen, classes),
        )

    @property
    def _ensemble_id(self) -> str:
        return f"{self._job.id}{ENSEMBLE}"

    def _trial(self, number: int) -> Trial:
        """One that has ended, read once."""
        if number not in self._trials:
            trial = self._trials[number] = self._ledger.trial(number)
            self._numbers[trial.id] = number
        return self._trials[number]


def _progress_message(finished: int, champion: Model | None) -> str:
    if champion is None or champion.algorithm in MADE_AT_ONCE and not finished:
        return "Training the first models"
    return f"{finished} model{'s' if finished != 1 else ''} trained, best so far: {champion.name}"
