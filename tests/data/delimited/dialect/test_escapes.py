r"""Backslashes: in front of quotation marks, doubled marks, delimiters and line ends, and as what they are."""

from pathlib import Path

import pytest

from tests.data.reading import read

_WAY = "part of the writing"


@pytest.mark.parametrize(
    ("rows", "texts", "said"),
    [
        (r'1,"Fox (Ann \""Vix\"" B)",3|2,plain,4', [r"Fox (Ann \"Vix\" B)", "plain"], ""),
        (r'1,"an ""odd"" one",3|2,plain,4', ['an "odd" one', "plain"], ""),
        (r'1,"an \"odd\" one",3|2,"x, y",4', ['an "odd" one', "x, y"], _WAY),
        (r'1,"an \"odd\" one",3|2,"an ""even"" one",4', ['an "odd" one', 'an "even" one'], _WAY),
        (r'1,"C:\dir\",3|2,plain,4', ["C:\\dir\\", "plain"], ""),
        (r'1,"C:\dir\",3|2,"an \"odd\" one",4', ["C:\\dir\\", 'an "odd" one'], _WAY),
        (r'1,"all \"odd\"",3|2,"\"odd\" all",4', ['all "odd"', '"odd" all'], _WAY),
        (r'1,"\"",3|2,plain,4', ['"', "plain"], _WAY),
        (r'1,"an \", odd",3|2,plain,4', ['an ", odd', "plain"], _WAY),
        ('1,"an \\"odd\none\\"",3|2,plain,4', ['an "odd\none"', "plain"], _WAY),
        (r'1,"{""k"": ""an \""odd\"" one""}",3|2,plain,4', [r'{"k": "an \"odd\" one"}', "plain"], ""),
        (r"1,Lee\, Ann,3|2,plain,4", ["Lee, Ann", "plain"], r"line 2: “1,Lee\, Ann,3”"),
        ("2,plain,4|1,Lee\\\nAnn,3", ["plain", "Lee\nAnn"], "line 3: “1,Lee\\”"),
        (r"1,\N,3|2,plain,\N", [None, "plain"], r"“\N”"),
    ],
)
def test_a_backslash_is_read_as_it_was_meant(tmp_path: Path, rows: str, texts: list[str | None], said: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", "id,text,n\n" + rows.replace("|", "\n") + "\n")
    assert frame.columns == ["id", "text", "n"]
    assert frame["text"].to_list() == texts, warnings
    assert said in warnings


def test_a_backslash_far_below_the_first_lines_is_read_and_said(tmp_path: Path) -> None:
    lines = ["id,text", *(f"{at},word {at}" for at in range(30_000)), r'30000,"an \"odd\" one"']
    frame, warnings = read(tmp_path, "t.csv", "\n".join(lines))
    assert frame["text"][-1] == 'an "odd" one'
    assert "line 30,002" in warnings
