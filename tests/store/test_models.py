"""Models come back as they went in, the best of a job first."""

from dataclasses import replace

import pytest

from flowml.domain.errors import NotFound
from flowml.domain.models import BASELINE
from flowml.store.store import Store
from tests.services.records import add_job, add_model


def test_a_model_comes_back_as_it_went_in(store: Store) -> None:
    model = add_model(store, add_job(store), "m", 0.5, classes=None, details={"größe": [1.5, None]})
    assert store.models.get("m") == model
    with pytest.raises(NotFound):
        store.models.get("other")


def test_an_ensemble_that_grows_stays_one_model(store: Store) -> None:
    small = add_model(store, add_job(store), "ensemble", 0.5)
    grown = replace(small, name="Ensemble of 3", score=0.75, details={"members": 3})
    store.models.put(grown, 0.75)
    assert store.models.of_job(small.job_id) == [grown] and store.models.count() == 1


def test_the_best_stands_first_and_of_equals_the_champion_before_what_was_made_at_once(store: Store) -> None:
    job = add_job(store)
    add_model(store, job, "a-guess", 0.5, algorithm=BASELINE)
    for name, score in (("b-equal", 0.5), ("c-champion", 0.5), ("d-best", 0.9)):
        add_model(store, job, name, score)
    store.jobs.update(job.id, best_model_id="c-champion")
    assert [model.id for model in store.models.of_job(job.id)] == ["d-best", "c-champion", "b-equal", "a-guess"]
    assert [model.id for model in store.models.recent(5)] == ["c-champion"]


def test_figures_are_added_to_those_of_a_model(store: Store) -> None:
    add_model(store, add_job(store), "m", 0.5, details={"first": 1})
    store.models.set_details("m", {"second": 2})
    assert store.models.get("m").details == {"first": 1, "second": 2}
    with pytest.raises(NotFound):
        store.models.set_details("other", {})
