"""When something was logged: the many shapes in which logs write it, and the year that they leave out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_CLOCK = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_ZONE_AT_END = r"([ ]?(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2}))$"
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y %H:%M:%S%.f", "%m/%d/%Y %H:%M:%S%.f"


@dataclass(frozen=True)
class Shape:
    """`pattern` recognises a moment's text; `form` is strptime's, after `_normal`. Without a year in it, the year is
    supplied."""

    pattern: str
    form: str
    needs_year: bool = False


# The longer before the shorter that begin alike.
SHAPES: tuple[Shape, ...] = (
    Shape(r"\d{4}-\d{2}-\d{2}-\d{2}\.\d{2}\.\d{2}\.\d{1,9}", "%Y-%m-%d-%H.%M.%S%.f"),
    Shape(rf"\d{{4}}-\d{{1,2}}-\d{{1,2}}[T ]{_CLOCK}{_ZONE}", "%Y-%m-%d %H:%M:%S%.f"),
    Shape(rf"\d{{4}}/\d{{1,2}}/\d{{1,2}}[T ]{_CLOCK}{_ZONE}", "%Y/%m/%d %H:%M:%S%.f"),
    Shape(rf"\d{{4}}\.\d{{1,2}}\.\d{{1,2}}[T ]{_CLOCK}{_ZONE}", "%Y.%m.%d %H:%M:%S%.f"),
    Shape(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\b", "%Y-%m-%d %H:%M"),
    Shape(r"\d{8}-\d{1,2}:\d{1,2}:\d{1,2}:\d{1,3}", "%Y%m%d %H:%M:%S%.f"),
    Shape(rf"\d{{8}}[- T]{_CLOCK}{_ZONE}", "%Y%m%d %H:%M:%S%.f"),
    Shape(r"\d{8}[-T]\d{6}Z?", "%Y%m%d %H%M%S"),
    Shape(r"\d{6} \d{6}\b", "%y%m%d %H%M%S"),
    Shape(rf"\d{{6}} +{_CLOCK}", "%y%m%d %H:%M:%S%.f"),
    Shape(rf"\d{{2}}/\d{{2}}/\d{{4}},? {_CLOCK} [AP]M", "%m/%d/%Y %I:%M:%S%.f %p"),
    Shape(rf"\d{{1,2}}/\d{{1,2}}/\d{{4}},? {_CLOCK}", _DAY_FIRST),
    Shape(rf"\d{{2}}\.\d{{2}}\.\d{{4}},? {_CLOCK}", "%d.%m.%Y %H:%M:%S%.f"),
    Shape(rf"\d{{2}}-\d{{2}}-\d{{4}},? {_CLOCK}", "%d-%m-%Y %H:%M:%S%.f"),
    Shape(rf"\d{{2}}/\d{{2}}/\d{{2}} {_CLOCK}", "%y/%m/%d %H:%M:%S%.f"),
    Shape(rf"\d{{1,2}}/{_MONTH}/\d{{4}}[: ]{_CLOCK}{_ZONE}", "%d/%b/%Y %H:%M:%S%.f"),
    Shape(rf"\d{{1,2}}[- ]{_MONTH}[- ]\d{{4}} {_CLOCK}{_ZONE}", "%d %b %Y %H:%M:%S%.f"),
    Shape(rf"{_WEEKDAY},? \d{{1,2}} {_MONTH} \d{{4}} {_CLOCK}{_ZONE}", "%d %b %Y %H:%M:%S%.f"),
    Shape(rf"{_WEEKDAY} {_MONTH} +\d{{1,2}} {_CLOCK}(?: [A-Z]{{3,4}})? \d{{4}}", "%b %d %H:%M:%S%.f %Y"),
    Shape(rf"{_WEEKDAY} {_MONTH} +\d{{1,2}} {_CLOCK}", "%b %d %H:%M:%S%.f", needs_year=True),
    Shape(rf"{_MONTH} +\d{{1,2}},? \d{{4}} {_CLOCK} [AP]M", "%b %d %Y %I:%M:%S%.f %p"),
    Shape(rf"{_MONTH} +\d{{1,2}},? \d{{4}} {_CLOCK}", "%b %d %Y %H:%M:%S%.f"),
    Shape(rf"{_MONTH} +\d{{1,2}} {_CLOCK}", "%b %d %H:%M:%S%.f", needs_year=True),
    Shape(rf"\d{{2}}-\d{{2}} {_CLOCK}", "%m-%d %H:%M:%S%.f", needs_year=True),
    Shape(rf"\d{{2}}\.\d{{2}} {_CLOCK}", "%m.%d %H:%M:%S%.f", needs_year=True),
    Shape(rf"\d{{4}} {_CLOCK}", "%m%d %H:%M:%S%.f", needs_year=True),
    Shape(r"1\d{9}(?:\.\d{1,9})?\b", "epoch"),
    Shape(r"1\d{12}\b", "epoch_ms"),
)
_COMPILED = tuple(re.compile(shape.pattern) for shape in SHAPES)


def shape_of(texts: list[str], share: float = 0.9) -> Shape | None:
    """The shape that nearly all of these whole texts have."""
    for shape, compiled in zip(SHAPES, _COMPILED, strict=True):
        if texts and sum(compiled.fullmatch(text) is not None for text in texts) >= share * len(texts):
            return shape
    return None


@dataclass(frozen=True)
class Moments:
    """The moments (UTC where an offset was given), and what had to be assumed."""

    values: pl.Series
    year: int | None = None
    had_offset: bool = False


def parse_moments(texts: pl.Series, *, now: float, year: int | None = None) -> Moments | None:
    """Datetimes of texts that all have one shape, else None. Where the shape has no year, the last entry is of `year`,
    or of the latest year that puts nothing after `now`; a step from December to January begins another year."""
    present = texts.drop_nulls()
    shape = shape_of(present.head(200).to_list())
    if shape is None:
        return None
    # Many entries are of the same moment.
    distinct = present.unique()
    values, had_offset = _values(distinct, shape)
    if shape.form == _DAY_FIRST:
        other = _parse(_normal(distinct, shape)[0], _MONTH_FIRST)
        return Moments(_in_order(_spread(texts, distinct, values), _spread(texts, distinct, other)))
    moments = _spread(texts, distinct, values)
    return _with_year(moments, now, year) if shape.needs_year else Moments(moments, had_offset=had_offset)


def _values(texts: pl.Series, shape: Shape) -> tuple[pl.Series, bool]:
    """The moments of different texts, in the year 2000 where there is none, and whether they had offsets."""
    import polars as pl

    if shape.form.startswith("epoch"):
        factor = 1_000_000 if shape.form == "epoch" else 1000
        numbers = (texts.cast(pl.Float64, strict=False) * factor).round().cast(pl.Int64, strict=False)
        return numbers.cast(pl.Datetime("us")), False
    plain, offsets = _normal(texts, shape)
    if shape.needs_year:
        # In a leap year every day exists.
        return _parse("2000 " + plain, f"%Y {shape.form}"), False
    values = _parse(plain, shape.form)
    return (values, False) if offsets is None else (values - offsets, True)


def _spread(texts: pl.Series, distinct: pl.Series, values: pl.Series) -> pl.Series:
    return texts.replace_strict(distinct, values, default=None, return_dtype=values.dtype)


def _normal(texts: pl.Series, shape: Shape) -> tuple[pl.Series, pl.Series | None]:
    """The texts as strptime takes them, without weekdays, with points before fractions and single blanks; and the
    offsets from UTC cut off from their ends."""
    offsets = None
    if shape.pattern.startswith(_WEEKDAY):
        texts = texts.str.replace("^[A-Z][a-z]{2},? ", "")
    if shape.pattern.endswith(_ZONE) and texts.str.contains(_ZONE_AT_END).any():
        texts, offsets = _without_zone(texts)
    if shape.pattern.endswith(r":\d{1,3}"):
        texts = texts.str.replace(r":([0-9]{1,3})$", ".000$1").str.replace(r"\.0*([0-9]{3})$", ".$1")
    if texts.str.contains(",", literal=True).any():
        texts = texts.str.replace(r"([0-9]),([0-9]+)", "$1.$2").str.replace_all(",", "", literal=True)
    if texts.str.contains("  ", literal=True).any():
        texts = texts.str.replace_all(r"[ ]+", " ")
    if shape.form[:8] in ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d %") and not texts.str.contains(" ").all():
        texts = texts.str.replace(r"^([0-9]{4}[-/.]?[0-9]{1,2}[-/.]?[0-9]{1,2})[T-]([0-9]{2}[:0-9]|[0-9]:)", "$1 $2")
    if shape.form.startswith("%d/%b/%Y"):
        texts = texts.str.replace(r"([0-9]{4}):", "$1 ")
    elif shape.form.startswith("%d %b %Y"):
        texts = texts.str.replace_all("-", " ", literal=True)
    elif shape.form.endswith(" %Y"):
        texts = texts.str.replace(r"([0-9]) [A-Z]{3,4} ", "$1 ")
    return texts, offsets


def _without_zone(texts: pl.Series) -> tuple[pl.Series, pl.Series]:
    import polars as pl

    zone = texts.str.extract(_ZONE_AT_END).fill_null("")
    # There are few of them.
    seconds = {text: _offset(text) for text in zone.unique()}
    offsets = zone.replace_strict(list(seconds), list(seconds.values()), return_dtype=pl.Int64) * 1_000_000
    return texts.str.replace(_ZONE_AT_END, ""), offsets.cast(pl.Duration("us"))


def _offset(zone: str) -> int:
    """Seconds before UTC of +02:00, -0700 or Z."""
    digits = re.sub(r"[^0-9]", "", zone)
    if not digits:
        return 0
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if "-" in zone else seconds


def _parse(texts: pl.Series, form: str) -> pl.Series:
    import polars as pl

    return texts.str.to_datetime(form, time_unit="us", strict=False).cast(pl.Datetime("us"))


def _in_order(day_first: pl.Series, month_first: pl.Series) -> pl.Series:
    """Entries of a log follow each other: of two readings, the one with fewer gaps and less time between entries."""

    def badness(values: pl.Series) -> tuple[int, int]:
        steps = values.drop_nulls().dt.epoch("ms").diff().abs().sum()
        return values.null_count(), int(steps)

    return min(day_first, month_first, key=badness)


def _with_year(guess: pl.Series, now: float, year: int | None) -> Moments:
    import polars as pl

    step = guess.fill_null(strategy="forward").diff().fill_null(timedelta(0))
    half = timedelta(days=183)
    turns = ((step < -half).cast(pl.Int32) - (step > half).cast(pl.Int32)).cum_sum()
    latest = int(turns.max() or 0)  # type: ignore[arg-type]
    limit = datetime.fromtimestamp(now, tz=UTC).replace(tzinfo=None) + timedelta(days=1)
    last = year if year is not None else limit.year
    for candidate in range(last, last - 9, -1):
        values = _with_years(guess, turns - latest + candidate)
        newest = values.max()
        if year is not None or (
            values.null_count() == guess.null_count() and isinstance(newest, datetime) and newest <= limit
        ):
            return Moments(values, candidate)
    return Moments(_with_years(guess, turns - latest + last - 1), last - 1)


def _with_years(guess: pl.Series, years: pl.Series) -> pl.Series:
    import polars as pl

    leap_day = (guess.dt.month() == 2) & (guess.dt.day() == 29)
    is_leap = (years % 4 == 0) & ((years % 100 != 0) | (years % 400 == 0))
    frame = pl.DataFrame({"guess": guess, "years": years, "lost": leap_day & ~is_leap})
    return frame.select(
        pl.when(pl.col("lost"))
        .then(None)
        .otherwise(
            pl.datetime(
                pl.when(pl.col("lost")).then(2000).otherwise(pl.col("years")),
                pl.col("guess").dt.month(),
                pl.col("guess").dt.day(),
                time_unit="us",
            )
            + (pl.col("guess") - pl.col("guess").dt.truncate("1d"))
        )
        .alias("timestamp")
    ).to_series()
