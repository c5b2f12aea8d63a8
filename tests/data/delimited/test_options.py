"""What the owner of a text table may say, and what is said back."""

from pathlib import Path
from typing import Any

import pytest

from flowml.data.delimited.options import OPTIONS
from flowml.data.format import Limits
from flowml.data.read import load
from flowml.domain.errors import InvalidInput
from tests.data.reading import read


def decided(folder: Path, content: str | bytes, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """What was taken for each option."""
    path = folder / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load(path, "t.csv", options or {}, Limits(), folder).how_read.decided


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ("a;b,c\n1;2,3\n4;5,6\n", {"delimiter": ","}, [("1;2", 3), ("4;5", 6)]),
        ("a,b\n'x,1',2\ny,3\nz,4\n", {"quote": "'"}, [("x,1", 2), ("y", 3), ("z", 4)]),
        ('a,b\n"x",2\n"y",3\n', {"quote": "none"}, [('"x"', 2), ('"y"', 3)]),
        ("junk,junk\nx,y\na,b\n1,2\n3,4\n", {"header": 3}, [(1, 2), (3, 4)]),
        ("1,2\n3,4\n", {"header": True}, [(3, 4)]),
        ("a,b\nc,d\n", {"header": False}, [("a", "b"), ("c", "d")]),
        ("junk,1\nmore,2\na,b\n1,2\n3,4\n", {"skip": 2}, [(1, 2), (3, 4)]),
        ("a,b\n1,2\n$x,3\n4,5\n", {"comment": "$"}, [(1, 2), (4, 5)]),
        ("# a,b\n1,2\n3,4\n", {"comment": "none", "header": False}, [("# a", "b"), ("1", "2"), ("3", "4")]),
        ("a,b\nx,1\ny,2\nTotal,3\n", {"keep_totals": True}, [("x", 1), ("y", 2), ("Total", 3)]),
        ("a b  c\n1 2  3\n", {"delimiter": "spaces"}, [("1 2", 3)]),
        ("ab12\ncd34\n", {"delimiter": "none", "header": False}, [("ab12",), ("cd34",)]),
    ],
)
def test_each_option_overrules(
    tmp_path: Path, content: str, options: dict[str, Any], rows: list[tuple[object, ...]]
) -> None:
    assert read(tmp_path, "t.csv", content, options)[0].rows() == rows


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ""},
        {"delimiter": '"'},
        {"delimiter": 1},
        {"quote": "ab"},
        {"quote": "x"},
        {"quote": ",", "delimiter": ","},
        {"header": 0},
        {"header": "first"},
        {"header": 1.5},
        {"comment": "much too long"},
        {"comment": ["#"]},
        {"skip": -1},
        {"skip": True},
        {"decimal": ";"},
        {"thousands": "x"},
        {"thousands": ",", "decimal": ","},
        {"missing": 5},
        {"missing": [1]},
        {"date_order": "backwards"},
        {"keep_totals": "yes"},
        {"colour": "red"},
    ],
)
def test_an_option_that_cannot_be_used_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as error:
        read(tmp_path, "t.csv", "a,b\n1,2\n", options)
    assert error.value.fields[0].field == f"options.{next(iter(options))}"
    assert error.value.fields[0].message.endswith(".")


@pytest.mark.parametrize("options", [{"header": 99}, {"skip": 99}])
def test_a_line_that_is_not_there_is_an_error(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="only 2 lines") as error:
        read(tmp_path, "t.csv", "a,b\n1,2\n", options)
    assert error.value.fields[0].field == f"options.{next(iter(options))}"


def test_what_was_decided_has_a_word_for_each_option(tmp_path: Path) -> None:
    content = "# made by hand\nname;day;x\nMüller;13/02/2024;1,5\n# more\nJörg;01/03/2024;?\n".encode("cp1252")
    found = decided(tmp_path, content)
    assert found == {
        "delimiter": ";",
        "quote": '"',
        "encoding": "cp1252",
        "header": 2,
        "comment": "#",
        "skip": 0,
        "decimal": ",",
        "missing": ["?"],
        "date_order": "day_first",
        "keep_totals": False,
    }
    assert set(found) <= {option.name for option in OPTIONS}


def test_what_was_decided_can_be_said_back(tmp_path: Path) -> None:
    content = "A report\n\nname;day;x\nMüller;13/02/2024;1.000,5\nJörg;01/03/2024;?\nTotal;;1.000,5\n".encode("cp1252")
    first = decided(tmp_path, content)
    frame, _ = read(tmp_path, "t.csv", content)
    assert decided(tmp_path, content, first) == first
    assert read(tmp_path, "t.csv", content, first)[0].equals(frame)
