"""A whole job behind real tables: what it leaves is calibrated, decided, honest about itself, and has a fast twin."""

import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl.model import modelfile
from flowml.domain.clock import CLOCK, Clock
from flowml.domain.jobs import JobStatus
from flowml.domain.models import Model, curves_of, stand_of
from flowml.domain.trials import NOTHING_MORE, Needs, Offer, Trial, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import Share
from flowml.services import results
from flowml.services.context import Context
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.jobs import extend_job
from flowml.services.serving import predicting
from flowml.services.settings import Settings
from flowml.store.fleet.workers import MOST_REFUSED
from flowml.store.store import Store
from flowml.training.conductor import _why_no_trial, conduct_job
from flowml.training.trainer import Trainer
from tests.services.records import QuietTrainers, add_job
from tests.services.trained import ROW, store_table, table

MACHINE = Share(slots=1, threads=1, memory_bytes=2_000_000_000)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path)
    store_table(store)
    store.workers.register_local(
        "here", ("cpu",), MACHINE.slots, {}, 1.0, threads=MACHINE.threads, memory_bytes=MACHINE.memory_bytes
    )
    yield Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    store.close()


def conduct(context: Context, clock: Clock = CLOCK, **spec: object) -> str:
    """Run a job to its end with a trainer beside it; returns its id."""
    store = context.store
    job = add_job(store, cv_folds=3, time_budget_seconds=120.0, **spec)
    store.jobs.claim(1, time.time(), time.monotonic())
    channel = StoreChannel(store, owner="t", worker_id="local", worker_name="here", clock=clock)
    over = threading.Event()
    trainer = threading.Thread(target=Trainer(channel, machine=MACHINE).run, args=(over.is_set,), daemon=True)
    trainer.start()
    try:
        conduct_job(StoreLedger(store, job.id), clock=clock)
    finally:
        over.set()
        trainer.join(30)
    return job.id


def test_a_worker_that_reports_garbage_costs_a_run_only_the_trials_that_it_takes(context: Context) -> None:
    store = context.store
    far = store.workers.register("far", ("cpu",), Share(1, 1, 10**9), {}, 1.0, owner="a fleet").id
    job = add_job(
        store,
        cv_folds=3,
        time_budget_seconds=120.0,
        target="bought",
        algorithms=("gaussian_nb", "linear_discriminant"),
        max_trials=6,
    )
    store.jobs.claim(1, time.time(), time.monotonic())
    theirs = StoreChannel(store, owner=far, worker_id=far, worker_name="far", clock=CLOCK)
    ours = StoreChannel(store, owner="t", worker_id="local", worker_name="here", clock=CLOCK)
    over = threading.Event()

    def is_set_aside() -> bool:
        worker = store.workers.find(far)
        return worker is not None and worker.set_aside is not None

    def work() -> None:
        garbage = [b"", b"\x00" * 1_000, store.files.path(store.datasets.get("d1").table).read_bytes()]
        while not over.is_set() and not is_set_aside():
            lease = theirs.lease(Offer())
            if lease is None:
                time.sleep(0.01)
                continue
            files = [theirs.put(lease, content) for content in (garbage[lease.number % 3], garbage[-1])]
            theirs.report(
                lease, TrialReport(TrialStatus.FINISHED, 1.0, (1.0,) * 3, {}, 0.1, 0.1, None, *files, "these")
            )
        Trainer(ours, machine=MACHINE).run(over.is_set)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        conduct_job(StoreLedger(store, job.id))
    finally:
        over.set()
        worker.join(30)
    trials = store.trials.of_job(job.id)
    assert is_set_aside() and store.jobs.get(job.id).status is JobStatus.COMPLETED
    refused = [trial for trial in trials if trial.from_elsewhere]
    assert {trial.status for trial in refused} <= {TrialStatus.FAILED} and len(refused) < MOST_REFUSED
    assert all("the worker far reported" in (trial.error or "") for trial in refused)
    finished = [trial for trial in trials if trial.status is TrialStatus.FINISHED]
    assert finished and {trial.worker_id for trial in finished} == {"local"}
    named = {model.trial_id for model in store.models.of_job(job.id)}
    assert not named & {trial.id for trial in refused}


def test_who_sets_the_time_of_day_moves_no_run(context: Context) -> None:
    """Two hours forward when the run has begun, and a day back a moment later."""
    looked = 0

    def set_often() -> float:
        nonlocal looked
        looked += 1
        return time.time() + (0 if looked < 3 else 7200 if looked < 30 else -86_400)

    job_id = conduct(context, Clock(now=set_often), target="bought", algorithms=("gaussian_nb",), max_trials=2)
    job, trials = context.store.jobs.get(job_id), context.store.trials.of_job(job_id)
    assert job.status is JobStatus.COMPLETED and looked > 30
    assert [trial.status for trial in trials] == [TrialStatus.FINISHED] * 2
    assert all(0 <= (trial.elapsed_seconds or -1) <= job.elapsed_seconds < 120 for trial in trials)


def test_a_job_ends_with_an_estimate_and_a_twin(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    read, trials = 0, StoreLedger.trials

    def counted(ledger: StoreLedger) -> list[Trial]:
        nonlocal read
        read += 1
        return trials(ledger)

    monkeypatch.setattr(StoreLedger, "trials", counted)
    job_id = conduct(
        context,
        target="bought",
        metric="f1",
        exclude_columns=("spent",),
        max_trials=4,
        algorithms=("lightgbm", "logistic_regression", "gaussian_nb"),
    )
    assert read <= 5, "all trials are read when a run begins, and not for each that ends"
    job = context.store.jobs.get(job_id)
    assert job.status is JobStatus.COMPLETED
    assert job.estimate is not None
    assert job.best_score == job.estimate["score"] and job.estimate["low"] <= job.best_score <= job.estimate["high"]
    assert (
        job.best_score is not None
        and job.positive_class == "yes"
        and job.baseline_score is not None
        and 0.6 < job.baseline_score < job.best_score
    )
    told = [event for event in context.store.events.since(0) if event.room == f"job:{job_id}"]
    updates = [event.data["job"] for event in told if event.type == "job_update" and event.data["job"]["best_model_id"]]
    assert updates and all(one["best_score"] == one["estimate"]["score"] for one in updates), (
        "one kind, at every moment"
    )
    assert told[-1].type == "training_completed"
    assert [told[-1].data[name] for name in ("best_score", "best_score_low", "baseline_score")] == [
        job.best_score,
        job.best_score_low,
        job.baseline_score,
    ]

    champion = results.get_model(context, job.best_model_id or "")
    board = results.leaderboard(context, job_id)
    assert board.items[0].model_id == champion.id and board.items[0].score == champion.score
    assert all(row.predict_ms for row in board.items)
    decision = champion.details.decision
    assert decision is not None and len(decision) == 2
    assert champion.details.threshold == pytest.approx(decision[0] / sum(decision))
    fitted = modelfile.read(context.store.files.path(champion.file))
    assert fitted.decision == pytest.approx(decision)

    assert job.fast_model_id is not None
    twin = results.get_model(context, job.fast_model_id)
    worse = twin.details.loss_of_quality
    assert twin.details.twin_of == champion.id and worse is not None and worse >= 0
    # Of every model it is kept what it said of rows that it had not seen.
    files = {trial.id: trial.out_of_fold for trial in context.store.trials.of_job(job_id)}
    models = context.store.models.of_job(job_id)
    kept = [model.out_of_fold or files[model.trial_id or ""] for model in models]
    assert [np.load(context.store.files.path(file or "")).shape for file in kept] == [(table().height, 2)] * len(models)
    assert {model.trial_id for model in models} >= {None}
    curves = context.store.models.figure(job_id, curves_of(champion.id), stand_of(champion))
    assert curves is not None and curves["n_rows"] == table().height
    accuracy = champion.metrics["accuracy"] or 0.0
    counts = curves["threshold"]
    right = counts["tp"][at := int(np.abs(np.array(counts["at"]) - counts["current"]).argmin())] + counts["tn"][at]
    assert right / table().height == pytest.approx(accuracy, abs=0.02)

    small = modelfile.read(context.store.files.path(twin.file))
    assert [len(member.parts) for member in small.members] == [1]
    assert predicting.predict(context, twin.id, [ROW])[0].prediction in ("yes", "no")
    assert len({row.model_id for row in board.items}) == len(board.items)


def test_a_twin_of_its_own_is_a_model_of_the_job(context: Context) -> None:
    job_id = conduct(
        context, target="spent", metric="mae", exclude_columns=("bought",), max_trials=2, algorithms=("lightgbm",)
    )
    job = context.store.jobs.get(job_id)
    assert job.fast_model_id not in (None, job.best_model_id)
    twin = results.get_model(context, job.fast_model_id or "")
    assert (twin.name, twin.trial_id) == ("Fast twin", None)
    assert twin.id in {row.model_id for row in results.leaderboard(context, job_id).items}
    champion = results.get_model(context, job.best_model_id or "")
    assert twin.score >= champion.score
    for model in results.list_models(context, job_id, 50, 0)[0]:
        assert model.details.residuals is not None and model.details.residuals.n_rows == 240
    assert np.isfinite(float(predicting.predict(context, twin.id, [ROW])[0].prediction))


def test_a_best_model_that_is_small_is_its_own_twin(context: Context) -> None:
    job_id = conduct(
        context,
        target="bought",
        metric="log_loss",
        exclude_columns=("spent",),
        max_trials=1,
        algorithms=("logistic_regression",),
    )
    job = context.store.jobs.get(job_id)
    assert job.fast_model_id == job.best_model_id
    assert [row.algorithm for row in results.leaderboard(context, job_id).items] == ["logistic_regression", "baseline"]


def test_what_is_damaged_or_gone_is_left_out_when_a_run_goes_on(context: Context) -> None:
    algorithms = ("logistic_regression", "gaussian_nb", "decision_tree")
    job_id = conduct(context, target="bought", exclude_columns=("spent",), max_trials=3, algorithms=algorithms)
    store = context.store
    best, other, _ = sorted(store.trials.of_job(job_id), key=lambda trial: -(trial.score or 0.0))
    zeroed, gone = store.files.path(best.out_of_fold or ""), store.files.path(other.out_of_fold or "")
    content = zeroed.read_bytes()
    zeroed.write_bytes(content[:128] + bytes(len(content) - 128))
    gone.unlink()
    ended = store.jobs.get(job_id)
    # Nobody trains any more, so it goes on to the end of this time.
    extend_job(context, job_id, 8.0)
    store.jobs.claim(1, time.time(), time.monotonic())
    before = store.events.last_id()
    conduct_job(StoreLedger(store, job_id))
    job = store.jobs.get(job_id)
    assert (job.status, job.error) == (JobStatus.COMPLETED, None)
    told = [str(event.data.get("message")) for event in store.events.since(before) if event.type == "log"]
    assert len([line for line in told if line.startswith("1 trial cannot be used: files are gone")]) == 2
    assert (job.best_model_id, job.best_score) == (ended.best_model_id, ended.best_score), "it is whole"


def test_a_trial_whose_model_goes_before_it_is_taken_in_costs_no_run(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = StoreLedger.ended

    def lose_first(ledger: StoreLedger, trial_ids: Collection[str]) -> list[Trial]:
        found = ended(ledger, trial_ids)
        for trial in found:
            if trial.number == 0 and trial.model_file is not None:
                ledger.file(trial.model_file).unlink()
        return found

    monkeypatch.setattr(StoreLedger, "ended", lose_first)
    algorithms = ("gaussian_nb", "decision_tree")
    job_id = conduct(context, target="bought", exclude_columns=("spent",), max_trials=2, algorithms=algorithms)
    job, kept = context.store.jobs.get(job_id), context.store.trials.of_number(job_id, 1)
    assert (job.status, job.error, job.best_model_id) == (JobStatus.COMPLETED, None, kept.id)


def test_a_conductor_that_dies_leaves_no_model_that_leads_and_is_not_the_best(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    crown, crowned = StoreLedger.champion, list[str]()

    def die(ledger: StoreLedger, model: Model, *rest: Any) -> None:
        if crowned:
            raise Killed
        crowned.append(model.id)
        crown(ledger, model, *rest)

    store = context.store
    job = add_job(store, target="bought", exclude_columns=("spent",), time_budget_seconds=4.0)
    store.jobs.claim(1, time.time(), time.monotonic())
    with monkeypatch.context() as patch:
        patch.setattr(StoreLedger, "champion", die)
        with pytest.raises(Killed):
            conduct_job(StoreLedger(store, job.id))
    assert [model.id for model in store.models.of_job(job.id)] == crowned == [store.jobs.get(job.id).best_model_id]
    conduct_job(StoreLedger(store, job.id))
    assert store.jobs.get(job.id).best_model_id == store.models.of_job(job.id)[0].id != crowned[0]


def test_with_nobody_to_train_there_are_the_models_made_at_once(context: Context) -> None:
    store = context.store
    job = add_job(store, target="bought", exclude_columns=("spent",), time_budget_seconds=4.0)
    store.jobs.claim(1, time.time(), time.monotonic())
    conduct_job(StoreLedger(store, job.id))
    job = store.jobs.get(job.id)
    assert (job.status, job.error) == (JobStatus.COMPLETED, None) and "No machine" in job.message
    names = {row.algorithm for row in results.leaderboard(context, job.id).items}
    assert names == {"baseline", "first_linear", "first_tree"}
    for model in store.models.of_job(job.id):
        assert predicting.predict(context, model.id, [ROW])[0].prediction in ("yes", "no")
    assert all(trial.status is TrialStatus.CANCELLED for trial in store.trials.of_job(job.id))


def test_where_every_trial_fails_the_baseline_is_there_and_the_reasons_beside_it(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the flux capacitor is empty")

    monkeypatch.setattr("flowml.automl.algorithms.gaussian_nb.GaussianNaiveBayes.fit", broken)
    job_id = conduct(context, target="bought", exclude_columns=("spent",), max_trials=2, algorithms=("gaussian_nb",))
    job = context.store.jobs.get(job_id)
    assert job.status is JobStatus.COMPLETED and job.best_model_id == f"{job_id}baseline"
    assert job.error is not None and "naive Bayes: RuntimeError: the flux capacitor is empty" in job.error


@pytest.mark.parametrize(
    ("ends", "error", "remark"),
    [
        (["failed", "failed"], "No algorithm could be trained on this table. Ridge regression: it broke", None),
        (["failed", "cancelled"], "No algorithm was trained in time, and some could not be trained", None),
        (["cancelled", "cancelled"], None, NOTHING_MORE),
        (["finished", "failed"], None, None),
    ],
)
def test_why_there_is_no_trial_is_said_as_it_was(
    context: Context, ends: list[str], error: str | None, remark: str | None
) -> None:
    store, job = context.store, add_job(context.store)
    store.jobs.claim(1, 1.0, 1.0)
    channel = StoreChannel(store, owner="t", worker_id="local", worker_name="here", clock=CLOCK)
    for at, end in enumerate(ends):
        store.trials.add(job.id, TrialSpec(at, "ridge", {}), Needs(), 60.0, float(at))
        lease = channel.lease(Offer())
        assert lease is not None
        report = TrialReport(TrialStatus(end), score=0.5, error="it broke" if end == "failed" else None)
        assert channel.report(lease, report)
    said, also = _why_no_trial(store.trials.of_job(job.id))
    assert also == remark and (said is None) == (error is None) and (said or "").startswith(error or "")
