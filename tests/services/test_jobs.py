"""Starting, stopping and extending: what is refused, in which words, and what happens to the time."""

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.domain.datasets import Column, Dataset, Role
from flowml.domain.errors import InvalidInput, NotFound, WrongState
from flowml.domain.jobs import JobSpec, JobStatus, ValidationKind
from flowml.domain.workers import Share
from flowml.services import checking, jobs, starting
from flowml.services.context import Context
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.web.schemas.training import StartTraining
from tests.services.records import QuietTrainers

TABLE = pl.DataFrame(
    {
        "id": range(40),
        "age": [index % 17 for index in range(40)],
        "same": [1] * 40,
        "bought": ["yes", "no"] * 20,
        "once": ["rare"] + ["often"] * 39,
        "spent": [index * 1.5 for index in range(40)],
        "empty": [None] * 40,
    },
    schema_overrides={"empty": pl.String},
)
ROLES = (Role.IDENTIFIER, Role.NUMERIC, Role.CONSTANT, Role.CATEGORICAL, Role.CATEGORICAL, Role.NUMERIC, Role.CONSTANT)


@pytest.fixture
def context(tmp_path: Path) -> Context:
    store = Store(tmp_path / "home", now=1.0)
    store.workers.register_local("here", ("cpu",), 2, {}, 1.0)
    path = store.files.new_temp()
    TABLE.write_parquet(path)
    columns = tuple(Column(n, str(TABLE[n].dtype), role) for n, role in zip(TABLE.columns, ROLES, strict=True))
    table = store.files.put_path(path)
    store.datasets.add(Dataset("d", "people", "p.csv", "csv", 40, 7, 9, "0" * 64, table, None, 1.0, columns), ())
    return Context(Settings(home=tmp_path / "home"), store, lambda: 1.7e9, QuietTrainers(), steady=lambda: 100.0)


def start(context: Context, **fields: Any) -> Any:
    return jobs.start_job(context, JobSpec(**({"dataset_id": "d", "target": "bought"} | fields)))


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"target": "bougt"}, "target", "bougt"),
        ({"target": "same"}, "target", "same in every row"),
        ({"target": "empty"}, "target", "empty"),
        ({"target": "once"}, "target", "only one row"),
        ({"time_budget_seconds": 0}, "time_budget_seconds", "0 seconds"),
        ({"time_budget_seconds": 86400}, "time_budget_seconds", "86400 seconds"),
        ({"metric": "rmse"}, "metric", "classification"),
        ({"metric": "luck"}, "metric", "luck"),
        ({"metric": "precision"}, "metric", "precision"),
        ({"problem_type": "regression"}, "problem_type", "numbers"),
        ({"algorithms": ("ridge",)}, "algorithms", "Ridge"),
        ({"algorithms": ("magic",)}, "algorithms", "magic"),
        ({"algorithms": ()}, "algorithms", "No algorithm"),
        ({"exclude_columns": ("nothing",)}, "exclude_columns", "nothing"),
        ({"cv": "by luck"}, "cv", "by luck"),
        ({"cv": "group:nothing"}, "cv", "nothing"),
        ({"cv": "time:once"}, "cv", "neither dates nor numbers"),
        ({"weight_column": "nothing"}, "weight_column", "nothing"),
        ({"weight_column": "once"}, "weight_column", "no numbers"),
        ({"exclude_columns": ("bought",)}, "exclude_columns", "predict"),
        ({"exclude_columns": ("age", "once", "spent")}, "exclude_columns", "No column is left"),
        ({"queue": "fast"}, "queue", "fast"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_it_starts(
    context: Context, fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        start(context, **fields)
    assert [problem.field for problem in refused.value.fields] == [field]
    assert words in refused.value.detail
    assert jobs.list_jobs(context, 10, 0) == ([], 0)


def test_runs_of_one_name_are_told_apart_by_a_number(context: Context) -> None:
    names = [start(context, **given).name for given in ({}, {}, {"name": "first\ntry"}, {"name": "firsttry"})]
    assert names == ["people: bought", "people: bought 2", "firsttry", "firsttry 2"]


@pytest.mark.parametrize(
    "fields",
    [{"target": "bougt"}, {"weight_column": "bougt"}, {"exclude_columns": ("bougt",)}, {"cv": "group:bougt"}],
)
def test_a_misspelt_column_is_suggested(context: Context, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        start(context, **fields)
    assert refused.value.hint == "Did you mean “bought”?"


def test_a_data_set_that_is_not_there_is_not_found(context: Context) -> None:
    with pytest.raises(NotFound):
        start(context, dataset_id="gone")


def test_the_form_hears_what_a_target_means(context: Context) -> None:
    found = jobs.detect_task(context, "d", "bought")
    assert (found.problem_type, found.metric, found.classes) == ("classification", "accuracy", ("no", "yes"))
    assert "id" in found.notes[0] and not found.problem
    assert "same in every row" in (jobs.detect_task(context, "d", "same").problem or "")


def add_visits(context: Context, entity: str) -> None:
    """A data set `v`: eight rows of each of fifty, alike in their health."""
    generator = np.random.default_rng(0)
    who = np.repeat(np.arange(50), 8)
    health = generator.normal(size=50)[who] + 0.3 * generator.normal(size=400)
    frame = pl.DataFrame(
        {entity: who + 100, "pulse": generator.normal(size=400), "health": health, "health_then": health * 2}
    )
    path = context.store.files.new_temp()
    frame.write_parquet(path)
    columns = tuple(Column(name, str(frame[name].dtype), Role.NUMERIC) for name in frame.columns)
    table = context.store.files.put_path(path)
    context.store.datasets.add(
        Dataset("v", "visits", "v.csv", "csv", 400, 4, 9, "1" * 64, table, None, 1.0, columns), ()
    )


def test_the_form_hears_what_gives_the_answer_away_and_what_belongs_together(context: Context) -> None:
    add_visits(context, "patient")
    found = jobs.detect_task(context, "v", "health")
    assert found.validation is not None
    assert (found.validation.kind, found.validation.column) == (ValidationKind.GROUP, "patient")
    assert any("health_then" in warning for warning in found.warnings)
    assert jobs.detect_task(context, "d", "bought").validation is None


def test_the_form_hears_what_may_belong_together(context: Context) -> None:
    add_visits(context, "machine")
    found = jobs.detect_task(context, "v", "health")
    assert found.validation is None
    assert any("group:machine" in warning for warning in found.warnings)
    assert start(context, dataset_id="v", target="health", cv="together").spec.cv == "together"


def test_a_table_is_looked_at_by_a_child_process_that_says_what_the_check_says(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_visits(context, "patient")
    wrong: tuple[dict[str, Any], ...] = (
        {"target": "once"},
        {"metric": "rmse"},
        {"algorithms": ("magic",)},
        {"weight_column": "once"},
    )

    def answers() -> list[Any]:
        found: list[Any] = [jobs.detect_task(context, "v", "health"), jobs.detect_task(context, "d", "bought")]
        for fields in wrong:
            with pytest.raises(InvalidInput) as refused:
                start(context, **fields)
            found.append((refused.value.detail, refused.value.hint, refused.value.fields))
        return found

    by_a_child = answers()
    asked: list[str] = []

    def here(_: Context, task: str, request: dict[str, Any], **where: Any) -> dict[str, Any]:
        asked.append(task)
        return checking.check(request)

    monkeypatch.setattr(jobs, "run_task", here)
    assert answers() == by_a_child
    assert asked == ["check"] * (2 + len(wrong))


def test_a_waiting_job_is_taken_back_at_once_and_only_once(context: Context) -> None:
    job = start(context)
    assert jobs.cancel_job(context, job.id).status is JobStatus.CANCELLED
    with pytest.raises(WrongState, match="already cancelled"):
        jobs.cancel_job(context, job.id)


def test_a_run_is_stopped_on_a_full_disk_too(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*_: object) -> None:
        if ballast.size() > 1_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    job, ballast = start(context), context.store.home.ballast
    starting.start_waiting_jobs(context)
    ballast.fill(2_000_000)
    monkeypatch.setattr(jobs, "tell_job", told)
    assert jobs.cancel_job(context, job.id).message == "Stopping, keeping the best"


def test_only_time_that_was_used_counts_against_the_limit(context: Context) -> None:
    job = start(context, time_budget_seconds=3600)
    starting.start_waiting_jobs(context)
    context.store.jobs.update(job.id, status="cancelled", elapsed_seconds=7.0)
    extended = jobs.extend_job(context, job.id, 60)
    assert (extended.status, extended.time_budget_seconds) == (JobStatus.QUEUED, 67.0)
    starting.start_waiting_jobs(context)
    assert jobs.get_job(context, job.id).deadline_at == 160.0


def test_the_setting_alone_says_how_long_a_run_may_take(context: Context) -> None:
    roomy = replace(context, settings=context.settings.model_copy(update={"max_time_budget_seconds": 7200.0}))
    body = StartTraining(dataset_id="d", target="bought", time_budget_seconds=7200)
    assert jobs.start_job(roomy, body.spec()).time_budget_seconds == 7200
    with pytest.raises(InvalidInput, match="7200 seconds is not possible"):
        jobs.start_job(context, body.spec())


def test_a_running_job_can_be_given_more_time(context: Context) -> None:
    job = start(context, time_budget_seconds=30)
    starting.start_waiting_jobs(context)
    assert jobs.get_job(context, job.id).deadline_at == 130.0
    extended = jobs.extend_job(context, job.id, 20)
    assert (extended.status, extended.time_budget_seconds, extended.deadline_at) == (JobStatus.RUNNING, 50, 150)
    with pytest.raises(InvalidInput, match="more seconds would make"):
        jobs.extend_job(context, job.id, 3600)


def test_without_its_data_a_job_does_not_go_on(context: Context) -> None:
    job = start(context)
    jobs.cancel_job(context, job.id)
    context.store.datasets.delete("d")
    with pytest.raises(WrongState, match="deleted"):
        jobs.extend_job(context, job.id, 10)


def test_a_running_job_is_not_deleted(context: Context) -> None:
    job = start(context)
    starting.start_waiting_jobs(context)
    with pytest.raises(WrongState, match="still going on"):
        jobs.delete_job(context, job.id)
    context.store.jobs.update(job.id, status="completed")
    jobs.delete_job(context, job.id)
    with pytest.raises(NotFound):
        jobs.get_job(context, job.id)


def test_with_nobody_to_train_a_job_waits_and_says_so(context: Context) -> None:
    context.store.workers.register_local("here", ("cpu",), 0, {}, 1.0)
    job = start(context)
    assert starting.start_waiting_jobs(context) == 0
    waiting = jobs.get_job(context, job.id)
    assert waiting.status is JobStatus.QUEUED and "Waiting for a machine that trains" in waiting.message


def test_a_job_for_a_gpu_waits_until_one_joins_and_holds_up_nobody(context: Context) -> None:
    context.store.workers.register_local("here", ("cpu",), 1, {"gpus": []}, 1.0)
    wants = start(context, queue="gpu.vram12", priority=5)
    other = start(context)
    assert starting.start_waiting_jobs(context) == 1
    assert jobs.get_job(context, other.id).status is JobStatus.RUNNING
    assert jobs.get_job(context, wants.id).message == (
        "Waiting for a worker with a GPU of 12 GB: none that is online has one"
    )
    small = {"gpus": [{"name": "small", "vram_gb": 8.0}]}
    share = Share(1, 1, 10**9)
    context.store.workers.register("small", ("cpu", "gpu", "gpu.vram8"), share, small, 1.0, owner="o")
    assert starting.start_waiting_jobs(context) == 0
    assert jobs.get_job(context, wants.id).message == (
        "Waiting for a worker with a GPU of 12 GB; the largest online has 8"
    )
    large = {"gpus": [{"name": "large", "vram_gb": 24.0}]}
    queues = ("cpu", "gpu", "gpu.vram8", "gpu.vram12", "gpu.vram24")
    context.store.workers.register("large", queues, share, large, 1.0, owner="o")
    assert starting.start_waiting_jobs(context) == 1
    assert jobs.get_job(context, wants.id).status is JobStatus.RUNNING


def test_a_machine_that_is_kept_free_for_a_queue_trains_nothing_else(context: Context) -> None:
    share = Share(1, 1, 10**9)
    context.store.workers.register_local("here", ("cpu", "priority"), 0, {}, 1.0)
    context.store.workers.register("kept free", ("priority",), share, {}, 1.0, owner="o")
    anywhere, urgent = start(context, priority=9), start(context, queue="priority")
    assert starting.start_waiting_jobs(context) == 1
    assert jobs.get_job(context, urgent.id).status is JobStatus.RUNNING
    assert "takes the queue “cpu”" in jobs.get_job(context, anywhere.id).message
    context.store.workers.register("any", ("cpu", "priority"), share, {}, 1.0, owner="o")
    more = start(context, queue="priority")
    assert [context.store.jobs.claim(9, 2.0, 2.0, ("auto", "priority")).id for _ in range(2)] == [more.id, anywhere.id]  # type: ignore[union-attr]


def test_the_algorithms_say_what_they_vary() -> None:
    every = {info.name: info for info in jobs.list_algorithms(None)}
    assert {"lightgbm", "logistic_regression", "ridge", "mlp", "catboost"} <= set(every)
    assert {item["name"] for item in every["lightgbm"].search_space} >= {"learning_rate", "num_leaves"}
    assert "ridge" not in {info.name for info in jobs.list_algorithms("classification")}
    with pytest.raises(InvalidInput):
        jobs.list_algorithms("clustering")


def test_a_run_that_is_just_ending_is_extended_afterwards(context: Context) -> None:
    job = start(context, time_budget_seconds=30)
    starting.start_waiting_jobs(context)
    context.store.jobs.update(job.id, stage="explaining")
    with pytest.raises(WrongState, match="just ending"):
        jobs.extend_job(context, job.id, 20)
