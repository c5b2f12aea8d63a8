"""Datasets come back as they went in, and are gone once deleted."""

import json
import sqlite3

import pytest

from flowml.domain.datasets import Column, ColumnStats, Dataset, Role, TopValue
from flowml.domain.errors import NotFound
from flowml.domain.remarks import Remark, RemarkSeverity
from flowml.store.store import Store


def test_a_dataset_comes_back_as_it_went_in(store: Store) -> None:
    columns = (Column("Größe, °C", "Float64", Role.NUMERIC), Column("n", "String", Role.TEXT))
    stats = (ColumnStats("Größe, °C", "Float64", Role.NUMERIC, 3, 1, 0.25, 2, top=(TopValue(1.5, 2),)),)
    careful = Remark("short_years", RemarkSeverity.DECISION, "careful")
    dataset = Dataset("d1", "täble", "täble.csv", "csv", 4, 2, 99, "a" * 64, "b" * 64, None, 5.0, columns, (careful,))
    store.datasets.add(dataset, stats)
    assert store.datasets.get("d1") == dataset
    assert store.datasets.stats("d1") == stats
    assert store.datasets.page(10, 0) == ([dataset], 1)
    store.datasets.delete("d1")
    with pytest.raises(NotFound):
        store.datasets.get("d1")
    with pytest.raises(NotFound):
        store.datasets.delete("d1")


def test_remarks_of_a_table_that_was_read_before_they_had_codes_are_still_there(store: Store) -> None:
    store.datasets.add(Dataset("d1", "t", "t.csv", "csv", 1, 1, 9, "a" * 64, "b" * 64, None, 5.0, ()), ())
    with sqlite3.connect(store.home.database) as connection:
        connection.execute("UPDATE datasets SET warnings = ?", (json.dumps(["1 line was left out."]),))
    (found,) = store.datasets.get("d1").remarks
    assert found == Remark("uncoded", RemarkSeverity.DECISION, "1 line was left out.")
