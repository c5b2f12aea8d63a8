"""How each column was written is kept, so that other rows are read alike."""

from pathlib import Path

import pytest

from flowml.data.conversion.notation import Notation
from flowml.data.format import Limits
from flowml.data.read import load


def notations(folder: Path, content: str, name: str = "table.csv", **options: object) -> dict[str, Notation]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    table = load(path, name, options, Limits(), folder)
    return {column: Notation.of(state) for column, state in table.how_read.notations.items()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (("3", "4", "5"), Notation("number")),
        (("0.5", "4", "5"), Notation("number", ".")),
        (('"62,327"', '"74,204"', '"1,000,000"'), Notation("number", ".", ",")),
        (('"0,5"', '"4,25"', '"5,0"'), Notation("number", ",")),
        (("$5", "$6.50", "$7"), Notation("number", ".", currency="$")),
        (("5%", "10%", "20%"), Notation("number", percent=True)),
        (("01/04/2017", "16/06/2020", "18/12/2018"), Notation("date", order="day_first")),
        (("2017-04-01", "2020-06-16", "2018-12-18"), Notation("date", order="year_first")),
        (("TRUE", "FALSE", "TRUE"), Notation("boolean")),
        (("TRUE", "maybe", "TRUE"), Notation("text")),
        (("007", "2.0", "1E5"), Notation("text")),
        (('"=""007"""', "18", '"=""1"""'), Notation("text", formulas=True)),
    ],
)
def test_each_column_says_how_it_was_read(tmp_path: Path, values: tuple[str, ...], expected: Notation) -> None:
    rows = "\n".join(f"{value},b{number}" for number, value in enumerate(values))
    assert notations(tmp_path, f"x,y\n{rows}\n")["x"] == expected


def test_a_column_of_whole_numbers_is_written_like_the_files_others(tmp_path: Path) -> None:
    found = notations(tmp_path, "count;size;price\n3;0,5;1.000,5\n4;1,5;2.000,25\n5;2,5;3.000,0\n")
    assert found["count"] == Notation("number", ",", ".")


def test_dates_that_prove_nothing_are_ordered_like_the_files_others(tmp_path: Path) -> None:
    found = notations(tmp_path, "a,b\n01/01/2020,13/02/2020\n02/02/2020,14/02/2020\n")
    assert found["a"] == found["b"] == Notation("date", order="day_first")


def test_numbers_that_are_dates_say_what_they_count(tmp_path: Path) -> None:
    found = notations(tmp_path, "date,created_at\n20240131,1700000000\n20240201,1700000001\n")
    assert (found["date"].counted, found["created_at"].counted) == ("ymd", "s")


def test_what_the_owner_said_is_kept(tmp_path: Path) -> None:
    found = notations(tmp_path, "a,b\n1,x\nnone,y\n3,none\n", missing=["none"])
    assert found == {"a": Notation("number", missing=("none",)), "b": Notation("text", missing=("none",))}


def test_a_file_with_types_of_its_own_says_it_of_dates_alone(tmp_path: Path) -> None:
    found = notations(tmp_path, '[{"a": 1, "b": "31/01/2024", "c": "1,5"}]', "table.json")
    assert found == {"b": Notation("date", order="day_first")}


def test_a_notation_comes_back_from_its_state() -> None:
    whole = Notation("number", ",", ".", "€", percent=True, missing=("x",))
    assert Notation.of(whole.state()) == whole
    assert Notation("text").state() == {"kind": "text"}
    for damaged in ({}, {"kind": "sound"}, {"kind": "number", "percent": "yes"}, {"kind": "number", "missing": 3}):
        with pytest.raises((KeyError, ValueError)):
            Notation.of(damaged)
