"""Combinations of columns: a row as the table, chosen where they tell something, never from a row's own target."""

import json
import math
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.automl.features.combinations import Arithmetic, Combination, Cross, Deviation, Rotation, load_combination
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import Labels, Numbers, Prepared, prepare
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

numbers = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, 3e38, 1e-300])
texts = st.none() | st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(["a", "1 a", "a 1"])


def shop(rows: int = 900, seed: int = 0) -> tuple[pl.DataFrame, dict[str, Role], np.ndarray]:
    """The ratio of two numbers, a number against its group's mean and a cross of categories decide the target."""
    generator = np.random.default_rng(seed)
    price, size = np.exp(generator.normal(0, 1, (2, rows)))
    kind, town = generator.integers(0, 6, rows), generator.integers(0, 7, rows)
    level = generator.normal(0, 3, 6)[kind] + generator.normal(0, 1, rows)
    crossed = generator.normal(0, 1, (6, 7))[kind, town]
    target = 2.0 * (price > size) + 1.5 * crossed + 0.3 * generator.normal(size=rows)
    frame = pl.DataFrame(
        {
            "price": np.where(generator.random(rows) < 0.05, np.nan, price),
            "size": size,
            "kind": [f"kind {index}" for index in kind],
            "town": [None if generator.random() < 0.05 else f"town {index}" for index in town],
            "level": level,
        }
    )
    roles = {
        "price": Role.NUMERIC,
        "size": Role.NUMERIC,
        "kind": Role.CATEGORICAL,
        "town": Role.CATEGORICAL,
        "level": Role.NUMERIC,
    }
    return frame, roles, target


@cache
def fitted(seed: int = 0) -> tuple[Encoder, Encoded, Prepared, np.ndarray]:
    frame, roles, target = shop()
    table = prepare(frame, roles)
    encoder, encoded = Encoder.fit(View.WIDE, table, roles, target, 1, seed)
    return encoder, encoded, table, target


def made(kind: str) -> tuple[Combination, tuple[bool, bool]]:
    """A combination of each kind, and which of its sources are labels."""
    levels = ("a", "b", "Ü")
    return {
        "difference": (Arithmetic("x", (0, 1), "difference"), (False, False)),
        "sum": (Arithmetic("x", (0, 1), "sum"), (False, False)),
        "product": (Arithmetic("x", (0, 1), "product"), (False, False)),
        "ratio": (Arithmetic("x", (0, 1), "ratio"), (False, False)),
        "rotation": (Rotation("x", (0, 1), (0.3, -1e5)), (False, False)),
        "deviation": (Deviation("x", (0, 1), levels, (0.1, -2.0, 1e30), 0.7), (False, True)),
        "labels": (Cross("x", (0, 1), (None, None)), (True, True)),
        "stripes": (Cross("x", (0, 1), (None, (0.0, 1.0))), (True, False)),
        "grid": (Cross("x", (0, 1), ((-1.0, 1.0), (0.0,))), (False, False)),
    }[kind]


KINDS = ("difference", "sum", "product", "ratio", "rotation", "deviation", "labels", "stripes", "grid")


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_row_is_combined_as_the_table_is(kind: str, data: st.DataObject) -> None:
    combination, labels = made(kind)
    combination = load_combination(json.loads(json.dumps(combination.state())))
    rows = data.draw(st.integers(1, 8))
    columns: list[Labels | Numbers] = []
    for label in labels:
        values = data.draw(st.lists(texts if label else numbers, min_size=rows, max_size=rows))
        series = pl.Series("c", values, dtype=pl.String if label else pl.Float64)
        prepared = prepare(series.to_frame(), {"c": Role.CATEGORICAL if label else Role.NUMERIC}).columns["c"]
        columns.append(prepared)
    found = combination.column(columns[0], columns[1])
    for row in range(rows):
        value = combination.value(*(_value(column, row) for column in columns))
        if isinstance(found, Labels):
            code = int(found.codes[row])
            assert value == (None if code < 0 else found.levels[code])
        else:
            np.testing.assert_array_equal(value, found.values[row])
    if isinstance(found, Labels):
        assert len(set(found.levels)) == len(found.levels)


def _value(column: Labels | Numbers, row: int) -> Any:
    if isinstance(column, Numbers):
        return float(column.values[row])
    code = int(column.codes[row])
    return None if code < 0 else column.levels[code]


def test_what_decides_the_target_is_found() -> None:
    encoder, encoded, _, _ = fitted()
    names = " | ".join(encoded.names)
    assert any(f"size {sign} price" in names or f"price {sign} size" in names for sign in "-/")
    assert "kind × town mean of target" in names or "town × kind mean of target" in names
    assert encoder.n_features == encoded.values.shape[1] == len(set(encoded.names))


def test_noise_is_not_combined() -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({f"x{index}": generator.normal(size=500) for index in range(5)})
    roles = dict.fromkeys(frame.columns, Role.NUMERIC)
    target = generator.integers(0, 2, 500).astype(np.int32)
    encoder, encoded = Encoder.fit(View.WIDE, prepare(frame, roles), roles, target, 2, 0)
    _, plain = Encoder.fit(View.NATIVE, prepare(frame, roles), roles, target, 2, 0)
    assert encoder.combined == ()
    np.testing.assert_array_equal(encoded.values, plain.values)


def test_a_wide_row_is_encoded_to_the_bit_as_the_table_is() -> None:
    encoder, _, _, _ = fitted()
    assert {type(item.combination) for item in encoder.combined} >= {Arithmetic, Cross}
    encoder = Encoder.of(json.loads(json.dumps(encoder.state())))
    frame, roles, _ = shop(rows=60, seed=1)
    odd = pl.DataFrame(
        {
            "price": [0.0, None, math.inf, -1e300, 1e-300, math.nan],
            "size": [0.0, 1.0, None, 1e300, -0.0, 2.0],
            "kind": ["kind 1", None, "new", "", "kind 2", "κ"],
            "town": ["town 1", "town 2", None, "new", "town 3", "town 0"],
            "level": [1.0, None, 1e38, -1e38, 0.0, 5.0],
        }
    )
    every = pl.concat([frame, odd], how="vertical_relaxed")
    compiled = encoder.compile()
    singles = np.array([compiled(row) for row in every.to_dicts()])
    found = encoder.transform(prepare(every, roles))
    np.testing.assert_array_equal(singles, found.values)
    assert not np.isinf(found.values).any()


def test_the_same_seed_chooses_the_same() -> None:
    frame, roles, target = shop()
    again, _ = Encoder.fit(View.WIDE, prepare(frame, roles), roles, target, 1, 0)
    assert again.state() == fitted()[0].state()


def test_a_cross_does_not_tell_a_row_its_own_target() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 12, 1_500), generator.integers(0, 12, 1_500)
    signal = generator.normal(0, 1, (12, 12))[a, b]
    frame = pl.DataFrame({"a": [f"a{index}" for index in a], "b": [f"b{index}" for index in b]})
    roles = {"a": Role.CATEGORICAL, "b": Role.CATEGORICAL}
    noise = generator.normal(0, 1, 1_500)
    encoder, encoded = Encoder.fit(View.WIDE, prepare(frame, roles), roles, signal + noise, 1, 0)
    at = next(index for index, name in enumerate(encoded.names) if "×" in name and "mean" in name)
    own = encoder.transform(prepare(frame, roles)).values[:, at]
    # What it says beyond the signal: the mean of the others' noise, or also the row's own.
    told = np.corrcoef(encoded.values[:, at] - signal, noise)[0, 1]
    assert told < 0.1 < np.corrcoef(own - signal, noise)[0, 1]


def test_dates_are_told_apart_by_days() -> None:
    frame = pl.DataFrame(
        {"start": ["2024-01-01", "2024-02-01", None], "end": ["2024-01-11", "2024-03-01", "2024-01-01"]}
    )
    roles = {"start": Role.DATETIME, "end": Role.DATETIME}
    for view in View:
        encoder, encoded = Encoder.fit(view, prepare(frame, roles), roles, np.zeros(3), 1, 0)
        assert "end - start" in encoded.names
        np.testing.assert_array_equal(
            encoder.compile()({}), encoder.transform(prepare(frame[:0].clear(1), roles)).values[0]
        )
    _, native = Encoder.fit(View.NATIVE, prepare(frame, roles), roles, np.zeros(3), 1, 0)
    np.testing.assert_array_equal(native.values[:, native.names.index("end - start")], [10, 29, np.nan])


DAMAGES = {
    "source": lambda item: item["combination"].update(sources=[0, 99]),
    "negative": lambda item: item["combination"].update(sources=[-1, 0]),
    "truth": lambda item: item["combination"].update(sources=[True, 0]),
    "kind": lambda item: item["combination"].update(kind="magic"),
    "encoder": lambda item: item["encoder"].update(kind="text" if item["encoder"]["kind"] == "number" else "number"),
    "labels": lambda item: item["combination"].update(kind="deviation", levels=["a"], means=[], overall=0.0),
    "infinite": lambda item: item["combination"].update(kind="rotation", weights=[math.inf, 1.0]),
    "operation": lambda item: item["combination"].update(kind="arithmetic", operation="power"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_combination_is_refused(damage: str) -> None:
    state: Any = json.loads(json.dumps(fitted()[0].state()))
    DAMAGES[damage](state["combined"][0])
    with pytest.raises(InvalidInput):
        Encoder.of(state)


def test_more_combinations_than_any_model_has_are_refused() -> None:
    state: Any = json.loads(json.dumps(fitted()[0].state()))
    state["combined"] = state["combined"][:1] * 1_000
    with pytest.raises(InvalidInput):
        Encoder.of(state)
