"""The recipe in a model's file: kept whole, checked when read, and used by the command line."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.model import modelfile
from flowml.automl.model.model import FittedModel
from flowml.data.profiling.profile import profile
from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.transform import transform_frame
from flowml.domain.errors import InvalidInput
from flowml.library.run import train

RANDOM = np.random.default_rng(1)
SIZES = RANDOM.integers(1, 100, 120)
TABLE = pl.DataFrame(
    {
        "size": [f"{size} cm" for size in SIZES],
        "kind": RANDOM.choice(["a", "b ", "B"], 120),
        "price": SIZES * 3.0 + RANDOM.normal(0, 1, 120),
    }
)
STEPS = [
    {"op": "split", "column": "size", "into": ["length", "unit"], "delimiter": " "},
    {"op": "cast", "column": "length", "to": "number"},
    {"op": "drop", "columns": ["size", "unit"]},
    {"op": "clean_text", "columns": ["kind"], "case": "upper"},
    {"op": "derive", "column": "price", "expression": "price / 2"},
]


@pytest.fixture(scope="module")
def model() -> FittedModel:
    done, resolved, _ = transform_frame(TABLE, check_operations(STEPS))
    return train(
        done,
        {column.name: column.role for column in profile(done).columns},
        target="price",
        algorithm_names=["ridge"],
        max_trials=1,
        cv_folds=3,
        prepared_by=(TABLE.lazy(), resolved),
    ).model


def test_a_file_keeps_the_recipe(model: FittedModel) -> None:
    again = modelfile.read_bytes(modelfile.write(model))
    assert again.schema == model.schema
    assert [feature.name for feature in again.schema.inputs] == ["size", "kind"]
    assert again.predict(TABLE).tolist() == model.predict(TABLE).tolist()
    found = again.predict(TABLE)[:, 0]
    assert np.corrcoef(found, TABLE["price"].to_numpy())[0, 1] > 0.99
    clean, warnings = again.check_row({"size": "50 cm", "kind": "b"})
    assert warnings == [] and again.predict_row(clean)[0] == pytest.approx(75, abs=3)
    # The target's own steps are not asked for.
    assert again.schema.recipe is not None and "price" not in again.schema.recipe.replay.inputs


def _change(content: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The file with another manifest."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry == "manifest.json":
                manifest = json.loads(data)
                change(manifest)
                data = json.dumps(manifest).encode()
            target.writestr(entry, data)
    return result.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda recipe: recipe.update(operations="all"),
        lambda recipe: recipe.update(operations=[{"op": "launch"}]),
        lambda recipe: recipe["operations"].append({"op": "derive", "column": "x", "expression": "nowhere + 1"}),
        lambda recipe: recipe["operations"].append({"op": "drop", "columns": ["length"]}),
        lambda recipe: recipe["operations"].insert(0, {"op": "fill", "column": "price", "with": "mean"}),
        lambda recipe: recipe["operations"].extend([{"op": "sort", "column": "kind"}] * 300),
        lambda recipe: recipe.update(columns={"size": "Object"}),
        lambda recipe: recipe.update(columns=[]),
        lambda recipe: recipe.update(inputs=[]),
        lambda recipe: recipe["inputs"].reverse(),
        lambda recipe: recipe.pop("columns"),
    ],
)
def test_a_file_with_a_recipe_that_cannot_be_is_refused(
    model: FittedModel, change: Callable[[dict[str, Any]], object]
) -> None:
    content = _change(modelfile.write(model), lambda manifest: change(manifest["schema"]["recipe"]))
    with pytest.raises(InvalidInput, match="damaged"):
        modelfile.read_bytes(content)


def test_a_file_from_before_recipes_is_read(model: FittedModel) -> None:
    def older(manifest: dict[str, Any]) -> None:
        manifest["format"] = 2
        del manifest["schema"]["recipe"]

    found = modelfile.read_bytes(_change(modelfile.write(model), older))
    assert found.schema.recipe is None
    assert [feature.name for feature in found.schema.inputs] == ["kind", "length"]


def test_the_command_line_trains_behind_a_recipe_and_predicts_with_it(tmp_path: Path) -> None:
    TABLE.write_csv(tmp_path / "table.csv")
    (tmp_path / "steps.json").write_text(json.dumps(STEPS))

    def flowml(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flowml", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    common = ("--target", "price", "--algorithms", "ridge", "--max-trials", "1", "--budget", "30s")
    trained = flowml("train", "table.csv", "--recipe", "steps.json", *common)
    assert trained.returncode == 0, trained.stderr
    predicted = flowml("predict", "table.flowml", "table.csv", "-o", "out.csv")
    assert predicted.returncode == 0, predicted.stderr
    found = pl.read_csv(tmp_path / "out.csv")
    assert found.columns[:3] == TABLE.columns
    assert (found["prediction"] - found["price"] / 2).abs().mean() < 3  # type: ignore[operator]
    (tmp_path / "steps.json").write_text("[")
    broken = flowml("train", "table.csv", "--recipe", "steps.json", *common)
    assert broken.returncode == 1 and "is not a recipe" in broken.stderr
