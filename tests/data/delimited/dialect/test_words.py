"""Values kept apart by single blanks, some of them in quotation marks."""

import time
from pathlib import Path

import pytest

from flowml.data.delimited.dialect.words import split_words
from tests.data.reading import read

_ROWS = '"Ox Cart" 2 6.5 "a b"\n"Mule, grey" 1 NA "say \\"hi\\""\n"Hand cart" NA 7 NA\n"Sled" 3 8 "c"\n'


def test_quoted_words_keep_their_blanks_and_rows_their_names(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.txt", '"n" "size" "note"\n' + _ROWS)
    assert frame.columns == ["column_1", "n", "size", "note"]
    assert frame.rows() == [
        ("Ox Cart", 2, 6.5, "a b"),
        ("Mule, grey", 1, None, 'say "hi"'),
        ("Hand cart", None, 7.0, None),
        ("Sled", 3, 8.0, "c"),
    ]


@pytest.mark.parametrize("options", [{}, {"delimiter": "space"}])
def test_commas_in_quoted_words_part_nothing(tmp_path: Path, options: dict[str, str]) -> None:
    frame, _ = read(tmp_path, "t.txt", 'id who\n1 "Ann, B."\n2 "Cy, D."\n3 "Eve, F."\n', options)
    assert frame.rows() == [(1, "Ann, B."), (2, "Cy, D."), (3, "Eve, F.")]


def test_marks_that_nothing_closes_are_part_of_their_words() -> None:
    assert split_words('5" "a b c', '"') == ['5"', '"a', "b", "c"]
    assert split_words('"" "a"b "c d"', '"') == ["", '"a"b', "c d"]


@pytest.mark.parametrize("line", ['"' * 99_999, '"a ' * 33_000, '"a \\" ' * 20_000, '"" ' * 33_000 + '"'])
def test_lines_full_of_marks_take_no_time(line: str) -> None:
    begin = time.perf_counter()
    split_words(line, '"')
    assert time.perf_counter() - begin < 1


def test_quoted_sentences_are_no_table_of_words(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", 'text\n"it is ""so"" today"\n"so it ""is"" today"\n"no, ""not"" today"\n')
    assert frame.shape == (3, 1)
