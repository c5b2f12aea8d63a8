"""What a model of a run said of the rows that tested it, read from what is stored, in a child process.

Of every trial its answers are kept, of other models theirs (`Model.out_of_fold`); an ensemble of an earlier version is
worked out from its parts. The rows themselves, their target and folds are found again in the table, which takes as long
as to begin a run, and kept for a while as a file that can be made again.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from flowml.automl.ensemble.selection import blend
from flowml.automl.results.evidence import Evidence, Tested
from flowml.automl.scoring.calibration import choose_temperature
from flowml.domain.datasets import Role
from flowml.domain.errors import Damaged, NotFound, WrongState
from flowml.domain.faults import kept_if_there_is_room
from flowml.domain.jobs import Job, tested_name
from flowml.domain.models import Model
from flowml.domain.stored import reading
from flowml.services.dispatch.ledger import brief_of
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


def table_of(store: Store, job: Job) -> Table:
    """Raises WrongState when the data set is gone."""
    try:
        dataset = store.datasets.get(job.dataset_id)
    except NotFound:
        raise WrongState(
            "The rows of this run are gone: its data set was deleted.",
            hint="Train again on a data set that is still there.",
        ) from None
    roles = {column.name: column.role for column in dataset.columns}
    return Table(store.files.path(dataset.table), dataset.table, roles, job.spec.target)


def tested_of(store: Store, job: Job) -> Tested:
    """The rows that test the models of a job. Raises WrongState when the data set is gone."""
    table = table_of(store, job)
    kept = store.files.cached(tested_name(job.id, table.sha256))
    try:
        return Tested.read(kept)
    # Not there, or damaged in whatever way: it is made again.
    except Exception:
        kept.unlink(missing_ok=True)
    task = load_task(brief_of(store, job), store.files.path)
    with reading(table.path, table.sha256) as path:
        names = {job.spec.target, job.spec.weight_column} - {None}
        frame = pl.read_parquet(path, columns=sorted(map(str, names)))
    found = Tested.of_task(task, frame, job.spec.weight_column)
    temporary = store.files.new_temp()
    try:
        with kept_if_there_is_room("which rows test the models of a run"):
            found.write(temporary)
            os.replace(temporary, kept)
    finally:
        temporary.unlink(missing_ok=True)
    return found


def evidence_of(store: Store, model: Model, tested: Tested) -> Evidence:
    """Raises WrongState, in a sentence, where nothing was kept that belongs to these rows; Damaged, NotFound for a file
    that is not what was stored or is gone."""
    n_outputs = 1 if model.classes is None else len(model.classes)
    answers, is_as_answered = _answers(store, model, tested)
    if answers.shape != (len(tested.rows), n_outputs):
        raise WrongState(_OTHER_ROWS, hint=_ANEW)
    if model.details.calibrated and not is_as_answered:
        calibrated = choose_temperature(answers, tested.target, tested.folds, tested.weights)
        answers = answers if calibrated is None else calibrated[1]
    found = Evidence.of(tested, answers, model.classes, model.details.decision)
    if len(found.at) == 0:
        raise WrongState("This model has not answered any row that it had not seen.", hint=_ANEW)
    return found


def _answers(store: Store, model: Model, tested: Tested) -> tuple[np.ndarray, bool]:
    """(tested rows, outputs), and whether they are calibrated as the model is."""
    if model.out_of_fold is not None:
        return _read(store, model.out_of_fold), True
    if model.trial_id is not None:
        return _of_trial(store, model.trial_id, tested), False
    if model.details.members:
        parts = {at: _of_trial(store, member.model_id, tested) for at, member in enumerate(model.details.members)}
        if len({part.shape for part in parts.values()}) == 1:
            weights = {at: member.weight for at, member in enumerate(model.details.members)}
            return blend(parts, weights, model.problem_type), False
    raise WrongState(
        "What this model said of rows that it had not seen was not kept by the version of FlowML that made it.",
        hint="Look at another model of this run, or train again.",
    )


def _of_trial(store: Store, trial_id: str | None, tested: Tested) -> np.ndarray:
    trial = store.trials.get(trial_id or "")
    if trial.out_of_fold is None:
        raise WrongState("What this model said of rows that it had not seen was not kept.", hint=_ANEW)
    if trial.tested_on is not None and trial.tested_on != tested.fingerprint:
        raise WrongState(_OTHER_ROWS, hint=_ANEW)
    return _read(store, trial.out_of_fold)


def _read(store: Store, sha256: str) -> np.ndarray:
    path = store.files.whole(sha256, "file of what this model said")
    try:
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float64)
    except (ValueError, EOFError) as damage:
        raise Damaged("The file of what this model said is not what was written.", hint=_ANEW) from damage
