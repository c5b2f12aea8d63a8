"""Predictions: right, in words, and from memory."""

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from flowml.automl.features.prepared import prepare
from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.automl.task.describe import describe_task
from flowml.automl.task.task import prepare_task
from flowml.data.profiling.profile import profile
from flowml.domain.access.caller import TokenKind
from flowml.domain.access.tokens import Token
from flowml.domain.errors import Damaged, FlowMLError, Forbidden, InvalidInput, NotFound, NotReady, WrongState
from flowml.domain.models import Importance
from flowml.machine.child import Broken, Child
from flowml.services import results
from flowml.services.context import Context
from flowml.services.importance import keep_importance
from flowml.services.serving import predicting, shelf
from flowml.services.serving.answers import Prediction
from flowml.services.serving.shelf import Shelf, models_of
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_job
from tests.services.trained import ROLES, ROW, add_trained, store_table, table, trained


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path)
    store_table(store)
    job = add_job(store, target="bought", exclude_columns=("spent",), cv_folds=3)
    add_trained(store, job, "classes", "bought", "logistic_regression")
    add_trained(store, job, "numbers", "spent", "ridge")
    store.jobs.update(job.id, best_model_id="classes")
    yield Context(Settings(home=tmp_path, model_cache_size=1), store, time.time, QuietTrainers())
    store.close()


def one(context: Context, model_id: str, row: dict[str, Any]) -> Prediction:
    return predicting.predict(context, model_id, [row])[0]


def test_a_class_comes_with_its_share(context: Context) -> None:
    found = one(context, "classes", ROW)

    assert found.prediction == "yes"
    assert found.probabilities is not None and found.interval is None
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.confidence == found.probability == found.probabilities["yes"] > 0.9
    assert (found.model_name, found.warnings) == ("Model classes", ())


def test_the_class_is_the_one_that_the_model_decides_for(context: Context) -> None:
    """A model that is careful about “no” says so also where “yes” is the more likely class."""
    store = context.store
    careful = replace(trained("bought", "logistic_regression"), decision=(0.999999, 0.000001), temperature=2.0)
    add_trained(store, add_job(store), "careful", "bought", "logistic_regression")
    content = store.files.put_bytes(modelfile.write(careful))
    store.models.put(replace(store.models.get("careful"), file=content), 0.9)
    found = one(context, "careful", ROW)
    plain = one(context, "classes", ROW)

    assert found.probabilities is not None and plain.probabilities is not None
    assert found.prediction == "no" and found.probability == found.probabilities["no"]
    assert 0.5 < found.probabilities["yes"] < plain.probabilities["yes"]
    many = predicting.predict(context, "careful", [ROW] * 25)
    assert {answer.prediction for answer in many} == {"no"}


def test_a_number_comes_with_its_interval(context: Context) -> None:
    found = one(context, "numbers", ROW)

    assert found.prediction == pytest.approx(200, abs=10)
    assert found.interval is not None
    assert found.interval.low < found.prediction < found.interval.high
    assert found.interval.coverage == 0.9
    assert (found.confidence, found.probability, found.probabilities) == (None, None, None)
    assert (found.classes, found.threshold) == (None, None)
    (wider,) = predicting.predict(context, "numbers", [ROW], 0.99)
    assert wider.interval is not None and wider.interval.coverage == 0.99
    assert wider.interval.low < found.interval.low and wider.interval.high > found.interval.high


def test_a_class_comes_with_its_set_and_the_threshold(context: Context) -> None:
    found = one(context, "classes", ROW)
    assert found.threshold is not None and found.probabilities is not None and found.classes is not None
    assert (found.prediction == "yes") == (found.probabilities["yes"] >= found.threshold)
    (surer,) = predicting.predict(context, "classes", [ROW], 0.99)
    assert surer.classes is not None and set(found.classes) <= set(surer.classes) <= {"no", "yes"}


@pytest.mark.parametrize("model_id", ["classes", "numbers"])
def test_many_rows_get_the_answers_that_each_would_get_alone(context: Context, model_id: str) -> None:
    rows = [
        ROW,
        {},
        {"age": None, "city": "Atlantis", "joined": "2024-01-05T10:00:00+02:00"},
        {"age": "41.5", "member": "false", "joined": "2024-02-29", "other": 1},
        *(row | {"joined": row["joined"].isoformat()} for row in table().head(30).drop("bought", "spent").to_dicts()),
    ]
    together = predicting.predict(context, model_id, rows)

    for row, found in zip(rows, together, strict=True):
        alone = one(context, model_id, row)
        assert found.warnings == alone.warnings
        if found.probabilities is None:
            assert found.prediction == pytest.approx(alone.prediction, rel=1e-6)
        else:
            assert alone.probabilities is not None
            assert found.probabilities == pytest.approx(alone.probabilities, rel=1e-6)


def test_what_is_odd_about_a_row_is_said(context: Context) -> None:
    found = one(context, "classes", {"age": 60, "city": "Atlantis", "shoe": 44})

    assert found.prediction == "yes"
    assert "member" in found.warnings[0] and "joined" in found.warnings[0]
    assert any("Atlantis" in warning for warning in found.warnings)
    assert any("shoe" in warning for warning in found.warnings)


@pytest.mark.parametrize("value", ["old", "1,234", [1], {"a": 1}, math.nan, math.inf, 10**400])
def test_a_value_of_the_wrong_type_is_named(context: Context, value: object) -> None:
    with pytest.raises(InvalidInput, match="age") as caught:
        one(context, "classes", ROW | {"age": value})
    assert caught.value.fields[0].field == "age"

    with pytest.raises(InvalidInput, match="Row 2"):
        predicting.predict(context, "classes", [ROW, ROW | {"age": value}])
    with pytest.raises(InvalidInput, match="Row 30"):
        predicting.predict(context, "classes", [ROW] * 29 + [ROW | {"age": value}])


@pytest.mark.parametrize("n_rows", [1, 5, 60])
def test_rows_that_nobody_waits_for_any_more_are_not_predicted(
    context: Context, n_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "_PIECE", 20)
    assert len(predicting.predict(context, "classes", [ROW] * n_rows)) == n_rows
    left, answered = threading.Event(), []

    def answer(*_: Any) -> Any:
        answered.append(1)
        left.set()

    monkeypatch.setattr(predicting, "answer", answer)
    found = context.until(left)
    if n_rows > 1:
        with pytest.raises(NotReady, match="Nobody waits"):
            predicting.predict(found, "classes", [ROW] * n_rows)
        assert len(answered) == (1 if n_rows < 20 else 20)
    left.set()
    with pytest.raises(NotReady, match="Nobody waits"):
        predicting.predict(found, "classes", [ROW] * n_rows)


def test_a_training_run_stands_for_its_best_model(context: Context) -> None:
    store = context.store
    job = store.jobs.page(1, 0)[0][0]

    assert one(context, job.id, ROW).model_name == "Model classes"
    store.jobs.update(job.id, best_model_id="numbers")
    assert one(context, job.id, ROW).model_name == "Model numbers"
    empty = add_job(store)
    with pytest.raises(NotReady):
        one(context, empty.id, ROW)
    store.jobs.update(empty.id, status="failed")
    with pytest.raises(WrongState, match="without a model"):
        one(context, empty.id, ROW)
    with pytest.raises(NotFound):
        one(context, "none", ROW)


def test_who_may_ask_one_model_alone_asks_no_other_warm_or_cold(context: Context) -> None:
    """By the id that it was allowed by: which model a training run stands for may change."""
    job_id = context.store.models.get("classes").job_id
    theirs = context.of(Token("t", TokenKind.API, "shop", "classes", 1.0).caller())
    for other in (job_id, "numbers", "none"):
        for _ in range(2):
            for rows in ([ROW], [ROW] * 50):
                with pytest.raises(Forbidden, match="classes alone"):
                    predicting.predict(theirs, other, rows)
            with pytest.raises(Forbidden):
                predicting.ready(theirs, other)
            if other != "none":
                one(context, other, ROW)
    assert one(theirs, "classes", ROW) == one(context, job_id, ROW)
    assert predicting.ready(theirs, "classes") is not None


def test_a_warm_model_stays_ready_whatever_else_is_stored_until_it_is_another_one(context: Context) -> None:
    store = context.store
    run = store.models.get("classes").job_id
    assert predicting.ready(context, "classes") is None
    for name in ("classes", run):
        one(context, name, {})
    store.events.append("system", "log", {}, 1.0)
    assert all(predicting.ready(context, name) is not None for name in ("classes", run))

    store.jobs.update(run, best_model_id="numbers")
    assert predicting.ready(context, run) is None and predicting.ready(context, "classes") is not None
    store.models.put(replace(store.models.get("classes"), file=store.models.get("numbers").file), 0.9)
    assert predicting.ready(context, "classes") is None


def test_who_asks_for_a_warm_model_does_not_wait_for_a_cold_one(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(context, "classes", {})
    run, read, began, go_on = (
        context.store.models.get("classes").job_id, modelfile.read_bytes, threading.Event(), threading.Event()
    )  # fmt: skip

    def slow(content: bytes, **options: Any) -> FittedModel:
        began.set()
        assert go_on.wait(30)
        return read(content, **options)

    monkeypatch.setattr(modelfile, "read_bytes", slow)
    cold = threading.Thread(target=one, args=(context, "numbers", ROW))
    cold.start()
    try:
        assert began.wait(30)
        # Under another name, so that it is looked up anew.
        assert one(context, run, ROW).prediction == "yes" and cold.is_alive()
    finally:
        go_on.set()
        cold.join()


def test_only_so_many_models_are_kept(context: Context) -> None:
    one(context, "classes", {})
    one(context, "numbers", {})

    assert predicting.ready(context, "classes") is None
    assert predicting.ready(context, "numbers") is not None
    assert one(context, "classes", ROW).prediction == "yes"


def test_what_was_not_used_for_longest_makes_room(context: Context) -> None:
    context = replace(context, settings=Settings(home=context.settings.home, model_cache_size=2))
    store, other = context.store, replace(trained("bought", "logistic_regression"), temperature=2.0)
    add_trained(store, add_job(store), "third", "bought", "logistic_regression")
    store.models.put(
        replace(store.models.get("third"), file=store.files.put_bytes(modelfile.write(other))), 0.9
    )  # fmt: skip
    for name in ("classes", "numbers"):
        one(context, name, {})
    assert predicting.ready(context, "classes") is not None
    one(context, "third", {})
    assert predicting.ready(context, "numbers") is None
    assert predicting.ready(context, "classes") is not None


class _Warmers(list[Callable[[], None]]):
    """The threads that were started, none of which does anything by itself."""

    def Thread(self, target: Callable[[], None], daemon: bool) -> Any:
        return SimpleNamespace(start=lambda: self.append(target))


@pytest.fixture
def warmers(monkeypatch: pytest.MonkeyPatch) -> _Warmers:
    found = _Warmers()
    monkeypatch.setattr(Shelf, "_watch", lambda shelf: None)
    monkeypatch.setattr(shelf, "threading", SimpleNamespace(Thread=found.Thread, Lock=threading.Lock))
    return found


def test_a_model_that_may_be_asked_next_takes_the_place_of_none_that_is_in_use(
    context: Context, warmers: _Warmers
) -> None:
    now = [1_000.0]
    context = replace(context, steady=lambda: now[0])
    one(context, "classes", {})
    for seconds, is_ready in ((0, False), (599, False), (1, True)):
        now[0] += seconds
        predicting.warm_soon(context, "numbers")
        warmers.pop()()
        assert (predicting.ready(context, "numbers") is not None) == is_ready
    # What was loaded for nobody yet makes room for whatever is asked.
    one(context, "classes", {})
    assert predicting.ready(context, "numbers") is None


def test_however_many_pages_are_opened_one_thread_loads_models_and_only_the_latest(
    context: Context, warmers: _Warmers, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []

    def load(shelf: Any, context: Context, model_id: str, *, is_used: bool) -> Any:
        loaded.append(model_id)
        raise ZeroDivisionError if model_id == "m19" else NotFound("It is gone.")

    monkeypatch.setattr(Shelf, "load", load)
    for number in (*range(20), 15):
        predicting.warm_soon(context, f"m{number}")
    (warmer,) = warmers
    warmer()

    assert loaded == ["m15", "m19", "m18", "m17", "m16", "m14", "m13", "m12"]
    predicting.warm_soon(context, "m1")
    assert len(warmers) == 2


def test_the_latest_runs_models_are_loaded_before_anybody_asks(context: Context, warmers: _Warmers) -> None:
    store = context.store
    add_job(store)
    predicting.warm_latest(context, 1)
    assert predicting.ready(context, "classes") is None
    (warmer,) = warmers
    warmer()
    assert predicting.ready(context, "classes") is not None
    store.close()
    predicting.warm_latest(context, 1)


def test_a_deleted_model_answers_no_more(context: Context) -> None:
    one(context, "classes", {})
    context.store.jobs.delete(context.store.models.get("classes").job_id)

    with pytest.raises(NotFound):
        one(context, "classes", ROW)


def test_a_model_file_that_was_changed_on_the_disk_is_not_loaded(context: Context) -> None:
    file = context.store.models.get("classes").file
    # A whole model, but not the one that was stored under this name.
    context.store.files.path(file).write_bytes(modelfile.write(trained("spent", "ridge")))
    with pytest.raises(Damaged, match="changed"):
        one(context, "classes", ROW)


def test_many_callers_at_once_get_the_same(context: Context) -> None:
    found: list[object] = []

    def ask() -> None:
        for model_id in ("classes", "numbers") * 5:
            found.append((model_id, one(context, model_id, ROW).prediction))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 60
    assert len(set(found)) == 2


def test_the_types_of_inputs_are_called_as_in_the_data_set() -> None:
    frame = table().with_columns(pl.col("joined").cast(pl.Datetime("us")))
    task = prepare_task(frame, ROLES, target="bought")
    schema = describe_task(task, prepare(task.frame, task.roles))
    stored = {column.name: column.dtype for column in profile(frame).columns}

    assert {feature.name: feature.dtype for feature in schema.features}.items() <= stored.items()
    assert stored["joined"] == "Datetime"


def test_importance_that_nobody_computed_is_computed_once_and_kept(context: Context) -> None:
    found = results.feature_importance(context, "classes")

    assert found.method == "permutation"
    assert found.items[0].feature == "age"
    assert {item.feature for item in found.items} == {"age", "city", "member", "joined"}
    assert results.get_model(context, "classes").details.permutation_importance == found
    schema = context.store.models.get("classes").details.schema
    assert trained("bought", "logistic_regression").schema.describe() == list(schema)


def test_importance_of_a_model_whose_file_is_damaged_says_so(context: Context) -> None:
    place = context.store.files.path(context.store.models.get("classes").file)
    place.write_bytes(place.read_bytes()[:-100])
    with pytest.raises(Damaged, match="has changed on this server's disk"):
        results.feature_importance(context, "classes")


def test_importance_that_could_not_be_computed_is_not_said_to_have_been_late(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(process: Any, request: Any, bounds: Any, cancelled: Any = None) -> Any:
        raise Broken("The process for it gave no answer: it crashed (SIGSEGV).")

    monkeypatch.setattr(Child, "ask", broken)
    with pytest.raises(FlowMLError, match="broke down") as told:
        results.feature_importance(context, "classes")
    assert not isinstance(told.value, NotReady)


def test_importance_without_the_data_says_why_not(context: Context) -> None:
    context.store.datasets.delete("d1")

    with pytest.raises(WrongState, match="deleted"):
        results.feature_importance(context, "classes")


def test_importance_of_a_model_that_was_replaced_meanwhile_is_not_kept(context: Context) -> None:
    models = context.store.models
    before, found = models.get("classes"), Importance("permutation", ())
    models.put(replace(before, file=context.store.files.put_bytes(b"another")), gain=0.9)
    keep_importance(context, before, found)
    assert models.get("classes").details.permutation_importance is None

    keep_importance(context, models.get("classes"), found)
    assert models.get("classes").details.permutation_importance == found


class _Shut:
    """A store whose tables nobody may look at."""

    def __init__(self, store: Store):
        self.models_version = store.models_version

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the store was asked for {name}")


def test_a_warm_row_looks_at_no_table_while_others_commit(context: Context) -> None:
    one(context, "classes", ROW)
    with sqlite3.connect(context.store.home.database) as other:
        for number in range(20):
            other.execute("UPDATE jobs SET name = name || ?", (str(number),))
            other.commit()
            aside = replace(context, store=_Shut(context.store))  # type: ignore[arg-type]
            models = models_of(context)
            found = models.peek(aside, "classes")
            assert found is not None and predicting.predict_row(found, ROW).prediction == "yes"


def test_what_another_process_stores_of_a_run_is_noticed(context: Context) -> None:
    run = context.store.models.get("classes").job_id
    one(context, run, ROW)
    with sqlite3.connect(context.store.home.database) as other:
        other.execute("UPDATE jobs SET best_model_id = 'numbers' WHERE id = ?", (run,))
    deadline = time.monotonic() + 30
    while predicting.ready(context, run) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert one(context, run, ROW).model_name == "Model numbers"


def test_a_hundred_who_ask_for_a_cold_model_have_it_read_once(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, times = modelfile.read_bytes, []

    def counted(content: bytes, **options: Any) -> FittedModel:
        times.append(1)
        time.sleep(0.05)
        return read(content, **options)

    monkeypatch.setattr(modelfile, "read_bytes", counted)
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(one(context, "numbers", ROW).prediction)) for _ in range(100)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == 1 and len(found) == 100 and len(set(found)) == 1
