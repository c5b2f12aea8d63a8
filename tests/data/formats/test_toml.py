"""TOML in the shapes that people write."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("[[p]]\na = 1\nb.c = 'x'\n[[p]]\na = 2.5\n", {"a": [1.0, 2.5], "b.c": ["x", None]}),
        ("[x]\na = 1\n[y]\na = 2\n", {"key": ["x", "y"], "a": [1, 2]}),
        ("a = [1, 2]\nb = ['x', 'y']\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("title = 't'\n[owner]\nage = 3\n", {"title": ["t"], "owner.age": [3]}),
        ("[[p]]\nd = 2020-01-02\n[[p]]\nd = 2020-01-03\n", {"d": [date(2020, 1, 2), date(2020, 1, 3)]}),
        ("[[p]]\nt = 2020-01-02T03:04:05+02:00\n", {"t": [datetime.fromisoformat("2020-01-02T01:04:05")]}),
        ("[[p]]\ncode = '007'\nok = true\n", {"code": ["007"], "ok": [True]}),
    ],
)
def test_shapes(tmp_path: Path, text: str, rows: dict[str, list[Any]]) -> None:
    assert read(tmp_path, "t.toml", text)[0].to_dict(as_series=False) == rows


def test_an_array_of_tables_is_recognised_without_its_name(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.txt", "[[fruit]]\nname = 'apple'\n[[fruit]]\nname = 'pear'\n")
    assert frame["name"].to_list() == ["apple", "pear"]
    assert "TOML" in warnings


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "a = " + "[" * 9000, ".".join("a" * 9000) + " = 1"])
def test_what_is_no_toml_says_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFile, match="TOML"):
        read(tmp_path, "t.toml", text)
