"""A model file from elsewhere is tried beside the program before the program reads it."""

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from flowml import load_model
from flowml.automl.model import foreign, modelfile
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.lightgbm import LightGBMPredictor
from flowml.automl.predictors.lightgbm_text import compact
from flowml.domain.errors import InvalidInput
from flowml.machine import child
from tests.automl.model.fitting import fit
from tests.automl.tables import people, people_task


@pytest.fixture(scope="module")
def boosted() -> FittedModel:
    model = fit(people_task())
    width = model.encoders[0].n_features
    values = np.random.default_rng(0).standard_normal((100, width))
    settings = {"objective": "binary", "num_leaves": 4, "verbose": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(values, values[:, 0] > 0), 5)
    predictor = LightGBMPredictor(compact(booster.model_to_string(), width, 2), 2, width)
    return FittedModel(model.schema, model.encoders[:1], (Member("lightgbm", {}, 1.0, (Part(0, predictor),)),))


@pytest.fixture
def file(tmp_path: Path, boosted: FittedModel) -> Path:
    path = tmp_path / "model.flowml"
    path.write_bytes(modelfile.write(boosted))
    return path


def test_a_whole_model_is_tried_and_read(file: Path, boosted: FittedModel) -> None:
    rows = people(20, seed=3)
    assert np.array_equal(load_model(file).predict_proba(rows.drop("y")), boosted.predict(rows))


def test_a_model_without_a_library_of_its_own_is_tried_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.flowml"
    model = fit(people_task())
    part = Part(0, ConstantPredictor(np.array([0.4, 0.6])))
    path.write_bytes(modelfile.write(FittedModel(model.schema, model.encoders[:1], (Member("", {}, 1.0, (part,)),))))
    assert foreign.read_foreign(path).predict(people(2)).shape == (2, 2)
    monkeypatch.setattr(foreign, "_MEMORY_BYTES", -(10**12))
    with pytest.raises(InvalidInput, match="far more memory"):
        foreign.read_foreign(path)


def test_what_is_wrong_with_a_file_is_said_as_it_is_without_a_trial(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InvalidInput, match=r"“model\.flowml” is not a FlowML model file"):
        load_model(file)
    with pytest.raises(InvalidInput, match="There is no file"):
        load_model(file.with_name("other.flowml"))


@pytest.mark.parametrize(
    ("name", "value", "words"), [("_MEMORY_BYTES", -(10**12), "far more memory"), ("_SECONDS", 0.0, "longer than 0")]
)
def test_a_file_that_takes_too_much_is_refused(
    file: Path, name: str, value: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, name, value)
    with pytest.raises(InvalidInput, match=words):
        load_model(file)


def test_a_file_that_ends_the_process_that_tries_it_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A module that is not there ends it just as well.
    monkeypatch.setattr(foreign, "_TASK", f"{foreign._TASK}_missing")
    with pytest.raises(InvalidInput, match="made the process that tried it crash"):
        load_model(file)


def test_a_file_that_is_another_by_the_time_it_is_read_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "try_foreign", lambda path: "0" * 64)
    with pytest.raises(InvalidInput, match="changed while it was read"):
        load_model(file)


def test_where_no_process_can_be_started_the_checks_have_to_do(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise child.CannotStart("none")

    monkeypatch.setattr(foreign.FORKSERVER, "start", refused)
    assert len(load_model(file).classes_) == 2
