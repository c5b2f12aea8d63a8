"""Text tables, as messy as people have them."""

import contextlib
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowml.data.read import read_table
from flowml.domain.errors import InvalidInput, UnreadableFile, UnsupportedFormat
from tests.data.reading import read


@pytest.mark.parametrize(
    ("content", "columns", "first_row"),
    [
        ("a,b\n1,x\n2,y\n", ["a", "b"], (1, "x")),
        ("a;b\n1;x\n2;y\n", ["a", "b"], (1, "x")),
        ("a\tb\n1\tx\n2\ty\n", ["a", "b"], (1, "x")),
        ("a|b\r\n1|x\r\n2|y\r\n", ["a", "b"], (1, "x")),
        ("a,b\r1,x\r2,y\r", ["a", "b"], (1, "x")),
        ("a, b\n1, x\n2, y\n", ["a", "b"], (1, "x")),
        ('"a","b"\n"1","x, ""y"""\n"2","two\nlines"\n', ["a", "b"], (1, 'x, "y"')),
        ("v\n1.5\n2\n", ["v"], (1.5,)),
        ("name;x\nAnna;1,5\nBob;1.002,25\n", ["name", "x"], ("Anna", 1.5)),
        ("a,b,\n1,x,\n2,y,\n", ["a", "b"], (1, "x")),
        ("a b c\n1 2 3\n4  5   6\n", ["a", "b", "c"], (1, 2, 3)),
        ("a,b\nr1,1,2\nr2,3,4\n", ["column_1", "a", "b"], ("r1", 1, 2)),
    ],
)
def test_a_table_is_read_however_it_is_delimited(
    tmp_path: Path, content: str, columns: list[str], first_row: tuple[object, ...]
) -> None:
    frame, _ = read(tmp_path, "t.txt", content)
    assert frame.columns == columns
    assert frame.height == 2
    assert frame.row(0) == first_row


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_letters_survive_every_encoding(tmp_path: Path, encoding: str) -> None:
    content = "name,city\nAndré,Köln\nZoë,Málaga\n".encode(encoding)
    frame, _ = read(tmp_path, "t.csv", content)
    assert frame.rows() == [("André", "Köln"), ("Zoë", "Málaga")]
    assert frame.columns == ["name", "city"]


def test_a_table_without_header_in_utf8_with_mark(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "\ufeff5.1,3.5,setosa\n4.9,3.0,setosa\n6.2,2.2,virginica\n")
    assert frame.columns == ["column_1", "column_2", "column_3"]
    assert frame["column_1"].to_list() == [5.1, 4.9, 6.2]
    assert "looks like data" in warnings


def test_headers_that_are_years_are_headers(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", "country,2019,2020\nFrance,1.5,2\nSpain,2.5,3\n")
    assert frame.columns == ["country", "2019", "2020"]


def test_lines_above_the_table_are_named(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "Report of 2020\n\na,b,c\n1,2,3\n4,5,6\n")
    assert frame.columns == ["a", "b", "c"]
    assert frame.height == 2
    assert "Report of 2020" in warnings


def test_missing_values_in_their_spellings(tmp_path: Path) -> None:
    frame, warnings = read(
        tmp_path, "t.csv", "n,s,d\n1,?,2020-01-01\nNA,a,null\n3,,2020-01-03\n-,N/A,\n5,b,2020-01-05\n"
    )
    assert frame["n"].to_list() == [1, None, 3, None, 5]
    assert frame["s"].to_list() == [None, "a", None, None, "b"]
    assert frame.schema["d"] == pl.Date
    assert "“?” (1)" in warnings
    assert "“-”" in warnings


def test_codes_keep_their_zeros_and_their_digits(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", "zip,account,n\n01234,12345678901234567890123,7\n98765,2,8\n")
    assert frame["zip"].to_list() == ["01234", "98765"]
    assert frame["account"].to_list() == ["12345678901234567890123", "2"]
    assert frame["n"].dtype == pl.Int64


def test_a_value_that_only_comes_late_decides_the_type(tmp_path: Path) -> None:
    lines = [f"{i},{i},{i / 2}" for i in range(60_000)]
    lines[30_000] = "30000,thirty thousand,1e3"
    lines[41_000] = "2.5,41000,x"
    frame, warnings = read(tmp_path, "t.csv", "a,b,c\n" + "\n".join(lines))
    assert frame.schema == {"a": pl.Float64, "b": pl.Int64, "c": pl.Float64}
    assert frame.height == 60_000
    assert frame["a"][41_000] == 2.5
    assert frame["b"].is_null().arg_true().to_list() == [30_000]
    assert "“thirty thousand” (line 30,002)" in warnings
    assert "“x” (line 41,002)" in warnings


def test_bad_lines_are_named_by_number_and_content(tmp_path: Path) -> None:
    content = 'a,b,c\n1,2,3\n4,5\n6,7,8,9\n\n10,11,12,\n"x\ny",1,2\n5" pipe,3,4\n'
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame["a"].to_list() == ["1", "4", "10", "x\ny", '5" pipe']
    assert "line 4 (4 values, 3 expected): “6,7,8,9”" in warnings
    assert "line 3 (2 of 3 values): “4,5”" in warnings
    assert "line 6" in warnings


def test_a_quotation_mark_that_is_never_closed_costs_no_other_line(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", 'a,b\n"5 pipe,2\nx,3\n"q",4\n')
    assert frame.rows() == [('"5 pipe', 2), ("x", 3), ("q", 4)]
    assert "line 2" in warnings


def test_too_many_bad_lines_are_an_error_that_shows_one(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"100 of 200 lines .* line 2 .*“1,2,3”") as error:
        read(tmp_path, "t.csv", "a,b\n" + "1,2,3\n4,5\n" * 100, {"delimiter": ","})
    assert error.value.hint


def test_doubled_and_empty_names_are_made_unique(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "a,a,,a_2\n1,2,3,4\n5,6,7,8\n")
    assert frame.columns == ["a", "a_3", "column_3", "a_2"]
    assert "same name (“a”)" in warnings
    assert "no name" in warnings


def test_dates_are_believed_where_a_value_proves_the_order(tmp_path: Path) -> None:
    content = (
        "day_first,month_first,unclear,iso,named\n"
        "13/02/2020,02/13/2020,01/02/2020,2020-02-13T10:30:00+02:00,13 Feb 2020\n"
        "01/03/2020,03/01/2020,03/04/2020,2020-03-01T00:00:00Z,1 Mar 2020\n"
    )
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame["day_first"].to_list() == frame["month_first"].to_list() == frame["named"].to_list()
    assert frame.schema["unclear"] == pl.String
    assert "“unclear”, day and month cannot be told apart" in warnings
    assert str(frame["iso"][0]) == "2020-02-13 08:30:00"


def test_options_overrule_what_was_detected(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", "a,b\n1,2\n3,4\n", {"header": False, "delimiter": "tab"})
    assert frame["column_1"].to_list() == ["a,b", "1,2", "3,4"]
    frame, _ = read(tmp_path, "t.csv", "имя\nАнна\nОля\n".encode("cp1251"), {"encoding": "cp1251"})
    assert frame["имя"].to_list() == ["Анна", "Оля"]


@pytest.mark.parametrize(
    "options", [{"delimiter": ",,"}, {"encoding": "klingon"}, {"header": "yes"}, {"sheet": 1}, {"encoding": "zip"}]
)
def test_an_unusable_option_is_named(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as error:
        read(tmp_path, "t.csv", "a,b\n1,2\n", options)
    assert error.value.fields[0].field == f"options.{next(iter(options))}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "empty"),
        (b"\n \r\n", "empty"),
        (b"a,b,c\n", "no rows"),
        (bytes(range(256)) * 20, "something else or is damaged"),
        (b"a,b\n1,2\n" * 20_000 + bytes(200), "binary data"),
    ],
)
def test_what_is_no_table_is_unreadable(tmp_path: Path, content: bytes, sentence: str) -> None:
    with pytest.raises(UnreadableFile, match=sentence):
        read(tmp_path, "t.csv", content)


def test_a_text_of_unknown_kind_without_columns_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match="not a table"):
        read(tmp_path, "notes.md", "Some words.\nAnd more of them.\n")


_CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf"]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=12), quoted=st.booleans())
def test_every_text_survives_quoting(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], quoted: bool
) -> None:
    """Written by Polars, read back equal; the first letter keeps every cell from being a number or missing."""
    frame = pl.DataFrame(
        [(f"x{a}", f"y\n{b}z" if quoted else f"y{b}") for a, b in rows], schema=["a", "b"], orient="row"
    )
    path = tmp_path_factory.mktemp("quoted") / "t.csv"
    frame.write_csv(path)
    read_back, _, warnings = read_table(path, options={"delimiter": ",", "header": True})
    assert read_back.rows() == frame.rows(), warnings


def test_hostile_tables_are_refused_or_read_in_little_time(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="columns"):
        read(tmp_path, "t.csv", "c," * 3_000_000 + "\n1\n")
    frame, warnings = read(tmp_path, "t.csv", "a,b\n" + '"x,1\n' * 30_000)
    assert frame.height == 30_000
    assert "and 29,995 more" in warnings
    with pytest.raises(UnreadableFile, match="longer than 32 MB"):
        read(tmp_path, "t.csv", b'a,b\n1,"' + b"x" * (40 << 20) + b'"\n')


@pytest.mark.parametrize(
    ("content", "columns", "rows"),
    [
        ("sep=;\na;b\n1;x\n2;y\n", ["a", "b"], [(1, "x"), (2, "y")]),
        ("sep=|\na|b\n1|x\n", ["a", "b"], [(1, "x")]),
        ("a^b\n1^x\n2^y\n", ["a", "b"], [(1, "x"), (2, "y")]),
        ("a~b\n1~x\n2~y\n", ["a", "b"], [(1, "x"), (2, "y")]),
        (
            "root:x:0\nbin:x:1\nme:y:1000\n",
            ["column_1", "column_2", "column_3"],
            [("root", "x", 0), ("bin", "x", 1), ("me", "y", 1000)],
        ),
        (
            "name      city      age\nAnna Lee  New York  31\nBob       Paris     4\nCy        Rio       50\n",
            ["name", "city", "age"],
            [("Anna Lee", "New York", 31), ("Bob", "Paris", 4), ("Cy", "Rio", 50)],
        ),
        (
            "name     city     age\nAnna Lee New York 31\nBob      Paris    4\nCy                50\nDi       Rio\n",
            ["name", "city", "age"],
            [("Anna Lee", "New York", 31), ("Bob", "Paris", 4), ("Cy", None, 50), ("Di", "Rio", None)],
        ),
        (" id | name \n----+------\n  1 | Ann\n  2 | Bob\n(2 rows)\n\n", ["id", "name"], [(1, "Ann"), (2, "Bob")]),
        ("a,b\n'x, y',1\n'it''s',2\n'z',3\n", ["a", "b"], [("x, y", 1), ("it's", 2), ("z", 3)]),
        ('a,b\n"say \\"hi\\" now",1\n"plain",2\n', ["a", "b"], [('say "hi" now', 1), ("plain", 2)]),
        ('a,b\n"5"" pipe",1\n"x",2\n', ["a", "b"], [('5" pipe', 1), ("x", 2)]),
        ('a,b\n5" pipe,1\n6" pipe,2\n', ["a", "b"], [('5" pipe', 1), ('6" pipe', 2)]),
        ("a\tb\nJohn, Jr.\t1\nAl, Sr.\t2\n", ["a", "b"], [("John, Jr.", 1), ("Al, Sr.", 2)]),
        ("a;b\nx, y;1,5\nz, w;2,5\n", ["a", "b"], [("x, y", 1.5), ("z, w", 2.5)]),
        ('No, Word\n1, "one line"\n2, "a, b"\n', ["No", "Word"], [(1, "one line"), (2, "a, b")]),
        ('No; Word\n1; "one; line"\n2; "b"\n', ["No", "Word"], [(1, "one; line"), (2, "b")]),
        ('No\t Word\n1\t "one\tline"\n2\t "b"\n', ["No", "Word"], [(1, "one\tline"), (2, "b")]),
        (
            'who, "note"\nAnn, "a, b"\nBob, "c"\nCy, "d e"\n',
            ["who", "note"],
            [("Ann", "a, b"), ("Bob", "c"), ("Cy", "d e")],
        ),
        (
            'a, b, n\n1, "b, c", 2\n2, bare, 3\n3,near,4\n',
            ["a", "b", "n"],
            [(1, "b, c", 2), (2, "bare", 3), (3, "near", 4)],
        ),
        ('"a" , "b"\n"x, 1" , "y"\n"z" , "w"\n', ["a", "b"], [("x, 1", "y"), ("z", "w")]),
    ],
)
def test_unusual_delimiters_and_quotation_marks(
    tmp_path: Path, content: str, columns: list[str], rows: list[tuple[object, ...]]
) -> None:
    frame, warnings = read(tmp_path, "t.txt", content)
    assert frame.columns == columns, warnings
    assert frame.rows() == rows, warnings


@pytest.mark.parametrize(
    ("content", "columns", "rows", "said"),
    [
        ("# made by x\n# on Monday\na,b\n1,2\n3,4\n", ["a", "b"], 2, "line 1: “# made by x”"),
        ("a,b\n1,2\n# half, way\n# there\n3,4\n", ["a", "b"], 2, "line 4: “# there”"),
        ("// note\na,b\n1,2\n", ["a", "b"], 1, "“// note”"),
        ("% matlab\n% file\na,b\n1,2\n3,4\n", ["a", "b"], 2, "“% matlab”"),
        ("; ini style\na,b\n1,2\n3,4\n", ["a", "b"], 2, "“; ini style”"),
        ("# x y z\n1 2 3\n4 5 6\n7 8 9\n", ["x", "y", "z"], 3, ""),
        ("#id,v\n1,2\n3,4\n", ["id", "v"], 2, ""),
        ("Report,,\nof 2024,,\n,,\na,b,c\n1,2,3\n4,5,6\n", ["a", "b", "c"], 2, "line 2: “of 2024,,”"),
        ("Sales by region\nAll figures in kEUR\n\na,b\n1,2\n3,4\n", ["a", "b"], 2, "All figures in kEUR"),
        ("a,b\n1,2\na,b\n3,4\n", ["a", "b"], 2, "line 3: “a,b”"),
        ("name,w,h\n,kg,cm\nx,1,2\ny,3,4\n", ["name", "w (kg)", "h (cm)"], 2, "two lines"),
        (
            ",2020,,2021,\nname,q1,q2,q1,q2\nx,1,2,3,4\ny,1,2,3,4\n",
            ["name", "2020 q1", "2020 q2", "2021 q1", "2021 q2"],
            2,
            "groups",
        ),
        (
            '"S","W",\n\n"On","2024-01-31",\n\n"a","b","c","d"\n"x","y","","1"\n"z","y","2","3"\n',
            [*"abcd"],
            2,
            "line 3",
        ),
        ("comment\nhello, world\nthis is, well, it\nok\nfine\n", ["comment"], 4, ""),
        ("a,,c\n1,2,3\n4,5,6\n", ["a", "column_2", "c"], 2, "no name"),
        ("a;b\n\n1;2\n\n\n3;4\n", ["a", "b"], 2, ""),
        ("2024-01-01,3,x\n2024-01-02,4,y\n", ["column_1", "column_2", "column_3"], 2, "looks like data"),
        ("red,S\nblue,M\nred,M\nblue,S\n", ["column_1", "column_2"], 4, "looks like data"),
    ],
)
def test_what_is_around_the_table_is_left_out_and_said(
    tmp_path: Path, content: str, columns: list[str], rows: int, said: str
) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.columns == columns, warnings
    assert frame.height == rows, warnings
    assert said in warnings


@pytest.mark.parametrize(
    ("tail", "said"),
    [
        ("Total,60,6\n", "line 5: “Total,60,6”"),
        ("Grand Total:,60,6\n", "Grand Total"),
        ("Summe,60,6\n\nQuelle: Amt\n", "line 5: “Summe,60,6”; line 7"),
        (",60,6\n", "line 5"),
        ("Source: the office of numbers, 2024\n", "Source: the office"),
        ("(3 rows)\n", "“(3 rows)”"),
        ("3 rows affected\n", "3 rows affected"),
        ("\nNote: figures are rounded.,,\n", "Note: figures"),
    ],
)
def test_totals_and_notes_below_are_left_out_unless_kept(tmp_path: Path, tail: str, said: str) -> None:
    content = f"who,n,m\na,10,1\nb,20,2\nc,30,3\n{tail}"
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.rows() == [("a", 10, 1), ("b", 20, 2), ("c", 30, 3)], warnings
    assert said in warnings
    assert "keep_totals" in warnings
    assert read(tmp_path, "t.csv", content, {"keep_totals": True})[0].height >= 4


@pytest.mark.parametrize(
    "content",
    [
        "who,n\nTotal,1\nb,2\n",
        "n,m\n1,1\n2,2\n3,3\n6,6\n",
        "who,note,n\na,x,1\nb,y,2\nTotal recall,film,3\n",
        "x\nTotal\n",
    ],
)
def test_rows_that_only_look_like_totals_stay(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, "t.csv", content)[0].height == content.count("\n") - 1


def test_a_header_that_comes_again_far_below_is_left_out(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{i},{i / 4}" for i in range(50_000))]
    lines[40_000] = "a,b"
    frame, warnings = read(tmp_path, "t.csv", "\n".join(lines))
    assert frame.dtypes == [pl.Int64, pl.Float64]
    assert frame.height == 49_999
    assert "line 40,001: “a,b”" in warnings


def test_comments_far_below_are_left_out(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{i},{i / 4}" for i in range(50_000))]
    lines[40_000] = "# a pause"
    frame, warnings = read(tmp_path, "t.csv", "\n".join(lines))
    assert frame.dtypes == [pl.Int64, pl.Float64]
    assert "line 40,001: “# a pause”" in warnings


@pytest.mark.parametrize(
    "content",
    [
        b"x" * (100 << 20),
        b"a,b\n" + b"x" * (100 << 20),
        b"c" * (50 << 20) + b"\n1\n",
        b"c," * (25 << 20) + b"\n1\n",
        b"c " * (25 << 20) + b"\n1\n",
        b"a,b\n1,\x002\n" * 1000,
        b"-" * (30 << 20) + b"x\n1\n",
        b"a,b\n" + b" " * (30 << 20) + b"\n",
        b"a,b\n1,2\n" + b'"' * (40 << 20),
    ],
    ids=["one line", "long value", "long name", "many names", "many blanks", "nul", "dashes", "blanks", "quotes"],
)
def test_hostile_lines_are_refused_in_little_time(tmp_path: Path, content: bytes) -> None:
    begin = time.monotonic()
    with contextlib.suppress(UnreadableFile, UnsupportedFormat):
        # Nothing but blanks in one of the lines is a missing value; dashes without end are a name, cut short.
        frame, _ = read(tmp_path, "t.csv", content)
        assert frame.null_count().row(0) in ((1, 1), (0,))
        assert max(map(len, frame.columns)) <= 200
    assert time.monotonic() - begin < 5
