"""What a model of a run said of the rows that tested it, read from what is stored, in a child process.

Of every trial its answers are kept, of other models theirs (`Model.out_of_fold`); an ensemble of an earlier version is
worked out from its parts. The rows themselves, their target and folds are found again in the table, which takes as long
as to begin a run, and kept for a while as a file that can be made again. What the database says is looked up first
(`stored_of`): the process gives it up before it opens a file.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from flowml.automl.ensemble.selection import blend
from flowml.automl.results.evidence import Evidence, Tested
from flowml.automl.scoring.calibration import choose_temperature
from flowml.domain.channel import JobBrief
from flowml.domain.datasets import Role
from flowml.domain.errors import Damaged, NotFound, WrongState
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.jobs import Job, tested_name
from flowml.domain.models import Model
from flowml.domain.stored import reading
from flowml.domain.trials import Trial
from flowml.services.dispatch.ledger import brief_of
from flowml.store.files import Files
from flowml.store.store import Store
from flowml.training.tasks import load_task

_OTHER_ROWS = "This model was tested on other rows than this version of FlowML would test it on."
_ANEW = "Train again: what comes of that is kept."


@dataclass(frozen=True)
class Table:
    """The table that a job learned from: its file, the roles of its columns, and which of them is the target."""

    path: Path
    sha256: str
    roles: dict[str, Role]
    target: str

    def columns(self, rows: np.ndarray, names: list[str]) -> pl.DataFrame:
        """These columns of these rows. Raises Damaged for a file that is not what was stored."""
        with reading(self.path, self.sha256) as path:
            return pl.read_parquet(path, columns=names)[rows]


@dataclass(frozen=True)
class Stored:
    """What the database says of a job and of some models of it. `trials`, by their ids, are those of the models and of
    their parts; `tested` is where the rows that test them are kept, whether they are or not."""

    files: Files
    job: Job
    brief: JobBrief
    table: Table
    models: tuple[Model, ...]
    trials: Mapping[str, Trial]
    tested: Path

    def paths(self) -> Iterator[Path]:
        """The files that it takes to look at these models, as far as they are there."""
        wanted = [self.brief.table, self.brief.root_table]
        wanted += [model.out_of_fold for model in self.models]
        wanted += [trial.out_of_fold for trial in self.trials.values()]
        for sha256 in {name for name in wanted if name is not None}:
            with contextlib.suppress(NotFound):
                yield self.files.path(sha256)
        if self.tested.exists():
            yield self.tested


def stored_of(store: Store, model_ids: Sequence[str]) -> Stored:
    """Of models of one job. Raises NotFound, WrongState when the data set is gone."""
    models = tuple(store.models.get(model_id) for model_id in model_ids)
    job = store.jobs.get(models[0].job_id)
    try:
        dataset = store.datasets.get(job.dataset_id)
        brief = brief_of(store, job)
    except NotFound:
        raise WrongState(
            "The rows of this run are gone: its data set was deleted.",
            hint="Train again on a data set that is still there.",
        ) from None
    roles = {column.name: column.role for column in dataset.columns}
    parts = {member.model_id for model in models for member in model.details.members}
    trials = {}
    for trial_id in {model.trial_id for model in models} | parts:
        with contextlib.suppress(NotFound):
            trials[str(trial_id)] = store.trials.get(str(trial_id))
    table = Table(store.files.path(dataset.table), dataset.table, roles, job.spec.target)
    tested = store.files.cached(tested_name(job.id, dataset.table))
    return Stored(store.files, job, brief, table, models, trials, tested)


def tested_of(stored: Stored, target: Path) -> Tested:
    """The rows that test the models of a job; written to `target` where they are not kept."""
    # Not there, or damaged in whatever way: it is made again.
    with contextlib.suppress(Exception):
        return Tested.read(stored.tested)
    task = load_task(stored.brief, stored.files.path)
    spec = stored.job.spec
    with reading(stored.table.path, stored.table.sha256) as path:
        names = {spec.target, spec.weight_column} - {None}
        frame = pl.read_parquet(path, columns=sorted(map(str, names)))
    found = Tested.of_task(task, frame, spec.weight_column)
    with kept_if_there_is_room("which rows test the models of a run"):
        found.write(target)
    return found


def evidence_of(stored: Stored, model: Model, tested: Tested) -> Evidence:
    """Raises WrongState, in a sentence, where nothing was kept that belongs to these rows; Damaged, NotFound for a file
    that is not what was stored or is gone."""
    n_outputs = 1 if model.classes is None else len(model.classes)
    answers, is_as_answered = _answers(stored, model, tested)
    if answers.shape != (len(tested.rows), n_outputs):
        raise WrongState(_OTHER_ROWS, hint=_ANEW)
    if model.details.calibrated and not is_as_answered:
        calibrated = choose_temperature(answers, tested.target, tested.folds, tested.weights)
        answers = answers if calibrated is None else calibrated[1]
    found = Evidence.of(tested, answers, model.classes, model.details.decision)
    if len(found.at) == 0:
        raise WrongState("This model has not answered any row that it had not seen.", hint=_ANEW)
    return found


def _answers(stored: Stored, model: Model, tested: Tested) -> tuple[np.ndarray, bool]:
    """(tested rows, outputs), and whether they are calibrated as the model is."""
    if model.out_of_fold is not None:
        return _read(stored.files, model.out_of_fold), True
    if model.trial_id is not None:
        return _of_trial(stored, model.trial_id, tested), False
    if model.details.members:
        parts = {at: _of_trial(stored, member.model_id, tested) for at, member in enumerate(model.details.members)}
        if len({part.shape for part in parts.values()}) == 1:
            weights = {at: member.weight for at, member in enumerate(model.details.members)}
            return blend(parts, weights, model.problem_type), False
    raise WrongState(
        "What this model said of rows that it had not seen was not kept by the version of FlowML that made it.",
        hint="Look at another model of this run, or train again.",
    )


def _of_trial(stored: Stored, trial_id: str | None, tested: Tested) -> np.ndarray:
    trial = stored.trials.get(trial_id or "")
    if trial is None or trial.out_of_fold is None:
        raise WrongState("What this model said of rows that it had not seen was not kept.", hint=_ANEW)
    if trial.tested_on is not None and trial.tested_on != tested.fingerprint:
        raise WrongState(_OTHER_ROWS, hint=_ANEW)
    return _read(stored.files, trial.out_of_fold)


def _read(files: Files, sha256: str) -> np.ndarray:
    path = files.whole(sha256, "file of what this model said")
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except (ValueError, EOFError) as damage:
        raise Damaged("The file of what this model said is not what was written.", hint=_ANEW) from damage
