"""Models come back as they went in, the best of a job first."""

from dataclasses import replace

import pytest

from flowml.domain.errors import NotFound
from flowml.domain.models import (
    BASELINE,
    ColumnImportance,
    ConfusionMatrix,
    EnsembleMember,
    Importance,
    ModelDetails,
    RecipeInWords,
    Residuals,
)
from flowml.store.store import Store
from tests.services.records import add_job, add_model


def test_a_model_comes_back_as_it_went_in(store: Store) -> None:
    details = ModelDetails(
        schema=({"name": "größe", "role": "numeric", "categories": None},),
        score_std=0.0,
        dropped={"id": "it only names the rows"},
        recipe=RecipeInWords(("Drop x",), ()),
        decision=(0.4, 0.6),
        threshold=0.4,
        calibrated=True,
        confusion_matrix=ConfusionMatrix(("a", "b"), ((1, 0), (0, 0)), ((1.0, 0.0), (None, None))),
        residuals=Residuals(2, True, (1.0, 2.0), (1.5, 2.0), (-0.5, 0.0), (1.0,), 0.0, 0.5, 0.5, -0.25, 0.1),
        members=(EnsembleMember("knn", 0.5, "m1"), EnsembleMember("ridge", 0.5)),
        twin_of="m1",
        loss_of_quality=0.0,
        made="distilled",
        fast_model_id="m2",
        permutation_importance=Importance("permutation", (ColumnImportance("x", 0.1, None),)),
        shap_importance=Importance("shap", (ColumnImportance("x", 0.2, 0.1),)),
    )
    assert all(value not in (None, (), {}) for value in vars(details).values())
    model = add_model(store, add_job(store), "m", 0.5, classes=None, details=details.record())
    assert model.details == details and store.models.get("m") == model
    with pytest.raises(NotFound):
        store.models.get("other")


def test_an_ensemble_that_grows_stays_one_model(store: Store) -> None:
    small = add_model(store, add_job(store), "ensemble", 0.5)
    grown = replace(
        small, name="Ensemble of 3", score=0.75, details=ModelDetails(members=(EnsembleMember("ridge", 1.0),))
    )
    store.models.put(grown, 0.75)
    assert store.models.of_job(small.job_id) == [grown] and store.models.count() == 1


def test_the_best_stands_first_and_of_equals_the_champion_before_what_was_made_at_once(store: Store) -> None:
    job = add_job(store)
    add_model(store, job, "a-guess", 0.5, algorithm=BASELINE)
    for name, score in (("b-equal", 0.5), ("c-champion", 0.5), ("d-best", 0.9)):
        add_model(store, job, name, score)
    store.jobs.update(job.id, best_model_id="c-champion")
    assert [model.id for model in store.models.of_job(job.id)] == ["d-best", "c-champion", "b-equal", "a-guess"]


def test_figures_are_added_to_those_of_a_model(store: Store) -> None:
    add_model(store, add_job(store), "m", 0.5, details={"score_std": 0.1, "made": "taken"})
    store.models.set_details("m", ModelDetails(threshold=0.2, made="distilled").record())
    assert store.models.get("m").details == ModelDetails(score_std=0.1, threshold=0.2, made="distilled")
    with pytest.raises(NotFound):
        store.models.set_details("other", {})


def test_of_one_kind_of_figures_no_more_are_kept_than_was_said(store: Store) -> None:
    jobs = [add_job(store), add_job(store)]
    for job in jobs:
        store.models.keep_figure(job.id, "curves:m", "now", 0)
        for number in range(5):
            store.models.keep_figure(job.id, f"compare:a,{number}", "now", number, 3)
        store.models.keep_figure(job.id, "compare:a,4", "later", 40, 3)
    for job in jobs:
        found = [store.models.figure(job.id, f"compare:a,{number}", "now") for number in range(4)]
        assert sum(figure is not None for figure in found) == 2
        assert store.models.figure(job.id, "compare:a,4", "later") == 40
        assert store.models.figure(job.id, "curves:m", "now") == 0


def test_what_an_earlier_version_stored_of_a_model_is_read() -> None:
    assert ModelDetails.of_record({"estimate": {"score": 0.8}, "members": None, "decision": None}) == ModelDetails()
    assert ModelDetails().record() == {}
