"""What a preview says of honest code is what a plain Python that keeps the number of every row finds."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowml.assistant.code import tracing
from flowml.assistant.code.following import follow
from flowml.assistant.code.operators import OPERATORS
from tests.assistant.code import previewing
from tests.assistant.code.everyday import STEPS, Row, Rows, Step

SCHEMA = {"age": pl.Int64, "fare": pl.Float64, "town": pl.String, "left": pl.Boolean}
VALUES = st.fixed_dictionaries(
    {
        "age": st.none() | st.sampled_from([20, 30, 40, 60]),
        "fare": st.none() | st.sampled_from([1.5, 20.0, 70.0]),
        "town": st.none() | st.sampled_from(["Ulm", "Hof", "Bonn"]),
        "left": st.none() | st.booleans(),
    }
)
PROGRAMS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4, unique_by=lambda step: step.code)
Numbers = list[int | None]


def differing(source: Rows, result: Rows, numbers: Numbers) -> dict[str, list[int]]:
    """Of each column that both have, the places at which it holds something else than the row that was there."""
    shared = [name for name in result[0].values if name in source[0].values]
    return {
        name: [
            place
            for place, number in enumerate(numbers)
            if number is not None and source[number].values[name] != result[place].values[name]
        ]
        for name in shared
    }


def cost(source: Rows, result: Rows, numbers: Numbers) -> int:
    """In cells."""
    differ = differing(source, result, numbers)
    n_known = len({number for number in numbers if number is not None})
    unmatched = max(len(source) - n_known, len(result) - n_known)
    return sum(map(len, differ.values())) + len(differ) * unmatched


@given(st.lists(VALUES, min_size=1, max_size=8), PROGRAMS)
def test_previews_are_true(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, Any]], steps: list[Step]
) -> None:
    source = [Row(number, row) for number, row in enumerate(values)]
    result = source
    for step in steps:
        result = step.python(result) if result else []
    if not result:
        return
    table = pl.DataFrame(values, schema=SCHEMA)
    code = "\n".join(step.code for step in steps)
    found, rows = previewing.run(code, table)
    assert found.to_dicts() == [row.values for row in result]
    lineage = [row.number for row in result]
    assert rows is not None and rows.to_list() == lineage

    followed = follow(rows, table, found)
    said = previewing.previewed(tmp_path_factory.mktemp("preview"), code, table)
    is_anew = [remark["code"] for remark in said["remarks"]] == ["rows_made_anew"]
    if followed is None:
        assert is_anew and lineage.count(None) > len(lineage) / 2
        return
    numbers = followed.to_list()
    if lineage.count(None) == len(lineage):
        # Rows of the table to the last cell, or row by row nearly the same table.
        is_exact = not any(differing(source, result, numbers).values())
        is_near = 2 * cost(source, result, numbers) <= len(source) * len(source[0].values)
        assert None not in numbers and (is_exact or is_near)
    else:
        assert cost(source, result, numbers) <= cost(source, result, lineage)
        assert numbers == lineage or cost(source, result, numbers) < cost(source, result, lineage)
    differ = differing(source, result, numbers)
    assert {one["name"]: one["cells_changed"] for one in said["columns_changed"]} == {
        name: len(places) for name, places in differ.items() if places
    }
    assert said["rows_changed"] == len({place for places in differ.values() for place in places})
    gone = [number + 1 for number in range(len(source)) if number not in numbers]
    assert list(said["removed_rows"]) == gone[:8]
    assert (said["n_rows_before"], said["n_rows_after"]) == (len(source), len(result))
    if not said["columns_renamed"]:
        assert set(said["columns_added"]) == {*result[0].values} - {*source[0].values}
        assert set(said["columns_removed"]) == {*source[0].values} - {*result[0].values}


def test_every_operator_that_code_may_have_is_followed() -> None:
    assert {kind.__name__ for kind in OPERATORS} == tracing._OPERATORS.keys()


TOWNS = pl.DataFrame({"age": [20, 30, 40, 50, 60, None], "town": ["Bonn", "Kiel", "Ulm", "Hof", "Jena", "Trier"]})


@pytest.mark.parametrize(
    ("code", "removed", "cells"),
    [
        ("df = df.drop_nulls().with_columns(cs.numeric() + 1)", (6,), {"age": 5}),
        ("df = df.with_columns(cs.integer().reverse())", (), {"age": 6}),
        ("df = df.head(5).with_columns(cs.unsigned_integer() + 1)", (6,), {}),
        ("df = df.head(5).with_columns(pl.all().cast(pl.String).str.strip_chars())", (6,), {"age": 5}),
        (
            "df = df.filter(pl.all_horizontal(cs.numeric() > 20)).with_columns(cs.all().exclude('town') * 2)",
            (1, 6),
            {"age": 4},
        ),
        ("df = df.unique().with_columns(cs.numeric() + 1)", (), {"age": 5}),
        ("df = df.unique(pl.all(), maintain_order=True)[1:].with_columns(pl.nth(0) * 2)", (1,), {"age": 4}),
        ("other = df.select(cs.string(), pl.lit(1).alias('one'))\ndf = df.tail(4).join(other, on='town')", (1, 2), {}),
        ("df = pl.concat([df.head(5), df.head(1)])", (6,), {}),
        ("df = df.drop('town').head(5) * 2 + 1", (6,), {"age": 5}),
        ("df = df.lazy().with_columns(cs.integer() * 3).drop_nulls().collect()", (6,), {"age": 5}),
    ],
)
def test_numbers_of_rows_are_out_of_reach(
    tmp_path: Path, code: str, removed: tuple[int, ...], cells: dict[str, int]
) -> None:
    found = previewing.previewed(tmp_path, code, TOWNS)
    changed = {one["name"]: one["cells_changed"] for one in found["columns_changed"]}
    assert (tuple(found["removed_rows"]), changed) == (removed, cells)


@pytest.mark.parametrize(
    "code",
    [
        "df = df.with_columns(k=pl.col('age') // 30).group_by('k', maintain_order=True).max()",
        "df = df.select(pl.all().max())",
        "df = df.group_by('age').agg(town=pl.col('town').first() + pl.lit('!')).with_columns(cs.numeric() + 7)",
        "df = df.max()",
    ],
)
def test_what_is_put_together_anew_shows_no_cells(tmp_path: Path, code: str) -> None:
    found = previewing.previewed(tmp_path, code, TOWNS)
    assert [remark["code"] for remark in found["remarks"]] == ["rows_made_anew"]
    assert not found["columns_changed"] and not found["removed_rows"]
