"""YAML in the shapes that people write, and nothing but plain values."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.errors import InvalidInput, UnreadableFile
from tests.data.reading import read


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("- a: 1\n  b: x\n- a: 2.5\n", {"a": [1.0, 2.5], "b": ["x", None]}),
        ("a: [1, 2]\nb: [x, y]\n", {"a": [1, 2], "b": ["x", "y"]}),
        ("p:\n  x: 1\nq:\n  x: 2\n", {"key": ["p", "q"], "x": [1, 2]}),
        ("server: {port: 80}\nname: x\n", {"server.port": [80], "name": ["x"]}),
        ("items:\n- {a: 1}\n- {a: 2}\n", {"a": [1, 2]}),
        ("---\na: 1\n---\na: 2\n...\n", {"a": [1, 2]}),
        ("- [a, b]\n- [1, x]\n", {"a": [1], "b": ["x"]}),
        ("- {a: &x {k: 1}}\n- {a: *x}\n", {"a.k": [1, 1]}),
        ("d: &d {x: 1, y: 1}\ne: {<<: *d, y: 2}\n", {"key": ["d", "e"], "x": [1, 1], "y": [1, 2]}),
        ("- {a: null, b: ~}\n- {a: 1, b: true}\n", {"a": [None, 1], "b": [None, True]}),
        ("- tags: [x, y]\n", {"tags": ['["x", "y"]']}),
        ("- {a: .inf}\n- {a: 1}\n", {"a": [None, 1.0]}),
        ("- {day: 2020-01-02}\n- {day: 2020-02-03}\n", {"day": [date(2020, 1, 2), date(2020, 2, 3)]}),
        ("- {a: 0x10, b: 0o17}\n", {"a": [16], "b": [15]}),
    ],
)
def test_shapes(tmp_path: Path, text: str, rows: dict[str, list[Any]]) -> None:
    assert read(tmp_path, "t.yaml", text)[0].to_dict(as_series=False) == rows


def test_scalars_are_what_their_author_sees(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.yml", "- {zip: 01067, time: 12:30, ok: yes, quoted: '1', country: NO}\n")
    assert frame.to_dicts() == [{"zip": "01067", "time": "12:30", "ok": "yes", "quoted": "1", "country": "NO"}]


def test_a_misnamed_file_is_recognised(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.txt", "- a: 1\n  b: x\n- a: 2\n  b: y\n")
    assert frame.shape == (2, 2)
    assert "YAML" in warnings


def test_utf16_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "t.yaml", "- a: ä\n- a: b\n".encode("utf-16"))[0]["a"].to_list() == ["ä", "b"]


def test_tags_are_left_out_and_said(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.yaml", "- a: !Ref thing\n- a: !!str 5\n")
    assert frame["a"].to_list() == ["thing", "5"]
    assert "“!Ref”" in warnings


@pytest.mark.parametrize(
    "text",
    ["a: !!python/object/apply:os.system ['touch x']", "a: !!python/name:os.system", "!!python/tuple [1]"],
)
def test_python_objects_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFile, match="Python object"):
        read(tmp_path, "t.yaml", text)


def test_aliases_are_counted_before_they_cost_anything(tmp_path: Path) -> None:
    rows = "base: &b {x: 1, y: 2}\n" + "".join(f"k{i}: *b\n" for i in range(2000))
    assert read(tmp_path, "t.yaml", rows)[0].height == 2001
    bomb = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(UnreadableFile, match="aliases"):
        read(tmp_path, "t.yaml", bomb)
    with pytest.raises(UnreadableFile, match="line 1"):
        read(tmp_path, "t.yaml", "a: &a [*a]\n")


def test_damage_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="line 2, column"):
        read(tmp_path, "t.yaml", "a: [1, 2\nb: }\n")
    with pytest.raises(UnreadableFile, match="nested"):
        read(tmp_path, "t.yaml", "{a: " * 500)


def test_the_list_can_be_chosen(tmp_path: Path) -> None:
    text = "short:\n- a: 1\nlong:\n- b: 1\n- b: 2\n"
    frame, warnings = read(tmp_path, "t.yaml", text)
    assert frame["b"].to_list() == [1, 2]
    assert "“short”" in warnings
    assert read(tmp_path, "t.yaml", text, {"table": "short"})[0]["a"].to_list() == [1]
    with pytest.raises(InvalidInput, match="“long”"):
        read(tmp_path, "t.yaml", text, {"table": "none"})
