"""What a preview shows: the rows that change, the rows that go, and how values are spread before and after."""

from typing import Any

import polars as pl

from flowml.data.recipes.checking import check_operations
from flowml.data.recipes.transform import preview
from flowml.domain.distributions import Categories, Histogram
from flowml.domain.recipes import TransformPreview

N = 400
FRAME = pl.DataFrame(
    {
        "age": [None if at in (150, 250, 399) else at % 60 for at in range(N)],
        "income": [-999 if at == 390 else 1000 + at for at in range(N)],
        "city": [("Ulm", "Kiel", "Bern")[at % 3] if at != 300 else "ulm" for at in range(N)],
    }
)


def previewed(*operations: dict[str, Any]) -> TransformPreview:
    return preview(FRAME.lazy(), check_operations(list(operations)), None)


def test_rows_that_change_come_first_with_their_numbers() -> None:
    found = previewed({"op": "fill", "column": "age", "value": 30})
    assert found.rows[:3] == (151, 251, 400) and found.rows_changed == 3
    assert [row[0] for row in found.before.rows[:3]] == [None, None, None]
    assert [row[0] for row in found.after.rows[:3]] == [30, 30, 30]
    assert found.before.rows[3:] == found.after.rows[3:], "what fills the sample up is as it was"


def test_every_column_that_changes_has_a_row_among_the_first() -> None:
    found = previewed(
        {"op": "fill", "column": "age", "value": 30},
        {"op": "map_values", "column": "city", "values": {"ulm": "Ulm"}},
        {"op": "mark_missing", "columns": ["income"], "values": [-999]},
    )
    assert set(found.rows[:3]) == {151, 391, 301}
    assert found.rows_changed == 5


def test_rows_that_go_are_shown_as_they_were() -> None:
    found = previewed({"op": "drop_missing", "columns": ["age"]})
    assert (found.n_rows_after, found.removed_rows) == (N - 3, (151, 251, 400))
    assert found.removed.columns == tuple(FRAME.columns)
    assert found.removed.rows == tuple(FRAME.row(at) for at in (150, 250, 399))
    (spread,) = found.spreads
    assert spread.column == "age" and spread.before is not None and spread.after is not None
    assert (spread.before.missing, spread.after.missing) == (3, 0)


def test_both_spreads_have_the_same_bins_unless_nothing_could_be_seen() -> None:
    (spread,) = previewed({"op": "clip", "column": "age", "low": 5, "high": 50}).spreads
    assert isinstance(spread.before, Histogram) and isinstance(spread.after, Histogram)
    assert spread.before.edges == spread.after.edges and sum(spread.after.counts) == N - 3
    assert spread.after.counts[0] < spread.before.counts[0]
    (spread,) = previewed({"op": "mark_missing", "columns": ["income"], "values": [-999]}).spreads
    assert isinstance(spread.before, Histogram) and isinstance(spread.after, Histogram)
    assert spread.before.edges[0] < -900 and spread.after.edges[0] == 1000


def test_a_column_of_another_kind_is_spread_in_its_own_way() -> None:
    (spread,) = previewed({"op": "cast", "column": "age", "to": "text"}).spreads
    assert isinstance(spread.before, Histogram) and isinstance(spread.after, Categories)
    (spread,) = previewed({"op": "derive", "column": "twice", "expression": "age * 2"}).spreads
    assert spread.before is None and isinstance(spread.after, Histogram)


def test_what_moves_no_value_has_no_spread() -> None:
    assert previewed({"op": "rename", "column": "age", "to": "years"}).spreads == ()
