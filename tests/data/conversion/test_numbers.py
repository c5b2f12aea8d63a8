"""Numbers as people write them."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.data.reading import read


def _column(folder: Path, values: list[str], options: dict[str, Any] | None = None, name: str = "x") -> Any:
    """What a column of these texts beside a column of names is read as, and what was said."""
    lines = [f"who\t{name}", *(f"p{index}a\t{value}" for index, value in enumerate(values))]
    frame, warnings = read(folder, "t.tsv", "\n".join(lines) + "\n", options)
    return frame[name].to_list(), warnings


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["1,234,567.89", "12.50", "1,000"], [1234567.89, 12.5, 1000.0]),
        (["1.234.567,89", "12,50", "1.000"], [1234567.89, 12.5, 1000.0]),
        (["1 234 567,89", "12,5"], [1234567.89, 12.5]),
        (["1\u00a0234\u00a0567,89", "12,5"], [1234567.89, 12.5]),
        (["1\u202f234,5", "2\u2009000"], [1234.5, 2000.0]),
        (["1'234'567.89", "20"], [1234567.89, 20.0]),
        (["1’234’567", "20"], [1234567, 20]),
        (["12,34,567", "1,00,000.5"], [1234567.0, 100000.5]),
        (["12,34,567", "5,43,210"], [1234567, 543210]),
        (["1.234.567", "2.500.000"], [1234567, 2500000]),
        (["0,123", "1,5"], [0.123, 1.5]),
        (["1,5e3", "2,5e-1"], [1500.0, 0.25]),
        (["+5", "-3", "−2"], [5, -3, -2]),
        (["(1,234.50)", "99.00"], [-1234.5, 99.0]),
        (["1,234.50-", "99.00"], [-1234.5, 99.0]),
        (["12.5-", "3"], [-12.5, 3.0]),
        (["$1,234.50", "-$3.00", "$ 4"], [1234.5, -3.0, 4.0]),
        (["($5.00)", "$7.00"], [-5.0, 7.0]),
        (["1.234,50 €", "3,00 €"], [1234.5, 3.0]),
        (["€ 12", "€ 13"], [12, 13]),
        (["£1,000", "£20"], [1000, 20]),
        (["¥1,200", "¥980"], [1200, 980]),
        (["₹1,23,456", "₹900"], [123456, 900]),
        (["12,50 zł", "1 200,00 zł"], [12.5, 1200.0]),
        (["CHF 1'200.50", "CHF 80.00"], [1200.5, 80.0]),
        (["12.5 USD", "100 USD"], [12.5, 100.0]),
        (["R$ 1.234,56", "R$ 2,00"], [1234.56, 2.0]),
        (["1,200円", "500円"], [1200, 500]),
        (["￥1,200", "￥12,000"], [1200, 12000]),
        (["1,200元", "80.50元"], [1200.0, 80.5]),
        (["1 200 Kč", "20 Kč"], [1200, 20]),
        (["kr 1.200,50", "kr 3,00"], [1200.5, 3.0]),
        (["12%", "5.5 %"], [12.0, 5.5]),
        (["12,5 %", "3 %"], [12.5, 3.0]),
    ],
)
def test_numbers_are_read_in_every_way_of_writing_them(tmp_path: Path, values: list[str], numbers: list[float]) -> None:
    found, _ = _column(tmp_path, values)
    assert found == numbers
    assert [type(number) for number in found] == [type(number) for number in numbers]


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["01234", "98765"], "zip"),
        (["00.5", "007"], "x"),
        (["+49 170 123456", "+49 160 999999"], "x"),
        (["0301 234 567", "0301 999 888"], "x"),
        (["123 456 789", "987 654 321"], "phone"),
        (["1.2.3", "1.10.0"], "version"),
        (["192.168.100.200", "100.100.100.101"], "x"),
        (["12345678901234567890", "12345678901234567891"], "x"),
        (["12,345,678,901,234,567,890,123", "1,000"], "x"),
        (["5 kg", "10 kg"], "x"),
        (["10:30", "11:45"], "x"),
        (["$5", "€6"], "x"),
        (["12%", "5"], "x"),
        (["1,2,3", "4,5,6"], "x"),
        (["12 34", "56 78"], "x"),
    ],
)
def test_what_is_no_quantity_stays_text(tmp_path: Path, values: list[str], name: str) -> None:
    assert _column(tmp_path, values, name=name)[0] == values


def test_what_was_taken_off_is_said(tmp_path: Path) -> None:
    assert "“x”, the comma was read as the decimal point" in _column(tmp_path, ["1,5", "2,25"])[1]
    assert "commas were read as thousands separators" in _column(tmp_path, ["1,234.5", "2"])[1]
    assert "“€” was left out of the amounts" in _column(tmp_path, ["5 €", "6 €"])[1]
    assert "kept as written (12 % is 12)" in _column(tmp_path, ["12 %", "6 %"])[1]
    assert "brackets were read as negative" in _column(tmp_path, ["(12)", "6"])[1]
    assert "several currencies (“$”, “€”)" in _column(tmp_path, ["$5", "€6"])[1]
    assert "1 of 2 numbers have a percent sign" in _column(tmp_path, ["12%", "5"])[1]


def test_a_thousand_or_one_and_a_bit_is_decided_by_the_column(tmp_path: Path) -> None:
    assert _column(tmp_path, ["1,234", "0,500"])[0] == [1.234, 0.5]
    assert _column(tmp_path, ["1,234", "1,234,567"])[0] == [1234, 1234567]
    assert _column(tmp_path, ["1.234", "4321"])[0] == [1.234, 4321.0]
    assert _column(tmp_path, ["1.234", "0.5"])[0] == [1.234, 0.5]


def test_a_thousand_or_one_and_a_bit_is_decided_by_the_file(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "a;b;c\n1,5;1.234;1,234\n2,25;12.345;5,678\n")
    assert frame.rows() == [(1.5, 1234, 1.234), (2.25, 12345, 5.678)]
    assert "as in the file's other numbers" in warnings
    frame, _ = read(tmp_path, "u.csv", "a;b;c\n1.5;1.234;1,234\n2.25;12.345;5,678\n")
    assert frame.rows() == [(1.5, 1.234, 1234), (2.25, 12.345, 5678)]


def test_what_nothing_proves_is_said(tmp_path: Path) -> None:
    values, warnings = _column(tmp_path, ["1,234", "5,678"])
    assert values == [1234, 5678]
    assert "nothing in the file proves" in warnings
    assert "option “decimal”" in warnings


def test_commas_of_thousands_beside_points_are_told_from_decimal_commas(tmp_path: Path) -> None:
    content = 'town,votes,share\nA,5120,31.25\nB,"48,300",9.5\nC,"207,914",8.75\nD,77,2.5\n'
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame["votes"].to_list() == [5120, 48300, 207914, 77]
    assert "commas were read as thousands separators, as in the file's other numbers" in warnings
    frame, _ = read(tmp_path, "u.csv", 'a,b\n"3,141",0.5\n"2,718",1.5\n')
    assert frame["a"].to_list() == [3141, 2718]
    frame, _ = read(tmp_path, "v.csv", 'a,b\n"1,299",x\n999,y\n')
    assert frame["a"].to_list() == [1299, 999]


def test_commas_of_lists_beside_points_stay_text(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", 'picks,price\n"2,9",1.75\n"3,8",4.5\n5,0.25\n')
    assert frame["picks"].to_list() == ["2,9", "3,8", "5"]
    assert "“2,9” may be a decimal comma or separate the values of a list; the file's other numbers have points" in (
        warnings
    )
    assert "The option “decimal” decides" in warnings
    # What no list has, and what most of a file's numbers are, is no list.
    for values in ('"-2,9"\n"3,8"', '"2,05"\n"3,8"', '"0,25"\n"3,8"', '"2,9 €"\n"3,8 €"'):
        rows = [f"{value},1.75" for value in values.split("\n")]
        frame, _ = read(tmp_path, "u.csv", "\n".join(["a,price", *rows]) + "\n")
        assert frame["a"].dtype == pl.Float64, values
    frame, _ = read(tmp_path, "v.csv", "a;b;c;x\n1,5;2,5;3,5;0.25\n2,5;4,5;6,5;1.75\n")
    assert frame.row(0) == (1.5, 2.5, 3.5, 0.25)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ('a,b\n"1,234",x\n4321,y\n', "nothing in the file settles it"),
        ("a;b\n1,234;x\n5,678;y\n", "nothing in the file settles it"),
        ("a;b;c\n1,234;0,05;0.25\n5,678;1,5;1.5\n", "the file's other numbers have commas and points"),
    ],
)
def test_numbers_that_nothing_settles_stay_text_until_the_option_says(tmp_path: Path, content: str, why: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame["a"].dtype == pl.String
    assert f"“1,234” may be a decimal comma or separate thousands; {why}" in warnings
    assert read(tmp_path, "t.csv", content, {"decimal": ","})[0]["a"][0] == 1.234
    assert read(tmp_path, "t.csv", content, {"decimal": "."})[0]["a"][0] == 1234


@pytest.mark.parametrize("values", [["12E5", "45E2", "37E1"], ["100", "1E5", "2500"], ["7E1", "8E2"]])
def test_codes_with_an_e_stay_text_and_are_pointed_out(tmp_path: Path, values: list[str]) -> None:
    found, warnings = _column(tmp_path, values)
    assert found == values
    assert "may be codes, or numbers with an exponent: it was kept as text" in warnings
    assert _column(tmp_path, values, {"decimal": "."})[0] == [float(value) for value in values]


@pytest.mark.parametrize(
    "values", [["1e16", "250"], ["1E+05", "1"], ["2.5", "3E8"], ["1e-07", "2e-07"], ["1.0E5", "12E5"]]
)
def test_numbers_with_an_exponent_are_numbers(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == [float(value) for value in values]


@pytest.mark.parametrize("values", [["12A5", "12E5", "45F2"], ["3D10", "4D20"], ["1_000", "2_500"], ["0x1F", "0x2A"]])
def test_codes_stay_text(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == values


def test_options_say_how_numbers_are_written(tmp_path: Path) -> None:
    assert _column(tmp_path, ["1,234", "5,678"], {"decimal": ","})[0] == [1.234, 5.678]
    assert _column(tmp_path, ["1.234", "5.678"], {"decimal": ","})[0] == [1234, 5678]
    assert _column(tmp_path, ["1.234", "5.678"], {"thousands": "."})[0] == [1234, 5678]
    assert _column(tmp_path, ["1,234", "5,678"], {"thousands": ","})[0] == [1234, 5678]
    assert _column(tmp_path, ["1,234", "5,678"], {"thousands": "none"})[0] == [1.234, 5.678]
    assert _column(tmp_path, ["1,5", "2,5"], {"decimal": "."})[0] == ["1,5", "2,5"]


@pytest.mark.parametrize(
    ("values", "numbers"),
    [
        (["0.5", "inf", "1e-07", "-inf"], [0.5, None, 1e-07, None]),
        (["1", "Inf", "3"], [1.0, None, 3.0]),
        (["1.5", "-Infinity", "Infinity"], [1.5, None, None]),
        (["1,5", "inf", "2,5", "NA"], [1.5, None, 2.5, None]),
    ],
)
def test_numbers_beyond_all_others_are_missing_among_numbers(
    tmp_path: Path, values: list[str], numbers: list[float | None]
) -> None:
    found, warnings = _column(tmp_path, values)
    assert found == numbers
    assert "infinite value" in warnings


def test_inf_is_a_word_among_words(tmp_path: Path) -> None:
    assert _column(tmp_path, ["inf", "sup", "max"])[0] == ["inf", "sup", "max"]
    assert _column(tmp_path, ["inf", "Infinity"])[0] == ["inf", "Infinity"]


def test_yen_have_no_decimals_whatever_the_rest_of_the_file_has(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.tsv", "a\tb\n1,200円\t1.234,56\n500円\t2,00\n")
    assert frame.rows() == [(1200, 1234.56), (500, 2.0)]


def test_few_texts_among_numbers_with_a_unit_are_pointed_out(tmp_path: Path) -> None:
    values = ["12 kg", "13.5 kg", "1,400 kg", "15kg", "heavy", "16 kg"]
    found, warnings = _column(tmp_path, values)
    assert found == values
    assert "1 of 6 values is no number with “kg”: “heavy” (line 6). It was kept as text." in warnings
    assert "kept as text" not in _column(tmp_path, ["12A", "13B", "14C", "15D", "16E", "other"])[1]
    assert "kept as text" not in _column(tmp_path, ["12 kg", "13 kg"])[1]


def test_texts_that_are_written_as_formulas_for_excel_are_texts(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", 'zip,s,n\n="01234",="abc",1\n="4567",plain,2\n="",="x ""y""",3\n')
    assert frame.rows() == [("01234", "abc", 1), ("4567", "plain", 2), (None, 'x "y"', 3)]
    assert "In “zip”, values written as" in warnings
    values = ['="a"', '="b"&"c"', "d"]
    frame, _ = read(tmp_path, "t.tsv", "x\ty\n" + "".join(f"{value}\t1\n" for value in values))
    assert frame["x"].to_list() == values
