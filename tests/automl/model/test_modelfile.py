"""`.flowml` files: what is read answers as what was written, and anything else is refused in words."""

import contextlib
import dataclasses
import hashlib
import io
import json
import math
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl.algorithms.base import Final
from flowml.automl.features.encoded import View
from flowml.automl.model import container, modelfile
from flowml.automl.model.members import Member, Part
from flowml.automl.model.model import FittedModel, combine
from flowml.automl.model.pooling import Pooling
from flowml.automl.predictors.constant import ConstantPredictor
from flowml.automl.predictors.flat_trees import TreeArrays
from flowml.automl.predictors.trees import TreesPredictor
from flowml.domain.errors import InvalidInput
from tests.automl.model.fitting import fit
from tests.automl.tables import LeastSquaresPredictor, people, people_task


@pytest.fixture(scope="module")
def model() -> FittedModel:
    task = people_task()
    return combine([fit(task), fit(task, Final.REFIT, View.ORDINAL)], [2.0, 1.0])


@pytest.fixture(scope="module")
def content(model: FittedModel) -> bytes:
    return modelfile.write(model)


def rehash(entries: dict[str, bytes]) -> None:
    """So that what is wrong is not the hash: whoever makes a file by hand gets that right."""
    if not entries["manifest.json"].startswith(b"{"):
        # Millions of objects would be made to find no hash among them.
        return
    with contextlib.suppress(ValueError):
        manifest = json.loads(entries["manifest.json"])
        if isinstance(manifest, dict) and "entries" in manifest:
            hashes = {name: hashlib.sha256(data).hexdigest() for name, data in entries.items()}
            manifest["entries"] = {name: found for name, found in hashes.items() if name != "manifest.json"}
            entries["manifest.json"] = json.dumps(manifest).encode()


def changed(content: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    """The same file with other entries."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    change(entries)
    rehash(entries)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def with_manifest(content: bytes, change: Callable[[Any], None]) -> bytes:
    def edit(entries: dict[str, bytes]) -> None:
        manifest = json.loads(entries["manifest.json"])
        change(manifest)
        entries["manifest.json"] = json.dumps(manifest).encode()

    return changed(content, edit)


def read(path: Path, content: bytes) -> FittedModel:
    path.write_bytes(content)
    return modelfile.read(path)


@pytest.mark.parametrize("target", ["y", "age"])
def test_a_round_trip_answers_the_same(tmp_path: Path, target: str) -> None:
    task = people_task(target=target)
    written = combine([fit(task), fit(task, Final.REFIT, View.ORDINAL)], [2.0, 1.0])
    found = read(tmp_path / "m.flowml", modelfile.write(written))
    fresh = people(30, seed=6)
    assert np.array_equal(found.predict(fresh), written.predict(fresh))
    assert np.array_equal(found.predict_row(fresh.row(3, named=True)), written.predict_row(fresh.row(3, named=True)))
    assert found.schema == written.schema
    assert [(member.algorithm, member.weight) for member in found.members] == [
        ("least_squares", pytest.approx(2 / 3)),
        ("least_squares", pytest.approx(1 / 3)),
    ]
    assert modelfile.write(found) == modelfile.write(written)


def test_calibration_decision_and_pooling_are_kept(tmp_path: Path) -> None:
    task = people_task()
    blend = combine([fit(task), fit(task, Final.REFIT, View.ORDINAL)], [2.0, 1.0], pooling=Pooling.LOG)
    written = dataclasses.replace(blend, temperature=0.8, decision=(0.2, 0.8))
    found = read(tmp_path / "m.flowml", modelfile.write(written))
    assert (found.temperature, found.decision, found.pooling) == (0.8, (0.2, 0.8), Pooling.LOG)
    fresh = people(30, seed=6)
    answers = written.predict(fresh)
    assert np.array_equal(found.predict(fresh), answers)
    assert found.predict_row(fresh.row(3, named=True)) == pytest.approx(answers[3], rel=1e-9)
    assert np.array_equal(found.decide(answers), (answers[:, 1] > 0.2).astype(int))
    assert not np.allclose(answers, combine(blend_parts(blend), [2.0, 1.0]).predict(fresh))


def blend_parts(blend: FittedModel) -> list[FittedModel]:
    """The members of a model as models of their own."""
    return [FittedModel(blend.schema, blend.encoders, (dataclasses.replace(m, weight=1.0),)) for m in blend.members]


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 0.0},
        {"temperature": "warm"},
        {"decision": [1.0]},
        {"decision": [1.0, -1.0]},
        {"decision": [1.0, None]},
        {"pooling": "sum"},
    ],
)
def test_a_calibration_or_decision_that_cannot_be_is_refused(
    tmp_path: Path, content: bytes, values: dict[str, object]
) -> None:
    with pytest.raises(InvalidInput):
        read(tmp_path / "m.flowml", with_manifest(content, lambda manifest: manifest.update(values)))


@pytest.mark.parametrize("schema", [{"label_type": "int64"}, {"label_type": "code"}, {"classes": ["no", "no"]}])
def test_labels_that_cannot_be_are_refused(tmp_path: Path, content: bytes, schema: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        read(tmp_path / "m.flowml", with_manifest(content, lambda manifest: manifest["schema"].update(schema)))


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path, content: bytes) -> None:
    def age(manifest: dict[str, Any]) -> None:
        for name in ("temperature", "decision", "pooling"):
            manifest.pop(name)
        manifest["schema"].pop("label_type")
        manifest["schema"].pop("conformal")

    found = read(tmp_path / "m.flowml", with_manifest(content, age))
    assert (found.temperature, found.decision, found.pooling) == (None, None, Pooling.MEAN)
    assert found.schema.class_values.tolist() == list(found.schema.classes or ())
    assert found.set_of([0.5, 0.5], 0) is None


def test_nothing_in_a_file_is_code(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert {Path(name).suffix for name in names} == {".json", ".npy"}
        for name in names:
            if name.endswith(".npy"):
                np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path: Path, content: bytes, kept: float) -> None:
    size = int(kept * len(content)) if 0 < kept < 1 else int(kept)
    with pytest.raises(InvalidInput, match="not a FlowML model file"):
        read(tmp_path / "m.flowml", content[:size])


def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path, content: bytes) -> None:
    generator = np.random.default_rng(0)
    fresh = people(3, seed=1)
    for _ in range(150):
        damaged = bytearray(content)
        for position in generator.integers(0, len(content), 3):
            damaged[position] ^= int(generator.integers(1, 256))
        try:
            found = read(tmp_path / "m.flowml", bytes(damaged))
        except InvalidInput:
            continue
        assert found.predict(fresh).shape == (3, 2)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest.pop("members"),
        lambda manifest: manifest.update(members=[]),
        lambda manifest: manifest.update(members="all"),
        lambda manifest: manifest.update(format="one"),
        lambda manifest: manifest.update(schema=[]),
        lambda manifest: manifest["schema"].update(features=[]),
        lambda manifest: manifest["schema"].update(problem_type="poetry"),
        lambda manifest: manifest["encoders"].pop(),
        lambda manifest: manifest["encoders"][0]["columns"].pop(),
        lambda manifest: manifest["members"][0]["parts"][0].update(encoder=-1),
        lambda manifest: manifest["members"][0]["parts"][0]["predictor"].update(kind="os.system"),
        lambda manifest: manifest["members"][0]["parts"][0]["predictor"].update(arrays=["../../secret"]),
        lambda manifest: manifest["members"][0].update(weight="heavy"),
        lambda manifest: manifest["members"][0].update(weight=math.nan),
        lambda manifest: manifest["members"][0].update(weight=math.inf),
        lambda manifest: manifest["members"][0].update(weight=-1.0),
        lambda manifest: manifest["members"][0].update(weight=1.0),
        lambda manifest: manifest["members"].append(manifest["members"][0]),
        lambda manifest: manifest["members"][0]["parts"].append(manifest["members"][0]["parts"][0]),
        lambda manifest: manifest["members"][0].update(parts=[{}] * 10_000),
        lambda manifest: manifest["schema"].update(classes=[str(number) for number in range(20_000)]),
        lambda manifest: manifest["schema"].update(classes=["long" * 1_000_000, *"abcdefghij"], label_type="str"),
        lambda manifest: manifest["schema"].update(interval_half_width=math.nan),
        lambda manifest: manifest["schema"].update(conformal=[]),
        lambda manifest: manifest["schema"]["conformal"].update(quantiles=[[0.5] * 50] * 3),
        lambda manifest: manifest["schema"]["conformal"].update(quantiles=[[math.nan] * 50]),
        lambda manifest: manifest["schema"]["conformal"].update(low=0.0),
        lambda manifest: manifest.clear(),
    ],
)
def test_a_description_that_does_not_fit_is_refused(
    tmp_path: Path, content: bytes, change: Callable[[Any], None]
) -> None:
    with pytest.raises(InvalidInput):
        read(tmp_path / "m.flowml", with_manifest(content, change)).predict(people(2))


def test_a_part_that_answers_something_else_is_refused_unless_it_is_known_not_to(
    tmp_path: Path, content: bytes, model: FittedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeastSquaresPredictor, "predict", lambda self, values: np.zeros((len(values), 9)))
    path = tmp_path / "model.flowml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="answers something else"):
        modelfile.read(path)
    assert len(modelfile.read(path, tried=False).members) == len(model.members)


def test_what_json_or_zip_might_allow_and_the_format_does_not_is_refused(tmp_path: Path, content: bytes) -> None:
    def manifest(change: Callable[[bytes], bytes]) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                found = old.read(name)
                new.writestr(name, change(found) if name == "manifest.json" else found)
        return buffer.getvalue()

    def twice(manifest: Any) -> None:
        manifest["schema"]["features"].append(manifest["schema"]["features"][0])

    for wrong, reason in (
        (manifest(lambda text: re.sub(rb'"weight":[0-9.]+', b'"weight":1e999', text)), "larger than any number"),
        (manifest(lambda text: text.decode().encode("utf-16")), "is no JSON"),
        (manifest(lambda text: text.replace(b'"format":4', b'"format":-3')), "no such version"),
        (b"PK\3\4 and more" + content, "in front of its first entry"),
        (with_manifest(content, twice), "two of its columns have one name"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            read(tmp_path / "model.flowml", wrong)


def test_very_many_names_of_which_one_is_there_twice_are_looked_at_once() -> None:
    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            Name.compared += 1
            return str.__eq__(self, other)

    pairs = [(Name(number), 0) for number in range(5_000)]
    with pytest.raises(container.Unfit, match="says twice"):
        container._once([*pairs, (Name(4_999), 0)])
    assert Name.compared < 20_000


def test_a_newer_format_says_which_side_to_renew(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="newer version"):
        read(tmp_path / "m.flowml", with_manifest(content, lambda manifest: manifest.update(format=99)))


def array_bytes(array: np.ndarray, pickled: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickled)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        array_bytes(np.array([{"a": 1}], dtype=object), pickled=True),
        array_bytes(np.ones((4, 2))).replace(b"(4, 2)", b"(4000000000, 2)"),
        array_bytes(np.ones((4, 2)))[:-8],
        array_bytes(np.ones((4, 2))).replace(b"(4, 2)", b"(-4, -2)"),
        array_bytes(np.ones((4, 2))).replace(b"(4, 2), ", b"(9**9**9,"),
        array_bytes(np.ones((4, 2))).replace(b"(4, 2), }", b"[" * 9),
        array_bytes(np.ones((4, 2))).replace(b"'<f8'", b"'|O8'"),
        array_bytes(np.ones((4, 2))).replace(b"'<f8'", b"'>f8'"),
        array_bytes(np.ones((4, 2))).replace(b"'<f8'", b"[1, 2]"),
        array_bytes(np.asfortranarray(np.ones((4, 2)))),
        array_bytes(np.full((4, 2), 1 + 2j)),
        array_bytes(np.zeros(3, dtype=[("a", "<f8")])),
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x09\x09",
        b"",
    ],
)
def test_an_array_that_is_not_what_it_says_is_refused(tmp_path: Path, content: bytes, array: bytes) -> None:
    def replace(entries: dict[str, bytes]) -> None:
        entries[next(name for name in entries if name.endswith(".npy"))] = array

    with pytest.raises(InvalidInput):
        read(tmp_path / "m.flowml", changed(content, replace))


@pytest.mark.parametrize("filler", ["[],", "{},", '{"a":[{}]},', "0,"])
def test_a_description_of_more_objects_than_it_can_need_is_refused_before_it_is_built(
    tmp_path: Path, content: bytes, filler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = "[" + filler * (30_000_000 // len(filler)) + "0]"
    bomb = changed(content, lambda entries: entries.update({"manifest.json": many.encode()}))
    monkeypatch.setattr(container.json, "loads", None)
    with pytest.raises(InvalidInput, match=r"larger than any|expands"):
        read(tmp_path / "m.flowml", bomb)


def test_entries_that_fit_a_model_but_are_packed_otherwise_are_refused(tmp_path: Path, content: bytes) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as original, zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for name in original.namelist():
            archive.writestr(name, original.read(name))
    for damaged in (buffer.getvalue(), content + b"more", b"more" + content[:-22]):
        with pytest.raises(InvalidInput, match="not a FlowML model file"):
            read(tmp_path / "m.flowml", damaged)


def test_a_tree_that_looks_beyond_the_features_of_its_encoder_is_refused(tmp_path: Path, model: FittedModel) -> None:
    width = model.encoders[0].n_features
    for feature, fits in ((width - 1, True), (width, False)):
        trees = TreeArrays(
            feature=np.array([feature, -1, -1], dtype=np.int16),
            threshold=np.array([0.5], dtype=np.float32),
            sizes=np.array([3], dtype=np.int32),
            values=np.array([[0.4], [0.6]], dtype=np.float32),
        )
        part = Part(0, TreesPredictor(trees, combine="mean", link="probability"))
        written = modelfile.write(FittedModel(model.schema, model.encoders[:1], (Member("trees", {}, 1.0, (part,)),)))
        if fits:
            assert read(tmp_path / "m.flowml", written).predict(people(2)).shape == (2, 2)
        else:
            with pytest.raises(InvalidInput):
                read(tmp_path / "m.flowml", written)


@pytest.mark.parametrize("answer", [[2.0, -1.0], [0.5, 0.4], [np.inf, 0.0], [0.2, 0.3, 0.5]])
def test_a_part_whose_answers_are_no_shares_is_refused(tmp_path: Path, model: FittedModel, answer: list[float]) -> None:
    part = Part(0, ConstantPredictor(np.array(answer)))
    written = modelfile.write(FittedModel(model.schema, model.encoders[:1], (Member("same", {}, 1.0, (part,)),)))
    with pytest.raises(InvalidInput):
        read(tmp_path / "m.flowml", written)


def test_a_file_that_would_expand_beyond_measure_is_refused(tmp_path: Path, content: bytes) -> None:
    bomb = changed(content, lambda entries: entries.update(bomb=bytes(50_000_000)))
    with pytest.raises(InvalidInput, match="expands"):
        read(tmp_path / "m.flowml", bomb)


def test_very_many_small_entries_that_expand_beyond_measure_together_are_refused(
    tmp_path: Path, content: bytes
) -> None:
    zeros = array_bytes(np.zeros(120_000))

    def hoard(entries: dict[str, bytes]) -> None:
        entries.update({f"parts/0-0/more{number}.npy": zeros for number in range(80)})

    bomb = changed(content, hoard)
    assert len(bomb) < 0.005 * 80 * len(zeros)
    with pytest.raises(InvalidInput, match="expands"):
        read(tmp_path / "m.flowml", bomb)


def test_arrays_that_a_part_has_no_use_for_are_not_unpacked(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hoard(entries: dict[str, bytes]) -> None:
        manifest = json.loads(entries["manifest.json"])
        part = manifest["members"][0]["parts"][0]["predictor"]
        entries[f"{part['folder']}/more.npy"] = array_bytes(np.zeros(9))
        part["arrays"].append("more")
        entries["manifest.json"] = json.dumps(manifest).encode()

    taken: list[str] = []
    take = container.Container.take
    monkeypatch.setattr(container.Container, "take", lambda self, name: taken.append(name) or take(self, name))  # type: ignore[func-returns-value]
    assert read(tmp_path / "m.flowml", changed(content, hoard)).predict(people(2)).shape == (2, 2)
    assert taken and not any(name.endswith("more.npy") for name in taken)


def test_a_file_of_too_many_entries_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "_MAX_ENTRIES", 20)
    for count, length in ((21, 1), (15, 2_000)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for number in range(count):
                archive.writestr(f"{number:0{length}}", b"")
        with pytest.raises(InvalidInput, match="larger than any"):
            read(tmp_path / "m.flowml", buffer.getvalue())


def test_own_files_full_of_zeros_can_be_read_again(tmp_path: Path, model: FittedModel) -> None:
    width = model.encoders[0].n_features + 1
    weights = np.zeros((width, 2))
    weights[0] = 1.0
    member = Member("zeros", {"blob": "x" * 3_000_000}, 1.0, (Part(0, LeastSquaresPredictor(weights, True)),))
    written = FittedModel(model.schema, model.encoders[:1], (member,))
    assert read(tmp_path / "m.flowml", modelfile.write(written)).predict(people(2)) == pytest.approx(
        np.full((2, 2), 0.5)
    )


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"):
        modelfile.read(tmp_path / "m.flowml")
