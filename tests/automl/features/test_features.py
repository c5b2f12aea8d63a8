"""Encoders: one row gives what the table gives, whatever is in it; nothing is learned from rows held out."""

import json
import math
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Labels, prepare
from flowml.automl.features.values import days_of, label_of, number_of
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from tests.automl.tables import ROLES, people

FEATURES = {name: role for name, role in ROLES.items() if name != "y"}

numbers = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, 1.0, -1.0, 1e30, 1e-30])
texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(["a b", "A-1", "x 12", "", "Ü ß"])
COLUMNS = st.one_of(
    st.tuples(st.just((Role.NUMERIC, pl.Float64)), st.lists(st.none() | numbers)),
    st.tuples(st.just((Role.NUMERIC, pl.Int64)), st.lists(st.none() | st.integers(-(2**62), 2**62))),
    st.tuples(st.just((Role.NUMERIC, pl.String)), st.lists(st.none() | st.sampled_from(["1", "2.5", "x", "", "-3"]))),
    st.tuples(st.just((Role.BOOLEAN, pl.Boolean)), st.lists(st.none() | st.booleans())),
    st.tuples(st.just((Role.BOOLEAN, pl.String)), st.lists(st.none() | st.sampled_from(["yes", "No", ""]))),
    st.tuples(st.just((Role.CATEGORICAL, pl.String)), st.lists(st.none() | texts)),
    st.tuples(st.just((Role.CATEGORICAL, pl.Int32)), st.lists(st.none() | st.integers(0, 5))),
    st.tuples(st.just((Role.CATEGORICAL, pl.Float64)), st.lists(st.none() | st.sampled_from([1.0, 2.5, math.nan]))),
    st.tuples(st.just((Role.TEXT, pl.String)), st.lists(st.none() | texts)),
    st.tuples(st.just((Role.DATETIME, pl.Datetime("us"))), st.lists(st.none() | st.datetimes())),
    st.tuples(st.just((Role.DATETIME, pl.Date)), st.lists(st.none() | st.dates())),
    st.tuples(st.just((Role.DATETIME, pl.Time)), st.lists(st.none() | st.times())),
)


def encode(view: View, frame: pl.DataFrame, roles: dict[str, Role], n_outputs: int = 2) -> tuple[Encoder, Encoded]:
    target = np.arange(frame.height) % max(n_outputs, 2)
    target = target.astype(np.float64) if n_outputs == 1 else target.astype(np.int32)
    return Encoder.fit(view, prepare(frame, roles), roles, target, n_outputs, seed=0)


def column(encoded: Encoded, name: str) -> np.ndarray:
    return encoded.values[:, encoded.names.index(name)]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), view=st.sampled_from(View), n_outputs=st.sampled_from([1, 2, 3]))
def test_one_row_is_encoded_to_the_bit_as_the_table_is(data: st.DataObject, view: View, n_outputs: int) -> None:
    drawn = data.draw(st.lists(COLUMNS, min_size=1, max_size=4))
    rows = data.draw(st.integers(1, 12))
    frame = pl.DataFrame(
        {
            f"c{index}": pl.Series((values * rows + [None] * rows)[:rows], dtype=dtype)
            for index, ((_, dtype), values) in enumerate(drawn)
        }
    )
    roles = {f"c{index}": role for index, ((role, _), _) in enumerate(drawn)}
    split = data.draw(st.integers(1, rows))
    encoder, _ = encode(view, frame.head(split), roles, n_outputs)
    found = encoder.transform(prepare(frame, roles))
    assert found.values.dtype == np.float32 and found.values.flags.c_contiguous
    assert found.values.shape == (rows, len(found.names)) == (rows, encoder.n_features)
    assert not np.isinf(found.values).any()
    if not view.takes_missing:
        assert not np.isnan(found.values).any()
    compiled = Encoder.of(json.loads(json.dumps(encoder.state()))).compile()
    singles = np.array([compiled(row) for row in frame.to_dicts()])
    np.testing.assert_array_equal(singles, found.values)


@pytest.mark.parametrize("view", View)
def test_missing_columns_and_unseen_values_are_encoded(view: View) -> None:
    encoder, encoded = encode(view, people(), FEATURES)
    assert len(set(encoded.names)) == len(encoded.names)
    nothing = encoder.transform(prepare(pl.DataFrame({"age": [30]}), FEATURES))
    assert nothing.names == encoded.names
    np.testing.assert_array_equal(encoder.compile()({"age": 30}), nothing.values[0])
    odd = {"age": "forty", "income": math.inf, "town": "Atlantis", "member": "maybe", "since": "soon", "note": 7}
    row = encoder.compile()(odd)
    assert row.shape == (encoder.n_features,) and not np.isinf(row).any()
    assert view.takes_missing or np.isfinite(row).all()


def test_native_keeps_numbers_and_holes_and_codes_categories_by_frequency() -> None:
    frame = pl.DataFrame({"n": [1.5, None, math.nan, math.inf], "c": ["b", "b", "a", None]})
    encoder, encoded = encode(View.NATIVE, frame, {"n": Role.NUMERIC, "c": Role.CATEGORICAL})
    np.testing.assert_array_equal(column(encoded, "n"), [1.5, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(column(encoded, "c"), [0, 0, 1, np.nan])
    assert encoded.categorical == (1,) and encoded.cardinalities == (3,)
    assert math.isnan(encoder.compile()({"c": "unseen"})[1])


def test_codes_stay_below_their_cardinality_with_many_levels() -> None:
    frame = pl.DataFrame({"c": [f"v{index % 700}" for index in range(2000)] + [f"once {i}" for i in range(99)]})
    encoder, encoded = encode(View.NATIVE, frame, {"c": Role.CATEGORICAL})
    for index, cardinality in zip(encoded.categorical, encoded.cardinalities, strict=True):
        assert np.nanmax(encoded.values[:, index]) < cardinality <= 256
    # Unseen ones are what the rare ones are.
    assert encoder.compile()({"c": "never"})[0] == encoder.compile()({"c": "once 3"})[0]


def test_serial_numbers_stay_apart_in_float32() -> None:
    frame = pl.DataFrame({"n": [1_700_000_000 + index for index in range(50)]})
    for view in (View.NATIVE, View.ORDINAL):
        _, encoded = encode(view, frame, {"n": Role.NUMERIC})
        assert len(np.unique(encoded.values)) == 50


def test_dense_columns_have_the_same_scale_and_tame_tails() -> None:
    generator = np.random.default_rng(0)
    rows = 2000
    frame = pl.DataFrame(
        {
            "big": generator.normal(1e6, 1e4, rows),
            "tail": np.exp(generator.normal(0, 3, rows)) * 1e-4,
            "many": [f"v{index}" for index in generator.integers(0, 300, rows)],
        }
    )
    roles = {"big": Role.NUMERIC, "tail": Role.NUMERIC, "many": Role.CATEGORICAL}
    target = frame["big"].to_numpy()
    _, encoded = Encoder.fit(View.DENSE, prepare(frame, roles), roles, target, 1, seed=0)
    scales = encoded.values.std(axis=0)
    assert scales == pytest.approx(np.ones_like(scales), abs=0.05)
    assert np.abs(column(encoded, "tail")).max() < 6


def test_target_means_do_not_tell_a_row_its_own_target() -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({"c": [f"v{index}" for index in generator.integers(0, 400, 1200)]})
    target = generator.integers(0, 2, 1200).astype(np.int32)
    roles = {"c": Role.CATEGORICAL}
    encoder, encoded = Encoder.fit(View.ORDINAL, prepare(frame, roles), roles, target, 2, seed=0)
    own = encoder.transform(prepare(frame, roles))
    told = abs(np.corrcoef(column(encoded, "c mean of target"), target)[0, 1])
    assert told < 0.1 < abs(np.corrcoef(column(own, "c mean of target"), target)[0, 1])


def test_only_the_rows_given_are_learned_from() -> None:
    table = prepare(people(300), FEATURES)
    rows = np.arange(150)
    target = (np.arange(300) % 2).astype(np.int32)
    for view in View:
        part = Encoder.fit(view, table.take(rows), FEATURES, target[rows], 2, seed=0)[0]
        alone = Encoder.fit(view, prepare(people(300).head(150), FEATURES), FEATURES, target[rows], 2, seed=0)[0]
        assert part.state() == alone.state()


def test_texts_give_their_frequent_words_beginning_and_number() -> None:
    names = ["Braund, Mr. Owen", "Cumings, Mrs. John 17", "Heikkinen, Miss. Laina", "Allen, Mr. William"] * 10
    encoder, encoded = encode(View.NATIVE, pl.DataFrame({"name": names}), {"name": Role.TEXT})
    assert column(encoded, "name has “mr”")[:4].tolist() == [1, 0, 0, 1]
    assert column(encoded, "name number")[1] == 17 and math.isnan(column(encoded, "name number")[0])
    assert column(encoded, "name words")[:2].tolist() == [3, 4]
    assert "name begins with" in encoded.names
    assert encoder.n_features <= 40


def test_dates_are_taken_apart() -> None:
    frame = pl.DataFrame(
        {"d": [datetime.fromisoformat("2024-02-29T18:00"), datetime.fromisoformat("1969-12-31"), None]}
    )
    _, encoded = encode(View.NATIVE, frame, {"d": Role.DATETIME})
    assert encoded.values[0].tolist() == [np.float32(19782.75), 2024, 2, 29, 60, 3, 18]
    assert encoded.values[1].tolist() == [-1, 1969, 12, 31, 365, 2, 0]
    assert np.isnan(encoded.values[2]).all()
    _, dense = encode(View.DENSE, frame, {"d": Role.DATETIME})
    assert {"d month sine", "d hour cosine", "d is missing"} <= set(dense.names)


def test_values_are_read_as_people_type_them() -> None:
    assert [label_of(value) for value in (3, 3.0, 2.5, True, "", None, math.nan)] == [
        "3", "3", "2.5", "true", None, None, None,
    ]  # fmt: skip
    assert [number_of(value) for value in ("1e3", " 7", "yes", "N", False, 10**400, "1_000", "inf")] == pytest.approx(
        [1000, 7, 1, 0, 0, math.nan, math.nan, math.nan], nan_ok=True
    )
    assert days_of("2024-01-01T00:00:00+02:00") == days_of("2023-12-31T22:00:00")
    assert days_of(date(1970, 1, 11)) == 10 and days_of(time(12)) == 0.5 and days_of(timedelta(hours=36)) == 1.5


def test_a_part_of_a_table_shares_its_levels() -> None:
    table = prepare(pl.DataFrame({"c": ["a", "b", None, "a"]}), {"c": Role.CATEGORICAL})
    part = table.take(np.array([2, 1])).columns["c"]
    assert isinstance(part, Labels)
    assert part.codes.tolist() == [-1, 1] and part.levels == ("a", "b") and part.counts().tolist() == [0, 1]


@pytest.mark.parametrize("damage", ["view", "columns", "table", "scale"])
def test_a_damaged_encoder_is_refused(damage: str) -> None:
    state: Any = json.loads(json.dumps(encode(View.DENSE, people(), FEATURES)[0].state()))
    if damage == "view":
        state["view"] = "sideways"
    elif damage == "columns":
        del state["columns"][0]["derivation"]
    elif damage == "scale":
        state["columns"][0]["encoders"][0]["scale"] = 0
    else:
        state["columns"][2]["encoders"][0]["table"].pop()
    with pytest.raises(InvalidInput):
        Encoder.of(state)


@pytest.mark.parametrize("view", list(View))
def test_what_was_never_missing_in_training_is_taken_as_usual_when_it_is(view: View) -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "size": generator.normal(50, 5, 200),
            "kind": ["a"] * 150 + ["b"] * 50,
            "name": [f"Mr. Number{index % 7} Someone" for index in range(200)],
        }
    )
    encoder, encoded = encode(view, frame, {"size": Role.NUMERIC, "kind": Role.CATEGORICAL, "name": Role.TEXT})
    absent = encoder.compile()({})
    assert np.isfinite(absent).all()
    inside = (absent >= encoded.values.min(axis=0) - 1e-6) & (absent <= encoded.values.max(axis=0) + 1e-6)
    assert inside.all(), [encoded.names[index] for index in np.flatnonzero(~inside)]


def test_where_missing_values_occurred_a_booster_still_sees_them() -> None:
    frame = pl.DataFrame({"size": [1.0, None, 3.0, 4.0], "kind": ["a", None, "b", "a"]})
    encoder, _ = encode(View.NATIVE, frame, {"size": Role.NUMERIC, "kind": Role.CATEGORICAL})
    assert np.isnan(encoder.compile()({})).all()
