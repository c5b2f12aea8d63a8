"""A file is read for a model: a row is the same alone as in its file, by what the model knows of its columns."""

import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.conversion.notation import Notation, kind_of
from flowml.data.expected import Expected, ReadTable, read_expected
from flowml.data.format import Limits
from flowml.data.profiling.profile import dtype_name
from flowml.data.read import load
from flowml.domain.errors import InvalidInput, UnreadableFile


def trained(folder: Path, content: str, name: str = "train.csv", **options: Any) -> tuple[pl.DataFrame, list[Expected]]:
    """A table as it is trained on, and what a model of it expects."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    table = load(path, name, options, Limits(), folder)
    notations = {column: Notation.of(state) for column, state in table.how_read.notations.items()}
    expected = [
        Expected(
            column.name,
            kind_of(dtype_name(column.dtype)),
            notations.get(column.name),
            tuple(column.drop_nulls().unique().to_list()) if column.dtype == pl.String else None,
        )
        for column in table.frame.get_columns()
    ]
    return table.frame, expected


def scored(folder: Path, expected: list[Expected], content: str, name: str = "new.csv", **options: Any) -> ReadTable:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return read_expected(path, expected, options=options)


def values(table: ReadTable, name: str = "x") -> list[Any]:
    return [as_moment(value) for value in table.features[name].to_list()]


def quoted(cell: str, delimiter: str) -> str:
    """As programs write it: in quotation marks only where they are needed."""
    return '"' + cell.replace('"', '""') + '"' if delimiter in cell or '"' in cell else cell


def moment(year: int, month: int, day: int) -> dt.datetime:
    return dt.datetime(year, month, day)  # noqa: DTZ001


def as_moment(value: Any) -> Any:
    return dt.datetime.combine(value, dt.time()) if type(value) is dt.date else value


NOTATIONS = {
    "whole numbers": ["3", "40", "-5", ""],
    "decimal numbers": ["3.5", "40", "-.5", "1e5"],
    "a plus in front": ["+1", "+2.5", "-3"],
    "American thousands": ["62,327", "1,074,204", "950", "94,250"],
    "American amounts": ["$1,062.50", "$74.20", "-$3.10", "($9.99)"],
    "Indian thousands": ["1,23,456", "12,34,567.5", "99,999"],
    "decimal commas": ["3,5", "40", "-0,25", "3,790"],
    "European thousands": ["7.446.366", "7.406", "9.494.385", "3.790"],
    "European amounts": ["1.062,50 €", "74,20 €", "-3,10 €"],
    "Swiss thousands": ["1'062.50", "1'000'000", "74.20"],
    "blanks between thousands": ["1 062,5", "1 000 000,25", "74,5"],
    "percentages": ["10%", "20%", "12.5%"],
    "minus behind": ["10.5-", "20.25", "30-"],
    "words among numbers": ["10.5", "unknown", "30", "-", "n.a."],
    "missing as question marks": ["10.5", "?", "30", "NA"],
    "infinite numbers": ["1.5", "inf", "2"],
    "days first": ["01/04/2017", "16/06/2020", "18/12/2018", "02/03/2019"],
    "months first": ["04/01/2017", "06/16/2020", "12/18/2018", "02/03/2019"],
    "dates with points": ["1.4.2017", "16.6.2020", "02.03.2019"],
    "two-digit years": ["01/04/17", "16/06/20", "18/12/98", "02/03/19"],
    "ISO dates": ["2017-04-01", "2020-06-16", "2019-03-02"],
    "moments": ["2017-04-01 10:20:30", "2020-06-16 00:00:00", "2019-03-02 23:59:59.5"],
    "moments with a zone": ["2017-04-01T10:20:30+02:00", "2020-06-16T00:00:00+01:00"],
    "moments, days first": ["01/04/2017 10:20", "16/06/2020 00:05", "02/03/2019 23:59"],
    "midnight at the end of a day": ["2017-04-01 24:00", "2020-06-16 10:20", "2019-03-02 24:00"],
    "halves of the day": ["01/04/2017 10:20 PM", "16/06/2020 12:05 AM", "02/03/2019 12:59 PM"],
    "months as words": ["1 April 2017", "16 Jun 2020", "2. März 2019"],
    "American months": ["April 1, 2017", "Jun 16, 2020"],
    "East Asian dates": ["2017年4月1日", "2020年6月16日"],
    "numbers that are dates": ["20170401", "20200616", "20190302"],
    "true and false": ["TRUE", "false", "True", ""],
    "true among words": ["TRUE", "maybe", "FALSE", "unsure"],
    "numbers among words": ["2.0", "n/k", "1E5", "+1"],
    "zeros in front": ["007", "0123", "18"],
    "amounts among words": ["$5", "free", "10%", "none given"],
    "blanks around words": [" red", "blue ", "green"],
    "versions": ["1.10.2", "1.9.11", "2.0.0"],
    "addresses": ["10.0.0.1", "192.168.0.17"],
    "formulas": ['="007"', '="18"', "5"],
    "long numbers": ["12345678901234567890", "22345678901234567891"],
    "phone numbers": ["+49 170 1234567", "+49 171 7654321"],
    "dates among words": ["01/04/2017", "soon", "never", "16/06/2020"],
    "yes and no": ["Yes", "no", "YES", "No"],
    "times": ["10:20", "23:59", "00:01"],
    "mixed signs": ["5 kg", "7 kg", "12 lb"],
}
NAMES = {"numbers that are dates": "start_date"}


@pytest.mark.parametrize("kind", NOTATIONS)
def test_a_row_is_the_same_alone_as_in_its_file(tmp_path: Path, kind: str) -> None:
    cells, name = NOTATIONS[kind], NAMES.get(kind, "x")
    delimiter = ",;"[len(kind) % 2]
    header = f"{name}{delimiter}other\n"
    rows = [f"{quoted(cell, delimiter)}{delimiter}k{place}\n" for place, cell in enumerate(cells)]
    frame, expected = trained(tmp_path, header + "".join(rows))
    right = [as_moment(value) for value in frame[name].to_list()]
    assert values(scored(tmp_path, expected, header + "".join(rows)), name) == right
    # A file of another delimiter, with one row; and one with nothing but the column.
    other = header.replace(delimiter, "\t")
    for place in (0, len(rows) - 1):
        alone = scored(tmp_path, expected, f"{other}{quoted(cells[place], chr(9))}\tk{place}\n")
        assert values(alone, name) == [right[place]] and alone.features["other"].to_list() == [f"k{place}"]
    assert values(scored(tmp_path, expected, f"{name}\n{quoted(cells[0], ',')}\n"), name) == [right[0]]


def test_what_is_none_of_its_kind_is_missing_named_and_kept_in_the_table(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "age,town\n33,Nice\n48,Lyon\n22,Nice\n")
    new = scored(tmp_path, expected, "age,town\nold,Nice\n30,Lyon\nold,Rome\n-,Nice\n")
    assert new.features["age"].to_list() == [None, 30, None, None]
    assert new.frame["age"].to_list() == ["old", "30", "old", "-"]
    assert new.notes == ["In “age”, 2 of 4 values are no numbers: “old” (line 2). They count as missing."]


def test_many_bad_values_are_counted_and_some_shown(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "age,town\n33,Nice\n48,Lyon\n22,Nice\n")
    new = scored(tmp_path, expected, "age,town\n" + "".join(f"word{place},Nice\n" for place in range(50)))
    (note,) = new.notes
    assert "50 of 50 values" in note and note.count("“word") == 3 and "and 47 more" in note


@pytest.mark.parametrize(
    ("training", "cell", "value"),
    [
        (["10%", "20%"], "15", 15),
        (["10%", "20%"], "$15", None),
        (["10.5", "20"], "15%", None),
        (["10.5", "20"], "1,250.5", 1250.5),
        (["10.5", "20"], "3,5", None),
        (["10", "20"], "1,250", None),
        (["3,5", "20"], "1.250", 1250),
        (["3,5", "20"], "2.5", None),
        (["$1", "$2"], "€3", None),
        (["31/12/2020", "01/02/2020"], "12/31/2020", None),
        (["31/12/2020", "01/02/2020"], "2020-12-31", moment(2020, 12, 31)),
        (["2020-12-31", "2020-02-01"], "01/02/2020", None),
        (["2020-12-31", "2020-02-01"], "0000-00-00", None),
        (["true", "false"], "perhaps", None),
        (["true", "false"], "Yes", True),
    ],
)
def test_the_models_notation_decides_or_the_value_is_named(
    tmp_path: Path, training: list[str], cell: str, value: Any
) -> None:
    rows = "".join(f"{quoted(text, ',')},k{place}\n" for place, text in enumerate(training * 2))
    _, expected = trained(tmp_path, f"x,k\n{rows}")
    new = scored(tmp_path, expected, f"x,k\n{quoted(cell, ',')},k1\n")
    assert values(new) == [value]
    assert (f"“{cell}” (line 2)" in " ".join(new.notes)) is (value is None)


def test_what_the_owner_of_the_file_says_overrules_the_model(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "x,d\n1.5,31/12/2020\n2.5,01/02/2020\n")
    new = scored(tmp_path, expected, "x;d\n3,5;12/31/2020\nnil;01/02/2020\n", decimal=",", date_order="month_first")
    assert values(new) == [3.5, None] and values(new, "d") == [moment(2020, 12, 31), moment(2020, 1, 2)]
    said = scored(tmp_path, expected, "x,d\n99,2020-12-31\n", missing=["99"])
    assert values(said) == [None]


def test_names_decide_where_the_table_is(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "first name,size,2019\nAnn,3,5\nBob,4,6\n")
    # A title above, another delimiter, another order, a name in other capitals, a column too many.
    new = scored(tmp_path, expected, "Made on Monday; by hand\nSize;First Name;other;2019\n7;Cy;1;2\n")
    assert new.features.row(0, named=True) == {"first name": "Cy", "size": 7, "2019": 2}
    assert new.frame.columns == ["Size", "First Name", "other", "2019"]
    assert any("“Size” for “size”" in note for note in new.notes)
    # A row that looks like names, and names that look like values.
    assert values(scored(tmp_path, expected, "2019\n5\n"), "2019") == [5]
    assert values(scored(tmp_path, expected, "first name\nsize\n"), "first name") == ["size"]


def test_a_file_with_none_of_the_columns_is_refused(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "age,town\n33,Nice\n48,Lyon\n22,Nice\n")
    with pytest.raises(InvalidInput, match=r"none of the columns that this model takes .age and town.") as refused:
        scored(tmp_path, expected, "A,B\n1,2\n")
    assert refused.value.hint == "Its columns are: A and B."
    with pytest.raises(UnreadableFile, match="no rows"):
        scored(tmp_path, expected, "age,town\n")


def test_columns_without_names_have_none_in_other_files_either(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "1,2.5\n3,4.5\n5,6.5\n7,8.5\n", header=False)
    new = scored(tmp_path, expected, "9,10.5\n")
    assert new.features.row(0) == (9, 10.5)


def test_of_a_table_with_types_only_the_kind_is_known(tmp_path: Path) -> None:
    expected = [
        Expected("n", "number"),
        Expected("d", "date"),
        Expected("b", "boolean"),
        Expected("t", "text", known=("NA", "2.0", " x", "TRUE")),
    ]
    rows = "1.234,5;0,5;31/12/2020;yes;NA\n2,5;1,5;01/02/2020;false; x\nbad;2,5;;;N/A\n"
    new = scored(tmp_path, expected, f"n;m;d;b;t\n{rows}")
    assert values(new, "n") == [1234.5, 2.5, None] and values(new, "b") == [True, False, None]
    assert values(new, "d") == [moment(2020, 12, 31), moment(2020, 2, 1), None]
    assert values(new, "t") == ["NA", " x", None]
    assert any("“n” and “d” were read as this file has it" in note for note in new.notes)
    assert any("“bad” (line 4)" in note for note in new.notes)


def test_values_with_a_type_are_taken_as_they_are(tmp_path: Path) -> None:
    _, expected = trained(tmp_path, "n;d;t;u\n1,5;31/12/2020;2.0;a\n2,5;01/02/2020;n/k;b\n3,5;01/02/2020;TRUE;c\n")
    record = '{"n": 3.25, "d": "05/06/2021", "t": 2, "u": 7}, {"n": "3,25", "d": "2021-06-05", "t": true, "u": "a"}'
    new = scored(tmp_path, expected, f"[{record}]", "new.json")
    assert values(new, "d") == [moment(2021, 6, 5)] * 2
    typed = scored(tmp_path, expected, '[{"n": 3.25, "d": 5, "t": 2, "u": true}]', "new.json")
    assert typed.features.row(0, named=True) == {"n": 3.25, "d": None, "t": "2.0", "u": "true"}
    assert any("In “d”, 1 of 1 values is no date: “5” (row 1)" in note for note in typed.notes)
