"""What another machine reports of a trial, before anything is made of it.

Whoever has a worker's token can report what they like. So what its predictions reach is worked out here, from nothing
but them; and its model is read, and answers rows of the table, in a process within bounds, before one does that has
anything to lose.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from flowml.automl.model import foreign, modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors import libraries
from flowml.automl.task.task import Task
from flowml.automl.trial.scores import scores_of
from flowml.domain.errors import InvalidInput, TrialFailed
from flowml.domain.trials import Trial
from flowml.machine.forkserver import Forkserver

# Both sides add up the same numbers, but not in the same order.
_RELATIVE, _ABSOLUTE = 1e-3, 1e-6
_SUM_TOLERANCE = 1e-3
_MOST_SECONDS = 30.0
# Many models come in: each would import its booster anew.
FORKSERVER = Forkserver("flowml.automl.model.foreign_task", *libraries.BOOSTERS)


def taken_in(task: Task, trial: Trial, file: Callable[[str], Path], table: Path) -> tuple[Trial, FittedModel]:
    """A finished trial of another machine, with the scores that its predictions have; and its model.

    `file`: a stored file by its hash; `table`: the one that models get their rows from, as a Parquet file. Raises
    TrialFailed, with what is wrong, for a trial that is not to be used.
    """
    if trial.tested_on != task.fingerprint or trial.out_of_fold is None or trial.model_file is None:
        raise TrialFailed("it was tested on other rows or folds than those of this run; its version may be another")
    out_of_fold = np.full((len(task.target), task.n_outputs), np.nan)
    out_of_fold[task.validated] = _held_out(task, file(trial.out_of_fold))
    with np.errstate(all="ignore"):
        scores = scores_of(task, out_of_fold)
    found, claimed = (scores.score, *scores.fold_scores), (trial.score, *trial.fold_scores)
    if not np.isfinite(found).all():
        raise TrialFailed("its predictions are too large to be scored")
    if len(claimed) != len(found) or not all(map(_is_about, claimed, found)):
        raise TrialFailed(
            f"it reported a score of {trial.score:.6g}, and its predictions have one of {scores.score:.6g}"
        )
    model = _tried(task, trial, file(trial.model_file), table)
    return replace(trial, score=scores.score, fold_scores=scores.fold_scores, metrics=scores.metrics), model


def _is_about(claimed: float | None, found: float) -> bool:
    return claimed is not None and math.isclose(claimed, found, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def _held_out(task: Task, path: Path) -> np.ndarray:
    """What it says of the rows that are held out, (rows, outputs). Raises TrialFailed."""
    shape = (len(task.validated), task.n_outputs)
    try:
        # Nothing is read, and no room taken for it, before it is known how much that is.
        mapped = np.lib.format.open_memmap(path, mode="r")
    except OSError:
        raise
    except Exception as damage:
        raise TrialFailed("its file of predictions cannot be read") from damage
    # Numbers that single precision would not keep apart come in double.
    precisions = (np.float32, np.float64) if task.classes is None else (np.float32,)
    if mapped.dtype not in precisions or mapped.shape != shape:
        raise TrialFailed(
            f"it predicted {mapped.dtype} of shape {mapped.shape}, and {shape} single precision was asked for"
        )
    array = np.array(mapped)
    if not np.isfinite(array).all():
        raise TrialFailed("some of its predictions are no numbers")
    if task.classes is not None and (array.min() < -_SUM_TOLERANCE or np.abs(array.sum(1) - 1).max() > _SUM_TOLERANCE):
        raise TrialFailed("its predictions are no probabilities")
    return array


def _tried(task: Task, trial: Trial, path: Path, table: Path) -> FittedModel:
    """The model in a file, once it has answered rows of the table in another process. Raises TrialFailed."""
    try:
        foreign.try_foreign(path, table=table, seconds=_MOST_SECONDS, forkserver=FORKSERVER)
        model = modelfile.read(path, tried=False)
    except InvalidInput as refused:
        raise TrialFailed(f"its model cannot be used: {refused.detail.replace(path.name, 'the file')}") from refused
    if not _is_of(model, task, trial):
        raise TrialFailed("its model is one of another table or of another algorithm")
    return model


def _is_of(model: FittedModel, task: Task, trial: Trial) -> bool:
    schema = model.schema
    operations = () if schema.recipe is None else schema.recipe.operations
    expected = () if task.recipe is None else task.recipe.operations
    return (
        (schema.target, schema.problem_type, schema.classes, schema.label_type, schema.metric)
        == (task.target_name, task.problem_type, task.classes, task.label_type, task.metric)
        and schema.roles == dict(task.roles)
        and tuple(operations) == tuple(expected)
        and [member.algorithm for member in model.members] == [trial.algorithm]
    )
