"""Tables of thousands of columns are encoded many columns at a time, with the same result."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from flowml.automl.features import encoder as encoding
from flowml.automl.features.encoded import View
from flowml.automl.features.encoder import Encoder
from flowml.automl.features.prepared import prepare
from flowml.domain.datasets import Role


def mixed(rows: int, seed: int = 0) -> tuple[pl.DataFrame, dict[str, Role]]:
    """Runs of numbers between columns of other kinds: plain, heavy-tailed, constant, with holes, far from 0, empty."""
    generator = np.random.default_rng(seed)
    holes = generator.normal(size=rows)
    holes[::3] = np.nan
    columns = {
        "plain": generator.normal(size=rows),
        "heavy": np.exp(3 * generator.normal(size=rows)),
        "rare": (np.arange(rows) == 1).astype(np.float64),
        "holes": holes,
        "town": [f"t{index % 3}" for index in range(rows)],
        "serial": 2.0**40 + np.arange(rows),
        "same": np.full(rows, 0.1),
        "day": [date(2024, 1, 1) + timedelta(days=index) for index in range(rows)],
        "empty": np.full(rows, np.nan),
        "last": generator.uniform(size=rows),
    }
    roles = dict.fromkeys(columns, Role.NUMERIC) | {"town": Role.CATEGORICAL, "day": Role.DATETIME}
    return pl.DataFrame(columns), roles


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("rows", [1, 40])
def test_columns_together_are_what_they_are_alone(view: View, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    frame, roles = mixed(rows)
    target = (np.arange(rows) % 2).astype(np.int32)
    new = prepare(mixed(25, seed=1)[0], roles)
    together, rows_together = Encoder.fit(view, prepare(frame, roles), roles, target, 2, seed=3)
    answers = together.transform(new)
    encode = together.compile()

    monkeypatch.setattr(encoding, "_CELLS_TOGETHER", 1)
    alone, rows_alone = Encoder.fit(view, prepare(frame, roles), roles, target, 2, seed=3)
    assert together.state() == alone.state()
    assert rows_together.names == rows_alone.names
    np.testing.assert_array_equal(rows_together.values, rows_alone.values)
    np.testing.assert_array_equal(answers.values, alone.transform(new).values)
    for index, row in enumerate(mixed(25, seed=1)[0].head(5).to_dicts()):
        np.testing.assert_array_equal(encode(row), answers.values[index])


def test_a_wide_table_is_encoded_in_few_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thousand columns of sixty rows: what costs is not the numbers, it is asking for each column by itself."""
    rows, width = 60, 2_000
    values = np.random.default_rng(0).normal(size=(rows, width))
    frame = pl.DataFrame({f"x{index}": values[:, index] for index in range(width)})
    roles = dict.fromkeys(frame.columns, Role.NUMERIC)
    calls = 0
    figures = encoding.NumberEncoder.transform_all

    def counted(encoders: list[encoding.NumberEncoder], values: np.ndarray) -> np.ndarray:
        nonlocal calls
        calls += 1
        return figures(encoders, values)

    monkeypatch.setattr(encoding.NumberEncoder, "transform_all", staticmethod(counted))
    monkeypatch.setattr(encoding.NumberEncoder, "transform", None)
    encoder, encoded = Encoder.fit(View.DENSE, prepare(frame, roles), roles, np.zeros(rows), 1, seed=0)
    assert encoded.values.shape == (rows, width)
    encoder.transform(prepare(frame.head(12), roles))
    assert calls <= 4
