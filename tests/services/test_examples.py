"""The row that a model is tried with: one that there was, read where it lies, with what came of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.domain.datasets import Column, Role
from flowml.domain.errors import Damaged, NotFound
from flowml.domain.models import Model
from flowml.services.context import Context
from flowml.services.examples import example_if_readable, example_of
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_dataset, add_job, add_model

TABLE = pl.DataFrame(
    {
        "class": [1, 3, 2, 3],
        "cabin": [None, None, "B96", None],
        "age": [4.5, 22.0, 40.0, None],
        "survived": ["yes", "no", "yes", None],
    }
)
SCHEMA = [{"name": name, "role": "categorical", "dtype": "String"} for name in ("class", "cabin", "age")]


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    store = Store(tmp_path)
    yield Context(Settings(home=tmp_path), store, time.time, QuietTrainers())
    store.close()


def tried(context: Context, **dataset: Any) -> Model:
    store = context.store
    path = store.files.new_temp()
    TABLE.write_parquet(path)
    columns = tuple(Column(name, "String", Role.CATEGORICAL) for name in TABLE.columns)
    given = replace(add_dataset(store), id="d2", name="ship", table=store.files.put_path(path), columns=columns)
    store.datasets.add(replace(given, n_rows=4, n_columns=4, **dataset), ())
    job = add_job(store, dataset_id="d2", target="survived")
    return add_model(store, job, "m", 0.9, target="survived", details={"schema": SCHEMA})


def test_it_is_the_fullest_of_the_first_rows_and_never_a_mixture(context: Context) -> None:
    found = example_of(context, tried(context))
    assert found is not None
    assert (found.table, found.rows_left_out, found.number, found.n_rows) == ("ship", False, 3, 4)
    assert (found.values, found.truth) == ({"class": 2, "cabin": "B96", "age": 40.0}, "yes")


def test_any_row_can_be_asked_for_and_one_beyond_the_last_is_none(context: Context) -> None:
    model = tried(context)
    rows = [example_of(context, model, number) for number in (1, 4, 5)]
    assert [row and (row.number, row.values["class"], row.truth) for row in rows] == [(1, 1, "yes"), (4, 3, None), None]


@pytest.mark.parametrize(
    ("operation", "truth"),
    [
        ({"op": "fill", "column": "age", "with": "mean"}, "yes"),
        ({"op": "map_values", "column": "survived", "values": {"yes": "1"}}, None),
        ({"op": "derive", "column": "survived", "expression": "age > 5"}, None),
        ({"op": "drop", "columns": ["cabin", "survived"]}, None),
        ({"op": "rename", "column": "class", "to": "survived"}, None),
    ],
)
def test_behind_a_recipe_the_row_is_as_it_was_sent_and_its_truth_as_it_was_taught(
    context: Context, operation: dict[str, Any], truth: str | None
) -> None:
    store = context.store
    path = store.files.new_temp()
    TABLE.reverse().write_parquet(path)
    found = example_of(context, tried(context, recipe=(operation,), root_table=store.files.put_path(path)))
    assert found is not None and found.values["cabin"] == "B96" and found.number == 2
    assert found.truth == truth


def test_behind_a_recipe_the_row_is_of_the_first_table_by_its_name_and_may_be_one_that_was_left_out(
    context: Context,
) -> None:
    store = context.store
    path = store.files.new_temp()
    pl.concat([TABLE, TABLE]).write_parquet(path)
    root = store.files.put_path(path)
    store.datasets.add(replace(add_dataset(store, "first"), id="root", name="fleet", table=root, n_rows=8), ())
    version = {"parent_id": "root", "root_table": root, "recipe": ({"op": "filter", "expression": "class < 4"},)}
    model = tried(context, **version)
    found = example_of(context, model, 7)
    assert found is not None and (found.table, found.rows_left_out, found.n_rows) == ("fleet", True, 8)
    assert found.dataset == store.datasets.get("root")
    store.datasets.delete("root")
    found = example_of(context, model, 7)
    assert found is not None and found.dataset is None and found.table == "the table that ship was made from"


def test_with_the_data_set_its_rows_are_gone(context: Context) -> None:
    model = tried(context)
    content = context.store.files.path(model.file).read_bytes()
    context.store.datasets.delete("d2")
    assert example_of(context, model) is None
    assert b"B96" not in content


def test_a_table_that_cannot_be_read_is_said_to_be_that_and_the_model_can_be_tried(context: Context) -> None:
    model = tried(context)
    table = context.store.files.path(context.store.datasets.get("d2").table)
    table.write_bytes(b"no table")
    with pytest.raises(Damaged, match="The stored table is damaged"):
        example_of(context, model)
    table.unlink()
    with pytest.raises(NotFound, match="no longer on this server"):
        example_of(context, model)
    found, problem = example_if_readable(context, model)
    assert found is None and problem is not None and "no longer on this server" in problem
