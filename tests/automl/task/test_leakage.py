"""Columns that know the answer are named, and those that are merely good are not."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from flowml.automl.task.leakage import Sure, find_suspects
from flowml.automl.task.task import prepare_task
from flowml.data.profiling.roles import roles_of


def suspects(frame: pl.DataFrame, target: str = "churn") -> dict[str, Sure]:
    task = prepare_task(frame, roles_of(frame), target=target)
    found = find_suspects(task)
    assert all(suspect.column in suspect.sentence and suspect.sentence.endswith(".") for suspect in found)
    return {suspect.column: suspect.sure for suspect in found}


def customers(rows: int = 600, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """Two honest columns, one of which is good, and who left."""
    generator = np.random.default_rng(seed)
    calls = generator.normal(size=rows)
    left = (calls + 0.4 * generator.normal(size=rows)) > 0.6
    frame = pl.DataFrame(
        {
            "calls": calls,
            "plan": [f"plan {index}" for index in generator.integers(0, 4, rows)],
            "churn": np.where(left, "yes", "no"),
        }
    )
    return frame, left


@pytest.mark.parametrize("seed", range(4))
def test_an_honest_table_has_no_suspects(seed: int) -> None:
    frame, _ = customers(seed=seed)
    assert suspects(frame) == {}
    assert suspects(frame.head(60)) == {}


@pytest.mark.parametrize(
    ("column", "sure"),
    [("renamed", Sure.CERTAIN), ("filled", Sure.LIKELY), ("score", Sure.LIKELY), ("churn_hint", Sure.POSSIBLE)],
)
def test_a_leak_into_classes_is_named(column: str, sure: Sure) -> None:
    frame, left = customers()
    noise = np.random.default_rng(1).normal(size=len(left))
    leaks: dict[str, Any] = {
        "renamed": np.where(left, "gone", "here"),
        "filled": [f"2024-01-{index % 27 + 1:02}" if gone else None for index, gone in enumerate(left)],
        "score": left + 0.1 * noise,
        "churn_hint": left + 0.45 * noise,
    }
    assert suspects(frame.with_columns(pl.Series(column, leaks[column], strict=False))) == {column: sure}
    # The same column is no suspect for what it says nothing about.
    assert suspects(frame.with_columns(pl.Series(column, leaks[column], strict=False)), "calls") == {}


@pytest.mark.parametrize(
    ("column", "sure"), [("price_in_cents", Sure.CERTAIN), ("tax", Sure.LIKELY), ("price_group", Sure.POSSIBLE)]
)
def test_a_leak_into_values_is_named(column: str, sure: Sure) -> None:
    generator = np.random.default_rng(0)
    size = generator.uniform(30, 200, 600)
    price = 1_000 * size + 20_000 * generator.normal(size=600)
    leaks = {"price_in_cents": price * 100, "tax": np.log(price + 90_000), "price_group": np.round(price / 60_000)}
    frame = pl.DataFrame({"size": size, "town": generator.integers(0, 5, 600), "price": price})
    assert suspects(frame, "price") == {}
    assert suspects(frame.with_columns(pl.Series(column, leaks[column])), "price") == {column: sure}


def test_missing_for_one_class_only_is_named() -> None:
    frame, left = customers()
    asked = pl.Series("asked", [None if gone else 1.5 + index % 7 for index, gone in enumerate(left)])
    assert suspects(frame.with_columns(asked)) == {"asked": Sure.LIKELY}


def test_tiny_tables_are_not_judged_by_luck() -> None:
    frame, left = customers(40)
    assert suspects(frame.with_columns(score=pl.Series(left * 1.0 + 0.01))) == {}


def test_of_many_classes_only_what_tells_nearly_all_is_a_suspect() -> None:
    generator = np.random.default_rng(0)
    code = np.repeat(np.arange(60), 40)
    columns = {f"noise{index}": generator.normal(size=len(code)) for index in range(10)}
    frame = pl.DataFrame(
        {**columns, "copy": code + generator.uniform(0, 0.4, len(code)), "churn": [f"c{one}" for one in code]}
    )
    assert set(suspects(frame)) <= {"copy"}, "no noise, however many classes there are"
    numbered = frame.with_columns(copy=pl.Series(code * 7))
    assert suspects(numbered) == {"copy": Sure.CERTAIN}


@pytest.mark.parametrize(("classes", "each"), [(200, 25), (400, 12), (100, 3)])
def test_the_target_in_other_words_is_found_however_many_classes_there_are(classes: int, each: int) -> None:
    code = np.repeat(np.arange(classes), each)
    noise = np.random.default_rng(0).normal(size=len(code))
    frame = pl.DataFrame({"noise": noise, "copy": code * 7, "churn": [f"c{one}" for one in code]})
    assert suspects(frame) == {"copy": Sure.CERTAIN}
