"""What must hold in a home folder whose server has ended after all its runs had, whatever happened before.

- The database is whole, and every row that refers to another finds it.
- Every run is in a final state, and so is every trial, and none was ever told to have ended in two ways.
- Every finished trial has become a model, whichever machine it is of, unless the server had to end its run itself; and
  what another machine has reported was looked at, unless that came just before the end.
- Every file that a row names is there and is what was stored; none is there that house-keeping would never delete.
- The leaderboard is the one that is computed anew, from the predictions that were stored of the rows held out: the
  scores of trials, of ensembles and of calibrated models. The best model of a run is the one that leads it.

python -m benchmarks.audit --home folder
"""

import argparse
import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from flowml.automl.ensemble.blend import ENSEMBLE
from flowml.automl.ensemble.selection import blend
from flowml.automl.model import modelfile
from flowml.automl.scoring.calibration import choose_temperature
from flowml.automl.scoring.metrics import over_folds
from flowml.automl.task.task import Task
from flowml.automl.trial.scores import fold_scores, scores_of
from flowml.domain.jobs import Job, JobStatus
from flowml.domain.models import Model
from flowml.domain.trials import NOT_LOOKED_AT, Trial, TrialStatus
from flowml.services.dispatch.ledger import brief_of
from flowml.store.store import Store
from flowml.training.tasks import load_task

_USES = (
    *(("datasets", "table_file"), ("datasets", "source_file"), ("datasets", "root_table_file")),
    *(("trials", "out_of_fold_file"), ("trials", "model_file"), ("models", "file"), ("handed_over", "sha256")),
)
_TOLERANCE = 1e-5
_WRONG = re.compile(r"^Traceback |\b(ERROR|CRITICAL)\b|Exception in|Task exception was never|^Fatal ")
_ENDED_WITHOUT = re.compile(r"job (\w+) was not ended by its conductor in time")
_LINES_OF_A_TRACE = 25
_FOR_EVER = 1e12
# A conductor that is killed in the end is not soon back on a busy machine.
_LONG_BEFORE_SECONDS = 30.0


@dataclass
class Found:
    """What there is, and what of it is not as it should be."""

    jobs: int = 0
    trials: int = 0
    finished: int = 0
    models: int = 0
    recomputed: int = 0
    files: int = 0
    worst_difference: float = 0.0
    without_conductor: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def look(home: Path, log: Path | None = None) -> Found:
    """All of it. House-keeping is done once, as long after as it takes for everything to be due. `log`: what the server
    has written; of a run that it had to end itself, trials may have finished that no conductor has seen."""
    found = Found()
    if log is not None:
        found.without_conductor = set(_ENDED_WITHOUT.findall(log.read_text(errors="replace")))
    with closing(sqlite3.connect(home / "flowml.sqlite")) as connection:
        connection.row_factory = sqlite3.Row
        _look_at_database(connection, found)
        _look_at_ends(connection, found)
        _look_at_events(connection, found)
    store = Store(home)
    try:
        _look_at_scores(store, found)
        store.files.remove_unused(_FOR_EVER)
    finally:
        store.close()
    with closing(sqlite3.connect(home / "flowml.sqlite")) as connection:
        _look_at_files(connection, home, found)
    return found


def said_in(log: Path) -> list[str]:
    """The errors in what a process has written, each with the lines after it. One of which nothing but its first line
    is there is of a process that was killed meanwhile, with what it depended on."""
    lines = log.read_text(errors="replace").splitlines()
    found = []
    at = 0
    while at < len(lines):
        is_whole = not lines[at].startswith("Traceback ") or lines[at + 1 : at + 2] and lines[at + 1].startswith(" ")
        if _WRONG.search(lines[at]) and is_whole:
            found.append(f"{log.name}:{at + 1}: " + "\n    ".join(lines[at : at + _LINES_OF_A_TRACE]))
            at += _LINES_OF_A_TRACE
        at += 1
    return found


def _look_at_database(connection: sqlite3.Connection, found: Found) -> None:
    found.faults += [f"integrity: {row[0]}" for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
    found.faults += [f"foreign key: {tuple(row)}" for row in connection.execute("PRAGMA foreign_key_check")]


def _look_at_ends(connection: sqlite3.Connection, found: Found) -> None:
    found.jobs = connection.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
    found.trials = connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0]
    found.finished = connection.execute("SELECT COUNT(*) FROM trials WHERE status = 'finished'").fetchone()[0]
    found.models = connection.execute("SELECT COUNT(*) FROM models").fetchone()[0]
    queries = {
        "a run that has not ended": "SELECT id, status FROM jobs WHERE status IN ('queued', 'running')"
        " OR finished_at IS NULL",
        "a trial that has not ended": "SELECT id, status FROM trials WHERE status IN ('queued', 'leased')"
        " OR finished_at IS NULL OR lease_expires_at IS NOT NULL",
        "a finished trial without score or files": "SELECT id, score FROM trials WHERE status = 'finished'"
        " AND (score IS NULL OR out_of_fold_file IS NULL OR model_file IS NULL OR attempt < 1)",
        "a finished trial that nobody has looked at": "SELECT id, worker_name FROM trials WHERE to_look_at = 1",
        "files kept for a trial that has ended": "SELECT sha256, trial_id FROM handed_over",
        "a best model that is none of its run": "SELECT id, best_model_id FROM jobs WHERE best_model_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM models WHERE models.id = jobs.best_model_id AND models.job_id = jobs.id)",
        "a fast twin that is none of its run": "SELECT id, fast_model_id FROM jobs WHERE fast_model_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM models WHERE models.id = jobs.fast_model_id AND models.job_id = jobs.id)",
        "a model whose trial has not finished": "SELECT models.id, trials.status FROM models JOIN trials ON"
        " trials.id = models.trial_id WHERE trials.status <> 'finished'",
        "a run that ended well without a model": "SELECT id, message FROM jobs WHERE status = 'completed'"
        " AND best_model_id IS NULL",
        "events of a run that is gone": "SELECT DISTINCT job_id, type FROM history WHERE job_id NOT IN"
        " (SELECT id FROM jobs)",
    }
    for what, query in queries.items():
        found.faults += [f"{what}: {tuple(row)}" for row in connection.execute(query)]


def _look_at_events(connection: sqlite3.Connection, found: Found) -> None:
    """None may be told to have ended in two ways."""
    ended: dict[str, tuple[str, float | None]] = {}
    rows = connection.execute("SELECT data FROM events WHERE type = 'trial_update' ORDER BY id")
    for trial in (json.loads(row[0])["trial"] for row in rows):
        identifier, status = trial["id"], trial["status"]
        before = ended.get(identifier)
        if status in ("queued", "leased"):
            if before is not None:
                found.faults.append(f"trial {identifier} had {before[0]}, and is {status} again")
            ended.pop(identifier, None)
        elif before is not None and (
            before[0] != status or not math.isclose(before[1] or 0, trial["score"] or 0, rel_tol=1e-3, abs_tol=1e-6)
        ):
            found.faults.append(f"trial {identifier} has ended twice: {before}, then {(status, trial['score'])}")
        else:
            ended[identifier] = status, trial["score"]
    for row in connection.execute("SELECT id, status, score FROM trials"):
        told = ended.get(row["id"])
        if told is None or told[0] != row["status"]:
            found.faults.append(f"trial {row['id']} is {row['status']}, and was told to be {told}")


def _look_at_files(connection: sqlite3.Connection, home: Path, found: Found) -> None:
    used = {
        sha256: f"{name}.{column}"
        for name, column in _USES
        for (sha256,) in connection.execute(f"SELECT {column} FROM {name} WHERE {column} <> ''")
    }
    known = {row[0] for row in connection.execute("SELECT sha256 FROM files")}
    there = {path.parent.name + path.name: path for path in (home / "files").glob("??/*")}
    found.files = len(there)
    for sha256, where in used.items():
        if sha256 not in there:
            found.faults.append(f"{where} names a file that is not there: {sha256}")
        elif hashlib.sha256(there[sha256].read_bytes()).hexdigest() != sha256:
            found.faults.append(f"{where} names a file that is not what was stored: {sha256}")
        if sha256 not in known:
            found.faults.append(f"{where} names a file that the database does not know to have stored: {sha256}")
    for sha256, path in there.items():
        if sha256 not in used:
            remark = "the database knows it" if sha256 in known else "the database knows nothing of it"
            found.faults.append(f"a file for nothing: {sha256}, {path.stat().st_size} bytes; {remark}")
    found.faults += [f"left in tmp: {path.name}" for path in (home / "tmp").iterdir()]


def _look_at_scores(store: Store, found: Found) -> None:
    jobs, total = store.jobs.page(10_000, 0)
    assert len(jobs) == total
    for job in jobs:
        trials = {trial.id: trial for trial in store.trials.of_job(job.id)}
        models = store.models.of_job(job.id)
        if not models:
            continue
        if models[0].id != job.best_model_id:
            found.faults.append(
                f"run {job.id} ({job.status}): {models[0].name} leads with {models[0].score:.6g}, and the best model is"
                f" {next((f'{one.name} with {one.score:.6g}' for one in models if one.id == job.best_model_id), None)}"
            )
        missing = [trial.id for trial in trials.values() if _should_be_there(trial) and trial.id not in _of(models)]
        if job.id not in found.without_conductor:
            found.faults += [
                f"run {job.id} ({job.status}): nobody has looked at the trial {trial.id}, reported at"
                f" {trial.elapsed_seconds:.1f} s of {job.elapsed_seconds:.1f}"
                for trial in trials.values()
                if _was_left(trial, job)
            ]
            found.faults += [f"run {job.id} ({job.status}): no model of the finished trial {one}" for one in missing]
        task = load_task(brief_of(store, job), store.files.path)
        for trial in trials.values():
            if trial.status is TrialStatus.FINISHED:
                _compare(found, f"trial {trial.id}", trial.score, scores_of(task, _said(store, task, trial)).score)
        for what, stated, score in _anew(store, task, job, models, trials):
            _compare(found, what, stated, score)
            found.recomputed += 1


def _of(models: list[Model]) -> set[str | None]:
    return {model.trial_id for model in models}


def _should_be_there(trial: Trial) -> bool:
    """One of another machine has finished when the conductor has looked at it."""
    return trial.status is TrialStatus.FINISHED and trial.number >= 0


def _was_left(trial: Trial, job: Job) -> bool:
    """Whether it was reported long before the end of the run, and not looked at."""
    since = job.elapsed_seconds - (trial.elapsed_seconds or 0.0)
    return job.status is JobStatus.COMPLETED and trial.error == NOT_LOOKED_AT and since > _LONG_BEFORE_SECONDS


def _anew(
    store: Store, task: Task, job: Job, models: list[Model], trials: dict[str, Trial]
) -> Iterator[tuple[str, float, float]]:
    """What each model states of itself, and what it is by the predictions that were stored."""
    for model in models:
        if model.trial_id is not None:
            answers = _said(store, task, trials[model.trial_id])
        elif model.algorithm == ENSEMBLE:
            members = model.details.members or ()
            said = [_said(store, task, trials[member.model_id or ""]) for member in members]
            answers = blend(said, dict(enumerate(member.weight for member in members)), task.problem_type)
        else:
            # What is made at once, or learned from the best model, has no predictions that were stored.
            continue
        rows = task.validated
        fitted = modelfile.read(store.files.path(model.file))
        if fitted.temperature is not None:
            calibrated = choose_temperature(answers[rows], task.target[rows], task.judge_folds, task.weights_of(rows))
            assert calibrated is not None
            answers = answers.copy()
            answers[rows] = calibrated[1]
        summary = over_folds(fold_scores(task, answers))
        assert summary is not None
        yield f"run {job.id}: {model.name} {model.id}", model.score, summary[0]


def _said(store: Store, task: Task, trial: Trial) -> np.ndarray:
    held_out: np.ndarray = np.load(store.files.path(trial.out_of_fold or ""), allow_pickle=False)
    answers = np.full((len(task.target), held_out.shape[1]), np.nan)
    answers[task.validated] = held_out
    return answers


def _compare(found: Found, what: str, stated: Any, score: float) -> None:
    difference = abs(stated - score) / max(1e-9, abs(score))
    found.worst_difference = max(found.worst_difference, difference)
    if difference > _TOLERANCE:
        found.faults.append(f"{what} states {stated!r}, and its predictions have {score!r}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="home folder of a server that has ended")
    given = parser.parse_args(arguments)
    found = look(given.home)
    print(found)
    if found.faults:
        raise SystemExit("\n".join(found.faults))


if __name__ == "__main__":
    main()
