"""What stands below a table."""

from pathlib import Path

import pytest

from tests.data.reading import read

_ROWS = "who,place,n,m\na,x,10,1\nb,y,20,2\nc,z,30,3\n"


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        (',,,\nFootnotes:,,,\n1,"Revised, see below",,\n', "line 6: “Footnotes:"),
        ("__________\nFrom 2011 on: another census.\n", "line 6: “From 2011"),
        (",,,\nTotal,,60,6\n\n* Without returns\nPage 1 of 1\n", "line 9: “Page 1 of 1”"),
        ("\nSUMMARY :-,,,\nOpening,Debits,Credits,Closing\n1,2,3,4\n", "line 7: “Opening"),
        ("Total,EUR,60,6\n", "line 5: “Total"),
    ],
)
def test_what_comes_after_a_gap_and_is_unlike_the_rows_is_left_out_and_named(
    tmp_path: Path, tail: str, said: str
) -> None:
    frame, warnings = read(tmp_path, "t.csv", _ROWS + tail)
    assert frame.rows() == [("a", "x", 10, 1), ("b", "y", 20, 2), ("c", "z", 30, 3)], warnings
    assert said in warnings


@pytest.mark.parametrize("more", ["\nd,u,40,4\n", ",,,\nd,u,40,4\ne,w,50,5\n", "\nd,u,40,\n"])
def test_rows_after_a_gap_are_rows(tmp_path: Path, more: str) -> None:
    frame, _ = read(tmp_path, "t.csv", _ROWS + more)
    assert frame["who"].drop_nulls().to_list()[3] == "d"
    assert frame["n"].drop_nulls().to_list()[3] == 40
