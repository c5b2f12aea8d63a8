"""Dates in the orders and languages in which tables have them."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data.conversion.months import MONTHS
from tests.data.reading import read

_DAY = [date(2024, 1, 31), date(2023, 12, 5)]
_MOMENT = [datetime(2024, 1, 31, 13, 5), datetime(2023, 12, 5, 8, 30)]  # noqa: DTZ001


def _column(folder: Path, values: list[str], options: dict[str, Any] | None = None, name: str = "x") -> Any:
    lines = [f"who|{name}", *(f"p{index}a|{value}" for index, value in enumerate(values))]
    frame, warnings = read(folder, "t.txt", "\n".join(lines) + "\n", {"delimiter": "|", **(options or {})})
    return frame[name].to_list(), warnings


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-31", "2023-12-05"],
        ["2024/1/31", "2023/12/5"],
        ["31.01.2024", "05.12.2023"],
        ["31.1.2024", "5.12.2023"],
        ["31.01.24", "05.12.23"],
        ["31/01/2024", "05/12/2023"],
        ["1/31/2024", "12/5/2023"],
        ["31/01/24", "05/12/23"],
        ["1/31/24", "12/5/23"],
        ["31-01-2024", "05-12-2023"],
        ["31 Jan 2024", "5 Dec 2023"],
        ["31-Jan-2024", "05-Dec-2023"],
        ["31-JAN-24", "05-DEC-23"],
        ["January 31, 2024", "December 5, 2023"],
        ["Jan 31 2024", "Dec 5 2023"],
        ["31st January 2024", "5th December 2023"],
        ["Wed, 31 Jan 2024", "Tue, 05 Dec 2023"],
        ["31. Januar 2024", "5. Dezember 2023"],
        ["31 janvier 2024", "5 décembre 2023"],
        ["31 de enero de 2024", "5 de diciembre de 2023"],
        ["31 gennaio 2024", "5 dicembre 2023"],
        ["31 januari 2024", "5 december 2023"],
        ["31 de janeiro de 2024", "5 de dezembro de 2023"],
        ["2024-Jan-31", "2023-Dec-05"],
    ],
)
def test_days_are_read_in_every_order(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == _DAY


@pytest.mark.parametrize(
    "values",
    [
        ["2024-01-31 13:05", "2023-12-05 08:30"],
        ["2024-01-31T13:05:00", "2023-12-05T08:30:00"],
        ["2024-01-31T13:05:00.000Z", "2023-12-05T08:30:00.000Z"],
        ["2024-01-31 13:05:00 UTC", "2023-12-05 08:30:00 UTC"],
        ["2024-01-31T15:05:00+02:00", "2023-12-05T10:30:00+02:00"],
        ["2024-01-31 08:05:00 -0500", "2023-12-05 03:30:00 -0500"],
        ["2024-01-31 13:05:00,000", "2023-12-05 08:30:00,000"],
        ["31.01.2024 13:05", "05.12.2023 08:30"],
        ["31.01.2024, 13:05:00", "05.12.2023, 08:30:00"],
        ["1/31/2024 1:05 PM", "12/5/2023 8:30 AM"],
        ["1/31/2024 1:05:00 pm", "12/5/2023 8:30:00 am"],
        ["1/31/24 1:05 p.m.", "12/5/23 8:30 a.m."],
        ["31/01/2024 13:05:00", "05/12/2023 08:30:00"],
        ["Wed, 31 Jan 2024 13:05:00 GMT", "Tue, 05 Dec 2023 08:30:00 GMT"],
        ["Jan 31, 2024 1:05 PM", "Dec 5, 2023 8:30 AM"],
    ],
)
def test_times_of_day_are_read_with_their_zones(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == _MOMENT


@pytest.mark.parametrize(
    "values",
    [
        ["2024-Q1", "2024-Q2"],
        ["2024-01", "2024-02"],
        ["Jan 2024", "Feb 2024"],
        ["1.10.12", "2.11.10"],
        ["31 Foo 2024", "5 Bar 2023"],
        ["2024-02-30", "2024-01-01"],
        ["13:05", "08:30"],
        ["may 5 people", "june 6 people"],
    ],
)
def test_what_is_no_day_stays_text(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == values


def test_day_or_month_first_is_decided_by_the_file(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", "a,b\n01/02/2024,13/02/2024\n03/04/2024,01/03/2024\n")
    assert frame["a"].to_list() == [date(2024, 2, 1), date(2024, 4, 3)]
    assert "the day was read as coming first, as in the file's other dates" in warnings
    frame, _ = read(tmp_path, "u.csv", "a,b\n01/02/2024,02/13/2024\n03/04/2024,03/01/2024\n")
    assert frame["a"].to_list() == [date(2024, 1, 2), date(2024, 3, 4)]


def test_dates_that_nothing_settles_stay_text_until_the_option_says(tmp_path: Path) -> None:
    values, warnings = _column(tmp_path, ["01/02/2024", "03/04/2024"])
    assert values == ["01/02/2024", "03/04/2024"]
    assert "The option “date_order” decides" in warnings
    day_first, _ = _column(tmp_path, values, {"date_order": "day_first"})
    month_first, _ = _column(tmp_path, values, {"date_order": "month_first"})
    assert day_first == [date(2024, 2, 1), date(2024, 4, 3)]
    assert month_first == [date(2024, 1, 2), date(2024, 3, 4)]
    assert _column(tmp_path, ["01-02-03", "04-05-06"], {"date_order": "year_first"})[0] == [
        date(2001, 2, 3),
        date(2004, 5, 6),
    ]


def test_columns_that_prove_both_orders_settle_nothing(tmp_path: Path) -> None:
    frame, warnings = read(
        tmp_path, "t.csv", "a,b,c\n13/02/2024,02/13/2024,01/02/2024\n01/03/2024,03/01/2024,03/04/2024\n"
    )
    assert frame.dtypes == [pl.Date, pl.Date, pl.String]
    assert "“c”, day and month cannot be told apart" in warnings


def test_numbers_are_dates_where_their_column_says_so(tmp_path: Path) -> None:
    assert _column(tmp_path, ["20240131", "20231205"], name="date")[0] == _DAY
    assert _column(tmp_path, ["20240131", "20231205"], name="order_no")[0] == [20240131, 20231205]
    assert _column(tmp_path, ["20240131", "20239999"], name="date")[0] == [20240131, 20239999]
    seconds = ["1706706300", "1701765000"]
    for name, values in {
        "created_at": seconds,
        "timestamp": [f"{second}000" for second in seconds],
        "event_time": [f"{second}000000" for second in seconds],
        "epoch": seconds,
        "createdAt": seconds,
    }.items():
        found, warnings = _column(tmp_path, values, name=name)
        assert found == _MOMENT, name
        assert "since 1970" in warnings
    assert _column(tmp_path, seconds, name="population")[0] == [int(second) for second in seconds]
    assert _column(tmp_path, ["12", "40"], name="time")[0] == [12, 40]


def test_missing_dates_are_missing(tmp_path: Path) -> None:
    assert _column(tmp_path, ["2024-01-31", "-", "unknown", "2023-12-05", "NA", "2023-12-05"])[0] == [
        _DAY[0],
        None,
        None,
        _DAY[1],
        None,
        _DAY[1],
    ]


def test_every_month_has_a_number_in_every_language() -> None:
    assert set(MONTHS.values()) == {f"{number:02}" for number in range(1, 13)}
    for number, words in enumerate(("may mai mayo maggio mei maio", "october oktober octobre octubre ottobre outubro")):
        assert {MONTHS[word] for word in words.split()} == {("05", "10")[number]}


@pytest.mark.parametrize(
    "values",
    [
        ["2024年1月31日", "2023年12月5日"],
        ["2024年01月31日(水)", "2023年12月05日(火)"],
        ["2024년 1월 31일", "2023년 12월 5일"],
    ],
)
def test_the_characters_for_year_month_and_day_are_understood(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, [*values, "NA"])[0] == [*_DAY, None]


@pytest.mark.parametrize(
    "values",
    [
        ["2024年1月31日 13時05分", "2023年12月5日 8時30分"],
        ["2024年1月31日13时5分0秒", "2023年12月5日8时30分00秒"],
        ["2024年1月31日 13:05", "2023年12月5日 8:30:00"],
        ["2024년 1월 31일 13시 5분", "2023년 12월 5일 8시 30분"],
    ],
)
def test_so_are_those_for_the_time_of_day(tmp_path: Path, values: list[str]) -> None:
    assert _column(tmp_path, values)[0] == _MOMENT


def test_what_is_no_date_keeps_its_characters(tmp_path: Path) -> None:
    for odd in ("2024年13月1日", "2024年3月", "2024年3月1日 頃", "2024年3月1日 25時00分"):
        values = ["2024年1月31日", odd]
        assert _column(tmp_path, values)[0] == values


def test_times_with_an_offset_are_converted_to_utc_however_it_is_written(tmp_path: Path) -> None:
    for values in (
        ["2024/01/31 2:05:00 PM GMT+1", "2023/12/05 09:30:00 AM GMT+1"],
        ["2024/01/31 6:35:00 PM GMT+5:30", "2023/12/05 8:30:00 AM GMT"],
        ["2024-01-31 14:05:00 UTC+01:00", "2023-12-04 22:30:00 UTC-10"],
        ["2024-01-31 14:05:00+01", "2023-12-05 10:30:00+02"],
    ):
        found, warnings = _column(tmp_path, values)
        assert found == _MOMENT, values
        assert "converted to UTC" in warnings
    found, warnings = _column(tmp_path, ["2024/01/31 1:05:00 PM GMT", "2023/12/05 8:30:00 AM GMT"])
    assert found == _MOMENT
    assert "UTC" not in warnings


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["31.01.2024", "5.12.23"], _DAY),
        (["1/31/2024", "12/5/23"], _DAY),
        (["31-01-24", "05-12-2023"], _DAY),
        (["31 Jan 2024", "5 Dec 23"], _DAY),
        (["1/31/24 13:05", "12/05/2023 08:30"], _MOMENT),
    ],
)
def test_years_of_two_and_of_four_digits_may_stand_in_one_column(
    tmp_path: Path, values: list[str], expected: list[date]
) -> None:
    found, warnings = _column(tmp_path, values)
    assert found == expected
    assert "years of two digits were read as 1969 to 2068" in warnings


def test_a_late_year_of_two_digits_is_no_year_of_the_first_century(tmp_path: Path) -> None:
    values = [f"{1 + row % 28:02}/12/2023" for row in range(1500)]
    values[700] = "31/01/24"
    assert _column(tmp_path, values)[0][700] == date(2024, 1, 31)


def test_the_century_of_years_of_two_digits_is_said_with_the_latest(tmp_path: Path) -> None:
    for values in (["3/14/69", "3/15/68"], ["14-Mar-69", "15-Mar-68"], ["14.03.69", "15.03.68"]):
        found, warnings = _column(tmp_path, values)
        assert [day.year for day in found] == [1969, 2068], values
        assert f"1969 to 2068: “{values[1]}” is in 2068" in warnings
    assert "two digits" not in _column(tmp_path, ["31.01.2024", "05.12.2023"])[1]


def test_midnight_at_the_end_of_a_day_is_that_of_the_next(tmp_path: Path) -> None:
    values = [f"2024-01-{day:02} {hour:02}:00" for day in (30, 31) for hour in range(1, 25)]
    found, _ = _column(tmp_path, values)
    assert found[23] == datetime(2024, 1, 31)  # noqa: DTZ001
    assert found[47] == datetime(2024, 2, 1)  # noqa: DTZ001
    assert found[46] == datetime(2024, 1, 31, 23)  # noqa: DTZ001
