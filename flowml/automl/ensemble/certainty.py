"""How sure the best model of a run is of each answer: intervals or sets, calibrated with the columns of its table."""

import numpy as np

from flowml.automl.conformal.calibrate import calibrating_rows, of_classes, of_values
from flowml.automl.conformal.difficulty import kinds_of
from flowml.automl.conformal.record import Conformal
from flowml.automl.features.prepared import prepare
from flowml.automl.scoring.decision import Decision
from flowml.automl.task.task import Task


def certainty_of(task: Task, answers: np.ndarray, places: np.ndarray, decision: Decision | None = None) -> Conformal:
    """From the answers (rows, outputs) for the rows that `places` count among the task's validated ones; `decision`: by
    which the model makes classes of them. A row whose answer is not finite does not count."""
    known = np.isfinite(answers).all(axis=1)
    answers, places = answers[known], places[known]
    chosen = calibrating_rows(len(places), task.seed)
    answers, places = answers[chosen], places[chosen]
    rows = task.validated[places]
    weights = task.weights_of(rows)
    if task.classes is not None:
        return of_classes(task.target[rows], answers, weights, decision)
    kinds = kinds_of(task.roles)
    names = [name for name in task.frame.columns if name in kinds]
    table = prepare(task.frame.select(names)[rows], {name: task.roles[name] for name in names})
    columns = [(kinds[name], name, table.columns[name]) for name in names]
    return of_values(task.target[rows], answers[:, 0], weights, folds=task.judge_folds[places], columns=columns)
