"""A short table below a block of labelled values."""

from pathlib import Path

import pytest

from tests.data.reading import read

_LABELS = (
    "Account:;0123 0045;\nHolder:;Ann Bee;\nFrom:;2024-01-01;\nTo:;2024-03-31;\nOpening:;10'234.50;\n"
    "Closing:;9'000.00;\nCurrency:;CHF;\nEntries:;3;\n\n"
)
_TABLE = (
    "Booked;Valued;Debit;Credit;Balance;Text;\n2024-03-01;2024-03-01;-1'234.50;;9'000.00;\"Shop; Zürich\";\n"
    "2024-03-05;2024-03-05;;500.00;9'500.00;Pay;\n2024-03-17;2024-03-18;-500.00;;9'000.00;Rent;\n"
)


@pytest.mark.parametrize("footer", ["", "\nWithout guarantee;\n"])
def test_the_table_is_read_and_the_labels_are_named(tmp_path: Path, footer: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", _LABELS + _TABLE + footer)
    assert frame.columns[:6] == ["Booked", "Valued", "Debit", "Credit", "Balance", "Text"]
    assert frame["Debit"].drop_nulls().to_list() == [-1234.5, -500.0]
    assert frame["Text"].drop_nulls().to_list() == ["Shop; Zürich", "Pay", "Rent"]
    assert "line 1: “Account:" in warnings
    assert "8 lines above the table" in warnings


def test_labels_without_a_delimiter_are_no_table_either(tmp_path: Path) -> None:
    labels = "".join(f"Setting {letter}: {at}\n" for at, letter in enumerate("ABCDEFGH"))
    frame, _ = read(tmp_path, "t.csv", labels + "\ntime,volt,amp\n0.1,5,2\n0.2,6,3\n0.3,7,4\n")
    assert frame.columns == ["time", "volt", "amp"]
    assert frame.height == 3


@pytest.mark.parametrize(
    "content",
    [
        "k;v\n" + "".join(f"{at};{at}\n" for at in range(9)) + "\nx;y;z\n1;2;3\n4;5;6\n",  # rows, not labels
        "k;v\n" + "a;1\na;2\nb;3\n" * 4 + "c;4;d\ne;5;f\n",  # texts that come again, and no names
    ],
)
def test_a_table_with_wider_lines_at_its_end_stays_one(tmp_path: Path, content: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.columns == ["k", "v"]
    assert "too many values" in warnings
