"""Versions of tables through real services: previewed, made, traced back, and learned from."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.automl.model.batch import add_predictions
from flowml.data.conversion.notation import Notation
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.transform import transform_frame
from flowml.domain.clock import CLOCK
from flowml.domain.datasets import Dataset
from flowml.domain.errors import InvalidInput, NotFound
from flowml.domain.jobs import JobSpec, JobStatus
from flowml.domain.workers import Share
from flowml.services import datasets, explaining, results, versions
from flowml.services.assistant.executing import apply_code, preview_code
from flowml.services.context import Context
from flowml.services.dispatch.channel import StoreChannel
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.serving import predicting
from flowml.services.settings import Settings
from flowml.store.files import Files
from flowml.store.store import Store
from flowml.training.conductor import conduct_job
from flowml.training.tasks import load_task
from flowml.training.trainer import Trainer
from tests.services.records import QuietTrainers

RANDOM = np.random.default_rng(0)
N_ROWS = 160
AGES = RANDOM.integers(18, 80, N_ROWS)
LINES = [
    f"{at},{age if at % 9 else 'about forty'},{('Ulm ', 'ulm', 'Bern', 'GRAZ')[at % 4]},"
    f"{at % 28 + 1}.{at % 12 + 1}.2023,{'y' if age > 45 else 'n'}"
    for at, age in enumerate(AGES)
]
CSV = "number,Age of person,city,since,sold\n" + "\n".join([*LINES, LINES[-1]]) + "\n"
STEPS: list[dict[str, Any]] = [
    {"op": "rename", "column": "Age of person", "to": "age"},
    {"op": "cast", "column": "age", "to": "number"},
    {"op": "fill", "column": "age", "with": "median"},
    {"op": "clean_text", "columns": ["city"], "case": "title"},
    {"op": "derive", "column": "age squared", "expression": "age ^ 2"},
    {"op": "map_values", "column": "sold", "values": {"y": "yes", "n": "no"}},
    {"op": "rename", "column": "sold", "to": "bought"},
    {"op": "drop_duplicates"},
    {"op": "drop", "columns": ["number"]},
]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path / "home", now=1.0)
    yield Context(Settings(home=tmp_path / "home"), store, time.time, QuietTrainers())
    store.close()


@pytest.fixture
def first(context: Context, tmp_path: Path) -> Dataset:
    path = tmp_path / "upload"
    path.write_text(CSV)
    return datasets.import_file(context, path, filename="people.csv", name=None, options={})


def frame(context: Context, dataset: Dataset) -> pl.DataFrame:
    return pl.read_parquet(context.store.files.path(dataset.table))


def test_a_preview_says_what_would_change_and_stores_nothing(context: Context, first: Dataset) -> None:
    found = versions.preview_transform(context, first.id, STEPS)
    assert (found.n_rows_before, found.n_rows_after) == (N_ROWS + 1, N_ROWS)
    assert found.columns_renamed == {"Age of person": "age", "sold": "bought"}
    assert (found.columns_added, found.columns_removed) == (("age squared",), ("number",))
    assert [change.rows_removed for change in found.changes] == [0, 0, 0, 0, 0, 0, 0, 1, 0]
    cells = {change.name: change.cells_changed for change in found.columns_changed}
    ages = frame(context, first)["Age of person"]
    assert ages.dtype == pl.String
    assert found.changes[2].cells_changed == ages.str.contains("about forty").sum()
    assert cells["city"] == N_ROWS / 2 and cells["bought"] == N_ROWS
    assert found.operations[2]["value"] > 18
    assert (
        "18 values of “age” could not be turned into numbers" in found.warnings[0]
        and "“about forty”" in found.warnings[0]
    )
    before = dict(zip(found.before.columns, zip(*found.before.rows, strict=True), strict=True))
    after = dict(zip(found.after.columns, zip(*found.after.rows, strict=True), strict=True))
    assert [{"y": "yes", "n": "no"}[value] for value in before["sold"]] == list(after["bought"])
    assert "about forty" in before["Age of person"]
    assert datasets.list_datasets(context, 10, 0)[1] == 1


def test_a_version_is_a_data_set_of_its_own_and_the_first_one_stays_as_it_was(context: Context, first: Dataset) -> None:
    untouched = frame(context, first)
    second = versions.apply_transform(context, first.id, STEPS[:3])
    third = versions.apply_transform(context, second.id, STEPS[3:])

    assert (second.name, third.name) == ("people (version 2)", "people (version 3)")
    assert (second.parent_id, third.parent_id) == (first.id, second.id)
    assert second.root_table == third.root_table == first.table
    assert len(third.recipe) == len(STEPS) and third.recipe[:3] == second.recipe
    assert third.recipe[2]["value"] == second.recipe[2]["value"]
    assert third.source is None and first.source is not None
    assert third.n_rows == N_ROWS and third.size_bytes > 0
    assert second.warnings[0].startswith("18 values of “age”")
    assert datasets.get_dataset(context, third.id) == third
    # Going back is looking at the first one again.
    assert frame(context, datasets.get_dataset(context, first.id)).equals(untouched)
    # At once, in halves or again with what was learned: the same table.
    at_once = versions.apply_transform(context, first.id, STEPS)
    again = versions.apply_transform(context, first.id, third.recipe, name="again")
    assert at_once.table == third.table == again.table
    assert (at_once.name, again.name) == ("people (version 4)", "again")


def test_lineage_tells_each_step_in_words(context: Context, first: Dataset) -> None:
    second = versions.apply_transform(context, first.id, STEPS[:3])
    third = versions.apply_transform(context, second.id, STEPS[3:])
    found = versions.lineage(context, second.id)
    assert [version.dataset.id for version in found.versions] == [first.id, second.id]
    assert [step.title for step in found.versions[1].steps] == [
        "Rename “Age of person” to “age”",
        "Turn “age” into numbers",
        f"Fill what is missing in “age” with the median ({second.recipe[2]['value']:g})",
    ]
    assert [(child.dataset.id, len(child.steps)) for child in found.children] == [(third.id, len(STEPS) - 3)]


def test_a_version_in_the_middle_can_go(context: Context, first: Dataset) -> None:
    second = versions.apply_transform(context, first.id, STEPS[:3])
    third = versions.apply_transform(context, second.id, STEPS[3:])
    datasets.delete_dataset(context, second.id)
    datasets.delete_dataset(context, first.id)
    context.store.files.remove_unused(time.time() + 10)
    left = datasets.get_dataset(context, third.id)
    assert (left.parent_id, left.recipe, left.root_table) == (None, third.recipe, first.table)
    assert [len(version.steps) for version in versions.lineage(context, third.id).versions] == [len(STEPS)]
    redone, _, _ = transform_frame(
        pl.read_parquet(context.store.files.path(first.table)), check_operations(list(left.recipe))
    )
    assert redone.equals(frame(context, left))


def test_a_version_keeps_its_table_when_one_with_the_same_is_deleted_at_that_moment(
    context: Context, first: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = versions.apply_transform(context, first.id, STEPS[:3])
    put_path = Files.put_path

    def put_and_delete(*given: Any, **named: Any) -> str:
        sha256 = put_path(*given, **named)
        datasets.delete_dataset(context, same.id)
        return sha256

    monkeypatch.setattr(Files, "put_path", put_and_delete)
    assert frame(context, versions.apply_transform(context, first.id, STEPS[:3])).height == first.n_rows


def test_mistakes_are_named_and_nothing_is_stored(context: Context, first: Dataset) -> None:
    for operations, field in (
        ([*STEPS[:2], {"op": "drop", "columns": ["nope"]}], "operations.2.columns"),
        ([{"op": "filter", "expression": "city = 'nowhere'"}], "operations"),
        ([{"op": "fill", "column": "city"}], "operations.0.value"),
        ([], "operations"),
    ):
        with pytest.raises(InvalidInput) as caught:
            versions.apply_transform(context, first.id, operations)
        assert caught.value.fields[0].field == field
    with pytest.raises(NotFound):
        versions.preview_transform(context, "nobody", STEPS)
    assert datasets.list_datasets(context, 10, 0)[1] == 1


def train(context: Context, dataset: Dataset) -> str:
    """A job on a data set, run to its end; returns its id."""
    store = context.store
    spec = JobSpec(dataset.id, "bought", algorithms=("logistic_regression", "decision_tree"), max_trials=3, cv_folds=3)
    job = store.jobs.add(spec, "a run", time.time())
    store.jobs.claim(1, time.time(), time.monotonic())
    machine = Share(slots=1, threads=1, memory_bytes=2_000_000_000)
    channel = StoreChannel(store, owner="t", worker_id="local", worker_name="here", clock=CLOCK)
    over = threading.Event()
    trainer = threading.Thread(target=Trainer(channel, machine=machine).run, args=(over.is_set,), daemon=True)
    trainer.start()
    try:
        conduct_job(StoreLedger(store, job.id))
    finally:
        over.set()
        trainer.join(30)
    found = store.jobs.get(job.id)
    assert found.status is JobStatus.COMPLETED, found.error
    return job.id


def test_a_model_reads_texts_as_its_file_was_read(context: Context, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    rows = [f'0{at % 9 + 1}/0{at % 7 + 1}/2017,"{age},250",{"ny"[int(age > 45)]}' for at, age in enumerate(AGES)]
    path.write_text("\n".join(["since,worth,bought", '13/01/2017,"14,250",n', *rows]))
    uploaded = datasets.import_file(context, path, filename="worth.csv", name=None, options={})
    version = versions.apply_transform(
        context, uploaded.id, [{"op": "derive", "column": "half", "expression": "worth / 2"}]
    )
    job_id = train(context, uploaded)
    told, typed = (
        predicting.predict(context, job_id, [row])[0]
        for row in ({"since": "04/03/2017", "worth": "62,250"}, {"since": "2017-03-04", "worth": 62250})
    )
    assert told == typed and told.warnings == ()
    with pytest.raises(InvalidInput) as caught:
        predicting.predict(context, job_id, [{"since": "03/14/2017", "worth": 1}])
    assert caught.value.fields[0].field == "since"
    # A version's model takes the columns of the file, and knows as well how they are written.
    job = context.store.jobs.add(JobSpec(version.id, "bought"), "a run", time.time())
    ledger = StoreLedger(context.store, job.id)
    assert load_task(ledger.brief(), ledger.table).notations["since"] == Notation("date", order="day_first")


def test_a_model_of_a_version_takes_the_rows_as_people_have_them(
    context: Context, first: Dataset, tmp_path: Path
) -> None:
    version = versions.apply_transform(context, first.id, STEPS)
    job_id = train(context, version)
    models = results.list_models(context, job_id, 100, 0)[0]
    assert models
    raw = frame(context, first).head(30)
    rows = [{name: row[name] for name in ("Age of person", "city", "since")} for row in raw.to_dicts()]
    transformed = frame(context, version).head(30).drop("bought")
    for model in models:
        assert set(model.feature_names) == {"Age of person", "city", "since"}
        fitted = modelfile.read(context.store.files.path(model.file))
        expected = fitted.predict_features(transformed)
        one_by_one = [predicting.predict(context, model.id, [row])[0] for row in rows]
        together = predicting.predict(context, model.id, rows)
        as_file, notes = add_predictions(fitted, raw)
        assert notes == ()
        for found in (one_by_one, together):
            shares = [list((one.probabilities or {}).values()) for one in found]
            np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-6)
            assert [one.prediction for one in found] == as_file["prediction"].to_list()
        # Rows of the version itself do as well, for they have all that the model looks at.
        np.testing.assert_allclose(fitted.predict(transformed), expected, rtol=1e-5, atol=1e-6)
        assert fitted.check_row({"age": 30, "city": "Ulm", "since": "2023-01-01"})[1] == []

    best = models[0]
    form = {item["name"]: item for item in best.details.schema}
    assert form["city"]["categories"] and "GRAZ" in form["city"]["categories"]
    assert best.details.recipe is not None and "Drop rows that repeat" in best.details.recipe.left_out
    assert all("sold" not in title for title in best.details.recipe.applied)
    with pytest.raises(InvalidInput) as caught:
        predicting.predict(context, best.id, [{**rows[1], "since": "soon"}])
    assert caught.value.fields[0].field == "since"
    (found,) = predicting.predict(context, best.id, [{"city": "Oslo", "colour": 1}])
    assert found.warnings == (
        "Not given, taken as missing: Age of person, since.",
        "“Oslo” in “city” did not occur in the training data.",
        "Not used by this model: colour.",
    )
    # A spelling, and a number, that the table did not have are nothing to warn of.
    fine = {"Age of person": "41.25", "city": "  gRAZ", "since": "2023-05-01"}
    assert predicting.predict(context, best.id, [fine])[0].warnings == ()
    # What is explained, and what may change, are the columns as they are sent.
    why = explaining.explain(context, best.id, fine)
    assert {(one.feature, one.value) for one in why.contributions} == set(fine.items())
    total = why.base_value + sum(one.contribution for one in why.contributions)
    assert total == pytest.approx(why.margin, abs=1e-6)
    change = explaining.smallest_change(context, best.id, fine, changeable=["Age of person"])
    assert {one.feature for one in change.changes} <= {"Age of person"}
    assert (change.prediction.prediction != why.prediction.prediction) == bool(change.changes)
    # The file carries the recipe to wherever it goes.
    from flowml import load_model

    path = tmp_path / "best.flowml"
    path.write_bytes(context.store.files.path(best.file).read_bytes())
    estimator = load_model(path)
    assert list(estimator.predict(raw)) == [one.prediction for one in predicting.predict(context, best.id, rows)]


def test_a_model_of_a_version_made_by_code_takes_rows_as_that_version_has_them(
    context: Context, first: Dataset
) -> None:
    code = """df = df.rename({"Age of person": "age"}).with_columns(pl.col("age").cast(pl.Int64, strict=False))
df = df.with_columns(pl.col("city").str.to_lowercase(), bought=pl.col("sold")).drop("sold", "number", "since")"""
    preview_code(context, first.id, code)
    coded = apply_code(context, first.id, code)
    # Operations behind it are done to rows as they are to those of any other table.
    step = {"op": "derive", "column": "age squared", "expression": "age ^ 2"}
    version = versions.apply_transform(context, coded.id, [step])
    job_id = train(context, version)
    assert {name for model in results.list_models(context, job_id, 9, 0)[0] for name in model.feature_names} == {
        "age",
        "city",
    }
    rows = [{"age": 70, "city": "ulm"}, {"age": 20, "city": "ulm"}]
    assert [one.prediction for one in predicting.predict(context, job_id, rows)] == ["y", "n"]


def test_a_recipe_costs_a_row_next_to_nothing(context: Context, first: Dataset) -> None:
    version = versions.apply_transform(context, first.id, STEPS)
    job_id = train(context, version)
    file = context.store.models.get(context.store.jobs.get(job_id).best_model_id or "").file
    recipe = modelfile.read(context.store.files.path(file)).schema.recipe
    assert recipe is not None
    row = {"Age of person": "41", "city": "ULM", "since": "2023-05-01"}
    recipe.transform_row(row)
    times = []
    for _ in range(200):
        started = time.perf_counter()
        recipe.transform_row(row)
        times.append(time.perf_counter() - started)
    assert sorted(times)[100] < 0.0001
