"""What goes out comes back equal, in every format, whatever is in the table."""

import tempfile
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.canonical import write_canonical
from flowml.data.read import read_table
from flowml.data.writing.export import export_table
from flowml.data.writing.writers import FORMATS
from flowml.domain.errors import InvalidInput

# What looks like something else, or is hard to write down.
AWKWARD = (
    "",
    " ",
    "NA",
    "null",
    "?",
    "-",
    "007",
    "1.5",
    "1,5",
    "1e999",
    "true",
    "yes",
    "=1+1",
    '"',
    '""',
    "a,b",
    "a;b",
    "a\tb",
    "line\nbreak",
    "carriage\rreturn",
    "both\r\n",
    " padded ",
    "ümläut",
    "日本語",
    "😀",
    "\u2028",
    "\ufeff",
    "'single'",
    "back\\slash",
    "# comment",
    "Total",
    "_x0041_",
    "<&>",
)
# Not the halves of surrogates and not what XML 1.0 cannot hold even escaped.
TEXTS = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufffe\uffff"), max_size=12
)
VALUES = {
    pl.Int64: st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5),
    pl.Float64: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5).map(float),
    pl.Boolean: st.booleans(),
    pl.String: TEXTS,
    pl.Date: st.dates(),
    pl.Datetime("us"): st.datetimes(),
}


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Every type at least once, texts that have more than dates in them, no column without a value."""
    height = draw(st.integers(1, 8))
    columns = []
    for at, (dtype, values) in enumerate(VALUES.items()):
        cells = draw(st.lists(st.none() | values, min_size=height, max_size=height))
        cells[draw(st.integers(0, height - 1))] = draw(values)
        columns.append(
            pl.Series(draw(st.sampled_from(("a", "naïve name", "x,y", 'say "x"', "#n"))) + str(at), cells, dtype=dtype)
        )
    return pl.DataFrame(columns)


def round_trip(frame: pl.DataFrame, format: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_canonical(frame, folder / "table")
        target = folder / f"out.{format}"
        export_table({"table": str(folder / "table"), "format": format, "target": str(target)})
        found, _, warnings = read_table(target)
    return found, warnings


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(frame=tables())
def test_a_table_of_every_type_comes_back_equal(format: str, frame: pl.DataFrame) -> None:
    found, _ = round_trip(frame, format)
    assert found.schema == frame.schema
    assert found.equals(frame)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"only": [1, None, 3]}),
        pl.DataFrame({"only": ["a", None, "", "NA"]}),
        pl.DataFrame({"s": list(AWKWARD), "n": range(len(AWKWARD))}),
        pl.DataFrame({"s": ["1", "2", "3"], "t": ["x", "y", "z"]}),
        pl.DataFrame({"a": [None, 1, None], "b": ["x", None, None]}),
        pl.DataFrame({"whole": [1.0, 2.0, None], "n": [1, 2, 3]}),
        pl.DataFrame({"zeros": ["007", "008", None], "n": [1, 2, 3]}),
        pl.DataFrame({f"column {at}": [at, None] for at in range(300)}),
        pl.DataFrame({"total": ["a", "b", "Total"], "n": [1, 2, 3]}),
        pl.DataFrame({"yes": [True, False, None], "day": [date(2024, 1, 1), None, date(2024, 2, 1)]}),
    ],
    ids=lambda frame: frame.columns[0],
)
def test_tables_that_could_be_misunderstood_come_back_equal(format: str, frame: pl.DataFrame) -> None:
    found, _ = round_trip(frame, format)
    assert found.schema == frame.schema
    assert found.equals(frame)


def test_a_workbook_says_what_it_cannot_hold(tmp_path: Path) -> None:
    for frame in (
        pl.DataFrame({"n": range(1_048_576)}),
        pl.DataFrame({f"c{at}": [1] for at in range(16_385)}),
        pl.DataFrame({"s": ["x" * 32_768]}),
    ):
        with pytest.raises(InvalidInput, match="Excel holds at most"):
            round_trip(frame, "xlsx")
