"""Curves, comparison, slices and mistakes of the models of a run, from what is stored."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowml.domain.errors import InvalidInput, NotFound, WrongState
from flowml.domain.jobs import Job
from flowml.domain.jobs import tested_name as cached_name
from flowml.domain.models import Model, curves_of, stand_of
from flowml.services import datasets, jobs, results
from flowml.services.context import Context
from flowml.services.dispatch.ledger import StoreLedger
from flowml.services.insight import figures
from flowml.services.settings import Settings
from flowml.store.store import Store
from flowml.training.trainer import pack_array
from tests.services.insight.judged import judged
from tests.services.records import QuietTrainers, add_model
from tests.services.trained import table


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    home = tmp_path_factory.mktemp("home")
    store = Store(home)
    yield Context(Settings(home=home), store, time.time, QuietTrainers())
    store.close()


@pytest.fixture(scope="module")
def classes(context: Context) -> tuple[Job, list[Model]]:
    return judged(context.store)


@pytest.fixture(scope="module")
def numbers(context: Context) -> tuple[Job, list[Model]]:
    return judged(context.store, "spent")


def test_curves_are_of_all_rows_and_kept(context: Context, classes: tuple[Job, list[Model]]) -> None:
    job, (good, poor, ensemble) = classes
    found = figures.curves(context, good.id)
    assert found["n_rows"] == table().height
    assert found["threshold"]["label"] == "yes"
    assert found["roc"][0]["auc"] > figures.curves(context, poor.id)["roc"][0]["auc"] > 0.5
    # An ensemble of an earlier version is worked out from its parts.
    assert figures.curves(context, ensemble.id)["n_rows"] == table().height
    # Kept of this model as it is now.
    assert context.store.models.figure(job.id, curves_of(good.id), stand_of(good)) == found
    context.store.models.keep_figure(job.id, curves_of(good.id), stand_of(good), {**found, "n_rows": 7})
    assert figures.curves(context, good.id)["n_rows"] == 7
    context.store.models.keep_figure(job.id, curves_of(good.id), stand_of(good), found)


def test_figures_are_made_anew_when_a_model_has_become_another(
    context: Context, classes: tuple[Job, list[Model]]
) -> None:
    job, (good, _, ensemble) = classes
    before = figures.curves(context, ensemble.id)
    said = np.tile([0.4, 0.6], (table().height, 1))
    kept = context.store.files.put_bytes(pack_array(said))
    context.store.models.put(replace(ensemble, out_of_fold=kept), ensemble.score)
    after = figures.curves(context, ensemble.id)
    assert after["roc"][0]["auc"] == 0.5 != before["roc"][0]["auc"]
    context.store.models.put(ensemble, ensemble.score)
    assert figures.curves(context, ensemble.id) == before
    assert context.store.models.get(good.id).out_of_fold is None
    assert job.id == ensemble.job_id


def test_a_model_is_compared_with_others_of_its_run_alone(
    context: Context, classes: tuple[Job, list[Model]], numbers: tuple[Job, list[Model]]
) -> None:
    _, (good, poor, ensemble) = classes
    models, found = figures.compare(context, [poor.id, good.id, ensemble.id])
    assert [model.id for model in models] == [poor.id, good.id, ensemble.id]
    clear = {(pair["better"], pair["worse"]) for pair in found["pairs"] if not pair["tie"]}
    assert (good.id, poor.id) in clear
    with pytest.raises(InvalidInput, match="different runs"):
        figures.compare(context, [good.id, numbers[1][0].id])
    with pytest.raises(InvalidInput, match="two to 4"):
        figures.compare(context, [good.id, good.id])
    with pytest.raises(NotFound):
        figures.compare(context, [good.id, "none"])


def test_where_a_model_fails_most_leads_to_the_rows(context: Context, classes: tuple[Job, list[Model]]) -> None:
    _, (good, _, _) = classes
    found = figures.slices(context, good.id)
    first = found["items"][0]
    assert {one["column"] for one in first["conditions"]} == {"city", "member"}
    assert "city is “Graz” and member is true" in first["sentence"] or "member is true and city" in first["sentence"]
    rows = figures.mistakes(context, good.id, slice_number=0, limit=200)
    assert rows["slice"] == first["sentence"]
    assert rows["total"] == round(first["loss"] * first["n_rows"])
    at = [rows["columns"].index(name) for name in ("city", "member")]
    assert {tuple(item["values"][place] for place in at) for item in rows["items"]} == {("Graz", True)}
    with pytest.raises(InvalidInput, match="slices, numbered from 0"):
        figures.mistakes(context, good.id, slice_number=50)


def test_mistakes_are_rows_as_they_stand_the_surest_first(context: Context, classes: tuple[Job, list[Model]]) -> None:
    _, (good, _, _) = classes
    found = figures.mistakes(context, good.id, limit=10)
    assert len(found["items"]) == 10 < found["total"]
    sure = [item["confidence"] for item in found["items"]]
    assert sure == sorted(sure, reverse=True)
    place = found["columns"].index("bought")
    for item in found["items"]:
        assert item["values"][place] == item["actual"] != item["predicted"]
        assert item["values"][0] == table()["age"][item["row"] - 1]
    following = figures.mistakes(context, good.id, limit=10, offset=10)
    assert not {item["row"] for item in found["items"]} & {item["row"] for item in following["items"]}

    cell = figures.mistakes(context, good.id, actual="yes", predicted="no", limit=200)
    assert {(item["actual"], item["predicted"]) for item in cell["items"]} == {("yes", "no")}
    other = figures.mistakes(context, good.id, actual="no", predicted="yes", limit=200)
    assert cell["total"] + other["total"] == found["total"]
    right = figures.mistakes(context, good.id, actual="yes", predicted="yes", limit=200)
    doubts = [item["confidence"] for item in right["items"]]
    assert doubts == sorted(doubts)
    with pytest.raises(InvalidInput, match="predicts classes"):
        figures.mistakes(context, good.id, low=1.0)
    with pytest.raises(InvalidInput, match="no class of this model"):
        figures.mistakes(context, good.id, actual="maybe")


def test_which_rows_test_the_models_of_a_run_is_found_out_once(
    context: Context, classes: tuple[Job, list[Model]]
) -> None:
    job, models = classes
    found = figures.mistakes(context, models[0].id)
    kept = context.store.files.cached(cached_name(job.id, context.store.datasets.get(job.dataset_id).table))
    rows = kept.read_bytes()
    assert rows
    kept.write_bytes(b"damaged")
    assert figures.mistakes(context, models[1].id)["n_rows"] == found["n_rows"]
    assert kept.read_bytes() == rows


def test_of_numbers_the_rows_that_are_off_most_come_first(context: Context, numbers: tuple[Job, list[Model]]) -> None:
    _, (good, poor, _) = numbers
    assert figures.curves(context, good.id)["residuals"]["n_rows"] == table().height
    found = figures.mistakes(context, poor.id, limit=200)
    off = [abs(item["residual"]) for item in found["items"]]
    assert off == sorted(off, reverse=True)
    part = figures.mistakes(context, poor.id, low=-3.0, high=3.0, limit=200)
    assert 0 < part["total"] < found["total"]
    assert all(abs(item["residual"]) <= 3 for item in part["items"])
    assert "city is “Bern”" in figures.slices(context, poor.id)["items"][0]["sentence"]
    with pytest.raises(InvalidInput, match="predicts numbers"):
        figures.mistakes(context, good.id, actual="yes")


def test_where_nothing_can_be_said_of_a_search_there_is_the_reason(
    context: Context, classes: tuple[Job, list[Model]]
) -> None:
    found = figures.parameter_importance(context, classes[0].id)
    assert found["n_trials"] == 2
    assert found["families"][0]["title"] == "Ridge regression"
    assert found["families"][0]["note"].startswith("It has one parameter only, alpha")


def test_what_cannot_be_said_is_a_sentence(context: Context, classes: tuple[Job, list[Model]]) -> None:
    job, _ = classes
    store = context.store
    add_model(store, job, "at once", 0.5, algorithm="baseline")
    with pytest.raises(WrongState, match="was not kept by the version"):
        figures.curves(context, "at once")
    short = store.files.put_bytes(pack_array(np.full((7, 2), 0.5)))
    add_model(store, job, "short", 0.5, out_of_fold=short)
    with pytest.raises(WrongState, match="on other rows"):
        figures.slices(context, "short")


def test_with_the_data_set_the_rows_are_gone_and_figures_that_are_known_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    context = Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    try:
        job, (good, poor, _) = judged(store)
        known = figures.curves(context, good.id)
        kept = list((tmp_path / "cache").glob(f"tested-{job.id}-*"))
        assert len(kept) == 1
        store.jobs.update(job.id, status="completed")
        datasets.delete_dataset(context, job.dataset_id)
        # It held the target of every row.
        assert not kept[0].exists()
        assert figures.curves(context, good.id) == known
        for ask in (lambda: figures.curves(context, poor.id), lambda: figures.mistakes(context, good.id)):
            with pytest.raises(WrongState, match="its data set was deleted"):
                ask()
        kept[0].touch()
        jobs.delete_job(context, job.id)
        assert not kept[0].exists()
    finally:
        store.close()


def test_rows_count_by_their_weights(context: Context) -> None:
    _, (good, _, _) = judged(context.store, weight_column="age")
    found = figures.curves(context, good.id)
    ages = table()["age"].to_numpy()
    assert found["weighted"]
    positive = float(ages[(table()["bought"] == "yes").to_numpy()].sum() / ages.sum())
    assert found["precision_recall"][0]["share"] == pytest.approx(positive, abs=1e-4)
    assert figures.slices(context, good.id)["loss"] != figures.mistakes(context, good.id)["total"] / len(ages)


def test_what_a_model_said_goes_with_it_and_with_what_takes_its_place(context: Context) -> None:
    store = context.store
    job, (_, _, ensemble) = judged(store, seed=5)
    ledger = StoreLedger(store, job.id)
    ledger.keep_out_of_fold(ensemble.id, pack_array(np.full((3, 2), 0.25)))
    first = store.models.get(ensemble.id).out_of_fold
    ledger.keep_out_of_fold(ensemble.id, pack_array(np.full((3, 2), 0.75)))
    second = store.models.get(ensemble.id).out_of_fold
    assert first is not None and second is not None and first != second
    store.files.remove_unused(time.time() + 60)
    assert not store.files.has(first) and store.files.has(second)
    store.models.keep_figure(job.id, "a figure", "now", {"x": 1})
    store.jobs.update(job.id, status="completed")
    store.delete(lambda: store.jobs.delete(job.id))
    assert not store.files.has(second)
    assert store.models.figure(job.id, "a figure", "now") is None
    store.models.keep_figure(job.id, "a figure", "now", {"x": 1})
    assert store.models.figure(job.id, "a figure", "now") is None


def test_names_tell_models_apart(context: Context, classes: tuple[Job, list[Model]]) -> None:
    good, poor, ensemble = classes[1]
    assert results.names_apart(context, [good, ensemble])[good.id] == good.name
    alike = [replace(one, name="Boosting") for one in (poor, good)]
    names = results.names_apart(context, [*alike, ensemble])
    assert names[ensemble.id] == ensemble.name
    places = [model.id for model in context.store.models.of_job(classes[0].id)]
    assert names[good.id] == f"Boosting (place {places.index(good.id) + 1})" != names[poor.id]
