"""What another machine reports is looked at before anything is made of it: whatever it is, the run goes on."""

import io
import json
import threading
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.task.task import Task
from flowml.automl.trial.attempt import Means, attempt
from flowml.automl.trial.evaluate import EncodedFolds
from flowml.automl.trial.outcome import Outcome
from flowml.domain.clock import CLOCK
from flowml.domain.jobs import JobSpec, JobStatus
from flowml.domain.trials import (
    CANNOT_BE_LOOKED_AT,
    NOT_LOOKED_AT,
    Needs,
    Offer,
    Trial,
    TrialReport,
    TrialSpec,
    TrialStatus,
)
from flowml.domain.workers import LOCAL_ID, Share, Worker
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger, finish_job
from flowml.store.fleet.workers import MOST_REFUSED
from flowml.store.store import Store
from flowml.training import taking_in
from flowml.training.ledger_runner import LedgerRunner
from flowml.training.tasks import load_task
from flowml.training.trainer import pack_array
from tests.clocks import clock_at
from tests.services.trained import store_table

SPEC = TrialSpec(0, "gaussian_nb", {"var_smoothing": 1e-9})


@dataclass
class Run:
    """A run, what an honest trial of it comes to, and a worker on another machine."""

    store: Store
    ledger: StoreLedger
    task: Task
    outcome: Outcome
    worker: Worker

    def held_out(self) -> np.ndarray:
        return self.outcome.predictions()[self.task.validated]

    def report(
        self, held_out: bytes | None = None, model: bytes | None = None, by: str | None = None, **changed: Any
    ) -> Trial:
        """The trial that the worker has reported."""
        by = by or self.worker.id
        number = len(self.ledger.trials())
        self.ledger.enqueue(replace(SPEC, number=number), Needs(), 60.0, 5.0, 5.0)
        channel = StoreChannel(self.store, owner=by, worker_id=by, worker_name="far", clock=clock_at(6.0))
        lease = channel.lease(Offer())
        assert lease is not None
        report = TrialReport(
            TrialStatus.FINISHED,
            self.outcome.score,
            self.outcome.fold_scores,
            self.outcome.metrics,
            out_of_fold=channel.put(lease, pack_array(self.held_out()) if held_out is None else held_out),
            model=channel.put(lease, modelfile.write(self.outcome.model()) if model is None else model),
            tested_on=self.task.fingerprint,
        )
        assert channel.report(lease, replace(report, **changed))
        return self.ledger.trial(number)

    def take_in(self, trial: Trial) -> Outcome:
        runner = LedgerRunner(self.ledger, self.task, clock_at(7.0))
        found = runner._looked_at(trial, None)
        assert found is not None
        return runner.outcome(found)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    store = Store(Path(tmp_path_factory.mktemp("home")), now=1.0)
    store_table(store)
    store.jobs.add(JobSpec("d1", "bought", exclude_columns=("spent",), cv_folds=3), "a run", 1.0)
    job = store.jobs.claim(1, 2.0, 2.0)
    assert job is not None
    ledger = StoreLedger(store, job.id)
    task = load_task(ledger.brief(), ledger.table)
    outcome = attempt(lambda: Means(task, EncodedFolds(task)), SPEC, time_left=lambda: 60.0)
    assert outcome.status is TrialStatus.FINISHED
    worker = store.workers.register("far", ("cpu",), Share(1, 1, 10**9), {}, 3.0, owner="a fleet")
    return Run(store, ledger, task, outcome, worker)


@pytest.fixture(autouse=True)
def unblamed(run: Run) -> None:
    run.store.workers.remove(run.worker.id)
    run.worker = run.store.workers.register("far", ("cpu",), Share(1, 1, 10**9), {}, 3.0, owner="a fleet")


def test_an_honest_trial_counts_with_the_scores_that_it_has(run: Run) -> None:
    outcome = run.take_in(run.report())
    assert (outcome.status, outcome.score, outcome.fold_scores) == (
        TrialStatus.FINISHED,
        run.outcome.score,
        run.outcome.fold_scores,
    )
    assert outcome.metrics == run.outcome.metrics
    assert np.array_equal(outcome.predictions()[run.task.validated], run.held_out())
    assert outcome.model().schema.classes == run.task.classes


def test_what_counts_is_worked_out_here(run: Run) -> None:
    claimed = dict.fromkeys(run.outcome.metrics, 0.999)
    trial = run.report(score=(run.outcome.score or 0.0) + 1e-7, metrics=claimed)
    outcome = run.take_in(trial)
    assert (outcome.score, outcome.metrics) == (run.outcome.score, run.outcome.metrics)
    stored = run.ledger.trial(trial.number)
    assert (stored.score, stored.metrics) == (run.outcome.score, run.outcome.metrics)


def test_this_machine_is_believed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowml.training.taking_in.taken_in", lambda *_: pytest.fail("it was looked at"))
    assert run.take_in(run.report(by=LOCAL_ID)).status is TrialStatus.FINISHED


def npy(array: np.ndarray, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def changed(array: np.ndarray, value: float) -> np.ndarray:
    array = array.astype(np.float32)
    array[3, 1] = value
    return array


def test_a_trial_that_was_refused_twice_has_failed(run: Run) -> None:
    trial = run.report(score=1.0)
    assert run.take_in(trial).status is TrialStatus.QUEUED
    lease = run.store.trials.claim("b", run.worker.id, "far", Offer(), 60.0, 8.0, 8.0)
    assert lease is not None and lease.trial_id == trial.id
    report = TrialReport(TrialStatus.FINISHED, 1.0, out_of_fold="f" * 64, model="f" * 64, tested_on="others")
    assert run.store.trials.finish(lease, report, 9.0, 9.0)
    assert run.take_in(run.ledger.trial(trial.number)).status is TrialStatus.FAILED
    stored = run.ledger.trial(trial.number)
    assert stored.status is TrialStatus.FAILED and "tested on other rows" in (stored.error or "") and stored.applicable


PREDICTIONS: dict[str, tuple[Callable[[np.ndarray], bytes], str]] = {
    "nothing": (lambda right: b"", "cannot be read"),
    "garbage": (lambda right: b"\x00\xff" * 500, "cannot be read"),
    "cut off": (lambda right: pack_array(right)[:-4], "cannot be read"),
    "a pickle": (lambda right: npy(np.array([[print]], dtype=object), pickled=True), "cannot be read"),
    "an archive": (lambda right: packed({"a.npy": pack_array(right)}), "cannot be read"),
    "a header alone": (
        lambda right: header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**9, 10**6), }\n"),
        "cannot be read",
    ),
    "very much": (
        lambda right: header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 9999), }\n"),
        "cannot be read",
    ),
    "a deep header": (lambda right: header("(" * 5_000 + ")" * 5_000), "cannot be read"),
    "fewer rows": (lambda right: pack_array(right[:-1]), "shape"),
    "more outputs": (lambda right: pack_array(np.hstack([right, right])), "shape"),
    "one number": (lambda right: npy(np.float32(0.5)), "shape"),
    "double precision": (lambda right: npy(right), "float64"),
    "texts": (lambda right: npy(right.astype("U8")), "single precision"),
    "NaN": (lambda right: npy(changed(right, np.nan)), "no numbers"),
    "infinity": (lambda right: npy(changed(right, np.inf)), "no numbers"),
    "huge numbers": (lambda right: npy(changed(right, 3e38)), "no probabilities"),
    "a negative one": (lambda right: npy(np.float32([-0.5, 1.5]) + 0 * right.astype(np.float32)), "no probabilities"),
    "others than claimed": (lambda right: pack_array(right[:, ::-1]), "reported a score of"),
}


@pytest.mark.parametrize("kind", PREDICTIONS)
def test_predictions_that_are_none_are_not_used(run: Run, kind: str) -> None:
    make, said = PREDICTIONS[kind]
    refused(run, run.report(make(run.held_out())), said)


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def with_manifest(model: FittedModel, **changed: Any) -> bytes:
    with zipfile.ZipFile(io.BytesIO(modelfile.write(model))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name,) = (name for name in files if name.endswith(".json"))
    return packed({**files, name: json.dumps({**json.loads(files[name]), **changed}).encode()})


def with_schema(model: FittedModel, **changed: Any) -> FittedModel:
    return replace(model, schema=replace(model.schema, **changed))


def of_algorithm(model: FittedModel, name: str) -> FittedModel:
    return replace(model, members=(replace(model.members[0], algorithm=name),))


MODELS: dict[str, tuple[Callable[[FittedModel], bytes], str]] = {
    "nothing": (lambda right: b"", "not a FlowML model file"),
    "garbage": (lambda right: b"PK\x03\x04" + b"\xff" * 5_000, "not a FlowML model file"),
    "cut in half": (lambda right: modelfile.write(right)[:500], "not a FlowML model file"),
    "a bomb": (lambda right: packed({"manifest.json": b" " * 50_000_000}), "cannot be used"),
    "no members": (lambda right: with_manifest(right, members=[]), "cannot be used"),
    "another target": (lambda right: modelfile.write(with_schema(right, target="city")), "another table"),
    "another algorithm": (lambda right: modelfile.write(of_algorithm(right, "knn")), "another algorithm"),
    "other columns": (lambda right: modelfile.write(with_schema(right, features=right.schema.features[:-1])), ""),
    "other classes": (lambda right: modelfile.write(with_schema(right, classes=("no", "perhaps"))), "another table"),
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_that_is_none_of_this_trial_is_not_used(run: Run, kind: str) -> None:
    make, said = MODELS[kind]
    refused(run, run.report(model=make(run.outcome.model())), said)


def refused(run: Run, trial: Trial, said: str) -> None:
    """It waits again, with a sentence that names the worker, and nothing of what was reported is left."""
    outcome = run.take_in(trial)
    assert (outcome.status, outcome.score, outcome.load_model) == (TrialStatus.QUEUED, None, None)
    stored = run.ledger.trial(trial.number)
    assert (stored.status, stored.score, stored.finished_at) == (TrialStatus.QUEUED, None, None)
    assert (stored.out_of_fold, stored.model_file, stored.tested_on) == (None, None, None)
    assert (stored.error or "").startswith("What the worker far reported is not used: ") and said in (
        stored.error or ""
    )
    run.store.trials.cancel([trial.id], 8.0)


@pytest.mark.parametrize(
    "claimed",
    [{"score": 1.0}, {"score": -5.0}, {"fold_scores": (1.0, 1.0, 1.0)}, {"fold_scores": ()}, {"tested_on": "others"}],
    ids=str,
)
def test_nobody_claims_a_score(run: Run, claimed: dict[str, Any]) -> None:
    refused(run, run.report(**claimed), "")


def test_who_reports_such_things_again_and_again_is_given_no_more(run: Run) -> None:
    for refusals in range(1, MOST_REFUSED + 1):
        refused(run, run.report(score=1.0), "reported a score of 1,")
        worker = run.store.workers.find(run.worker.id)
        assert worker is not None and (worker.set_aside is not None) is (refusals == MOST_REFUSED)
    assert worker.status == "draining" and "reported a score of 1," in (worker.set_aside or "")
    assert run.worker.id not in [machine.worker_id for machine in run.store.workers.machines()]
    again = run.store.workers.register("far", ("cpu",), Share(1, 1, 10**9), {}, 9.0, owner="a fleet")
    assert (again.id, again.status) == (run.worker.id, "draining"), "joining anew is no way out"
    run.ledger.enqueue(replace(SPEC, number=1_000), Needs(), 60.0, 5.0, 5.0)
    claim = run.store.trials.claim
    assert claim(run.worker.id, run.worker.id, "far", Offer(), 60.0, 9.0, 9.0) is None
    assert claim("other", "other", "other", Offer(), 60.0, 9.0, 9.0) is not None
    told = run.store.events.since(0, ["workers", "system"])
    assert told[-2].data["worker"]["set_aside"] == worker.set_aside
    assert "is given no more trials" in told[-1].data["title"]


def test_what_is_looked_at_for_long_holds_nobody_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the process that tries a model takes seconds to come."""
    theirs, ours = run.report(), run.report(by=LOCAL_ID)
    go_on, take_in = threading.Event(), taking_in.taken_in

    def slow(*arguments: Any) -> Any:
        assert go_on.wait(60)
        return take_in(*arguments)

    monkeypatch.setattr(taking_in, "taken_in", slow)
    runner = LedgerRunner(run.ledger, run.task, CLOCK, last_look_seconds=0.0)
    runner._open = {theirs.id, ours.id}
    assert [outcome.spec.number for outcome in runner.wait(5.0)] == [ours.number]
    assert runner.wait(0.05) == [] and runner.open() == 1, "it is being looked at"
    at_the_end = LedgerRunner(run.ledger, run.task, CLOCK, last_look_seconds=0.0)
    at_the_end._open = {theirs.id}
    assert at_the_end.cancel() == [], "nothing that was not looked at is used"
    worker = run.store.workers.find(run.worker.id)
    assert worker is not None and worker.set_aside is None
    stored = run.ledger.trial(theirs.number)
    assert stored.to_look_at and stored.shown.status is TrialStatus.LEASED, "and nobody is blamed for it"
    go_on.set()
    assert [outcome.spec.number for outcome in runner.wait(60.0)] == [theirs.number]
    assert runner.open() == 0


def test_what_an_earlier_conductor_did_not_get_to_look_at_holds_up_no_new_one(run: Run) -> None:
    theirs, ours = run.report(), run.report(by=LOCAL_ID)
    runner = LedgerRunner(run.ledger, run.task, CLOCK)
    runner._open = set()
    assert runner.taken_up([theirs, ours]) == [ours]
    assert runner.open() == 1, "it is looked at like what is still to come"
    assert [outcome.spec.number for outcome in runner.wait(60.0)] == [theirs.number]
    assert runner.open() == 0 and run.ledger.trial(theirs.number).score == run.outcome.score


def test_what_cannot_be_read_any_more_is_cancelled_and_nobody_is_blamed(run: Run) -> None:
    trial = run.report(pack_array(run.held_out() * 0.999 + 0.0005))
    (run.store.files.path(trial.out_of_fold or "")).unlink()
    assert run.take_in(trial).status is TrialStatus.CANCELLED
    stored = run.ledger.trial(trial.number)
    assert (stored.status, stored.score, stored.error) == (TrialStatus.CANCELLED, None, CANNOT_BE_LOOKED_AT)
    worker = run.store.workers.find(run.worker.id)
    assert worker is not None and worker.set_aside is None


def test_only_what_has_finished_has_a_score(run: Run) -> None:
    run.ledger.enqueue(replace(SPEC, number=500), Needs(), 60.0, 5.0, 5.0)
    lease = run.store.trials.claim("b", run.worker.id, "far", Offer(), 60.0, 8.0, 8.0)
    assert lease is not None
    assert run.store.trials.finish(lease, TrialReport(TrialStatus.PRUNED, 0.9999, (0.9999,)), 9.0, 9.0)
    stored = run.ledger.trial(500)
    assert (stored.status, stored.score, stored.to_look_at) == (TrialStatus.PRUNED, None, False)


def test_until_it_is_looked_at_nothing_that_was_said_counts_or_is_told(run: Run) -> None:
    """Neither live nor in what is counted; and what nobody has looked at when the run ends is cancelled."""
    store, job_id = run.store, run.ledger.job().id
    before = store.jobs.get(job_id).trials_finished
    latest = store.events.last_id()
    looked_at, left = run.report(score=(run.outcome.score or 0.0) + 1e-7), run.report(score=1.0)
    assert store.jobs.get(job_id).trials_finished == before
    worker = store.workers.find(run.worker.id)
    assert worker is not None and worker.trials_finished == 0
    told = told_of(run, latest, looked_at, left)
    assert len(told) == 6 and {(status, score) for _, status, score in told} == {("queued", None), ("leased", None)}
    assert run.take_in(looked_at).status is TrialStatus.FINISHED
    assert store.jobs.get(job_id).trials_finished == before + 1
    finish_job(store, job_id, JobStatus.COMPLETED, 9.0)
    stored = run.ledger.trial(left.number)
    assert (stored.status, stored.score, stored.fold_scores) == (TrialStatus.CANCELLED, None, ())
    assert (stored.error, stored.out_of_fold, stored.model_file) == (NOT_LOOKED_AT, None, None)
    assert store.jobs.get(job_id).trials_finished == before + 1
    ends = [one for one in told_of(run, latest, looked_at, left) if one[1] not in ("queued", "leased")]
    assert ends == [(looked_at.id, "finished", run.outcome.score), (left.id, "cancelled", None)]


def told_of(run: Run, since: int, *trials: Trial) -> list[tuple[str, str, float | None]]:
    """Id, status and score of these trials, each time that they were told."""
    events = run.store.events.since(since, [f"job:{run.ledger.job().id}"])
    told = [event.data["trial"] for event in events if event.type == "trial_update"]
    mine = {trial.id for trial in trials}
    return [(trial["id"], trial["status"], trial["score"]) for trial in told if trial["id"] in mine]
