"""A log file from its first line to a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from flowml.data.format import Reading, Source
from flowml.data.logs import pairs
from flowml.data.logs.directives import declared_layout
from flowml.data.logs.entries import Entries, matched_share, take_apart, with_severity
from flowml.data.logs.events import add_events
from flowml.data.logs.layouts import BY_NAME, KNOWN, LAYOUT_NAMES, LINES, Layout
from flowml.data.logs.learn import learn
from flowml.data.logs.lines import as_utf8, blocks, sample
from flowml.data.logs.moments import parse_moments
from flowml.data.logs.notation import compile_notation
from flowml.domain.errors import InvalidInput, UnreadableFile
from flowml.domain.remarks import Remark, decision, loss, note

if TYPE_CHECKING:
    import polars as pl

_PAIRS = Layout("pairs", "key=value pairs (logfmt)", pairs.LINE, ())
# Lines that go on with the entry before them do not speak against a layout.
_CONTINUATION = r"^(?:[ \t]|at |Caused by:|\.\.\. [0-9]+ more|Traceback |[A-Za-z_.]+(?:Exception|Error)\b|[-=*]{8,})"
_ENOUGH, _NEARLY_ALL = 0.6, 0.9
_WHOLE = r"^(?:0|-?[1-9][0-9]{0,17})$"
_DECIMAL = r"^-?[0-9]{1,15}(?:\.[0-9]{1,15})?$"
_DASH_IS_MISSING = ("access", "syslog_5424", "declared")


def read_log(source: Source) -> Reading:
    """The entries of a log: a column `timestamp` where they say when, the fields of their header as written, the
    content, and its `event`. Raises UnreadableFile, TooLarge, and InvalidInput for an unusable option."""
    import polars as pl

    remarks: list[Remark] = []
    asked = source.choice_option("layout", LAYOUT_NAMES)
    own = source.text_option("pattern")
    year = source.whole_option("year", 1970, 2100)
    pattern = compile_notation(own) if own is not None else None
    path = as_utf8(source, remarks)
    lines = sample(path)
    if lines.is_empty():
        raise UnreadableFile("The log has no lines with anything in them.", hint="Check that it was copied completely.")
    layout = pattern or choose(lines, asked)
    decided: dict[str, object] = {"layout": layout.name} if pattern is None else {"pattern": own}
    if layout.name == "pairs":
        frame = pairs.read_pairs(blocks(path), source.limits, remarks)
        remarks.append(note("log_layout", "The lines were read as key=value pairs (logfmt)."))
        moment: tuple[str, ...] = tuple(name for name in pairs.MOMENTS if name in frame.columns)[:1]
        content = next((name for name in pairs.MESSAGES if name in frame.columns), "content")
    else:
        frame, moment = _entries(path, layout, source, remarks)
        content = "content"
    if "content" in frame.columns:
        # Parts of the content that are columns too come before it.
        frame = frame.select(pl.exclude("content"), "content")
    frame = _with_event(frame, content, remarks)
    stamp, taken = _timestamp(frame, moment, source, year, remarks)
    frame = _typed(frame, layout)
    if stamp is not None:
        # A field of that name is what was parsed, or keeps its text beside it.
        frame = frame.rename({"timestamp": "timestamp_as_written"}, strict=False).insert_column(0, stamp)
    if taken is not None:
        decided["year"] = taken
    return Reading(frame, "log", typed=True, converted=True, remarks=remarks, decided=decided)


def choose(lines: pl.Series, asked: str | None = None) -> Layout:
    """The layout of a log by some of its lines. Raises InvalidInput when the layout asked for does not fit."""
    if asked is not None:
        return _asked(lines, asked)
    declared = declared_layout(lines.head(20).to_list())
    if declared is not None:
        return declared
    starts = lines.filter(~lines.str.contains(_CONTINUATION))
    known, share = best_known(starts)
    if known is not None and share >= _NEARLY_ALL:
        return known
    if matched_share(starts, _PAIRS) >= _NEARLY_ALL and pairs.has_few_keys(starts):
        return _PAIRS
    learned = learn(starts.to_list())
    learned_share = matched_share(starts, learned) if learned is not None else 0.0
    if known is not None and share >= _ENOUGH and share + 0.2 >= learned_share:
        return known
    return learned if learned is not None and learned_share >= _ENOUGH else LINES


def best_known(lines: pl.Series) -> tuple[Layout | None, float]:
    """The known layout that most of the lines have, and the share of these."""
    if lines.is_empty():
        return None, 0.0
    texts = lines.str.strip_chars_end()
    first = texts.head(20)
    candidates = [layout for layout in KNOWN if matched_share(first, layout) > 0]
    shares = [(matched_share(texts, layout), layout) for layout in candidates]
    share, best = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    return best, share


def _asked(lines: pl.Series, asked: str) -> Layout:
    if asked == "lines":
        return LINES
    if asked == "pairs":
        return _PAIRS
    if asked == "learned":
        found = learn(lines.filter(~lines.str.contains(_CONTINUATION)).to_list())
    elif asked == "declared":
        found = declared_layout(lines.head(20).to_list())
    else:
        return BY_NAME[asked]
    if found is None:
        raise InvalidInput.of_field(
            "options.layout",
            "The lines of the log share no header that could be learned."
            if asked == "learned"
            else "The log has no “#Fields:” line that declares its fields.",
            hint="The layout “lines” reads every line as one value; the option “pattern” describes a layout.",
        )
    return found


def _entries(path: Path, layout: Layout, source: Source, remarks: list[Remark]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    import polars as pl

    entries = take_apart(blocks(path), layout, source.limits)
    frame = entries.frame
    if frame.height == 0:
        raise UnreadableFile(
            f"No line of the log has the layout {layout.title}.",
            hint="Leave the options “layout” and “pattern” out to have the layout found.",
        )
    moment = layout.moment
    if layout.names:
        frame.columns = list(layout.names)
    if layout.name in _DASH_IS_MISSING:
        frame = _dashes_missing(frame)
    if layout.name == "learned":
        # Between delimiters, blanks around a field only align it.
        frame = frame.with_columns(pl.exclude("content").str.strip_chars())
    frame = with_severity(_without_empty(frame, layout))
    _explain(entries, layout, frame, remarks)
    if "time" in frame.columns and "time" not in moment and not moment:
        moment = ("time",)
    return frame, moment


def _explain(entries: Entries, layout: Layout, frame: pl.DataFrame, remarks: list[Remark]) -> None:
    if layout.name == "learned":
        said = f"The layout of the lines was learned from them: {layout.title}"
        remarks.append(decision("log_layout_learned", said))
    elif layout.name == "lines":
        remarks.append(decision("no_log_layout", "The lines share no header: each one was read as one value."))
    else:
        fields = ", ".join(name for name in frame.columns)
        remarks.append(note("log_layout", f"The lines were read as {layout.title}: {fields}."))
    if entries.continued:
        lines, them = ("line does", "it was") if entries.continued == 1 else ("lines do", "they were")
        said = f"{entries.continued:,} {lines} not begin an entry (such as stack traces); {them} added to the content"
        remarks.append(note("lines_joined", f"{said} of the entry before."))
    if entries.n_stray:
        shown = "; ".join(f"line {number}: “{line.strip()[:80]}”" for number, line in entries.stray)
        more = f" (and {entries.n_stray - len(entries.stray):,} more)" if entries.n_stray > len(entries.stray) else ""
        what = "line fits no entry and was" if entries.n_stray == 1 else "lines fit no entry and were"
        remarks.append(loss("lines_left_out", f"{entries.n_stray:,} {what} left out{more}: {shown}"))


def _dashes_missing(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    names = [name for name in frame.columns if name != "content"]
    return frame.with_columns(
        pl.when(pl.col(name).is_in(["-", "(empty)", '""'])).then(None).otherwise(pl.col(name)).alias(name)
        for name in names
    )


def _without_empty(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Without the columns of parts that may be there and never are."""
    optional = [name for name in frame.columns if name != "content" and frame[name].null_count() == frame.height]
    keep = ("user", "bytes") if layout.name == "access" else layout.names
    return frame.drop([name for name in optional if name not in keep])


def _with_event(frame: pl.DataFrame, content: str, remarks: list[Remark]) -> pl.DataFrame:
    if content not in frame.columns or "event" in frame.columns:
        return frame
    event, without = add_events(frame[content])
    if event is None:
        remarks.append(note("no_events", "Nearly every message is like no other: there is no column “event”."))
        return frame
    if without:
        said = f"{without:,} of {frame.height:,} messages are of too many kinds to name: they have no “event”."
        remarks.append(note("no_events", said))
    return frame.with_columns(event)


def _timestamp(
    frame: pl.DataFrame, moment: Iterable[str], source: Source, year: int | None, remarks: list[Remark]
) -> tuple[pl.Series | None, int | None]:
    import polars as pl

    names = [name for name in moment if name in frame.columns]
    if not names:
        return None, None
    texts = frame.select(pl.concat_str(names, separator=" ", ignore_nulls=True).alias("timestamp")).to_series()
    texts = texts.set(texts == "", None)
    # When nobody says what time it is, the file was written then at the latest.
    now = source.now if source.now is not None else source.path.stat().st_mtime
    found = parse_moments(texts, now=now, year=year)
    if found is None:
        return None, None
    bad = found.values.null_count() - texts.null_count()
    if bad:
        lost = texts.filter(found.values.is_null() & texts.is_not_null())
        said = f"{bad:,} times could not be understood, for example “{lost[0][:40]}”: they have no “timestamp”."
        remarks.append(loss("values_lost", said))
    if found.year is not None:
        why = "as the option says" if year is not None else "the latest that puts no line into the future"
        said = f"The times have no year: the last entry was taken to be of {found.year}, {why}."
        remarks.append((decision if year is None else note)("no_year", said))
    if found.had_offset:
        remarks.append(note("times_to_utc", "In “timestamp”, times were converted to UTC."))
    return found.values.alias("timestamp"), found.year


def _typed(frame: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Whole numbers as such where that changes none of their texts; decimals only where they are quantities."""
    import polars as pl

    columns = []
    for column in frame.get_columns():
        name = column.name
        if column.dtype == pl.String and name not in ("content", "event", "month", "weekday"):
            probe = column.drop_nulls().head(100)
            is_clock = name in ("date", "time") and not probe.str.contains(r"^1[0-9]{9,12}$").all()
            if len(probe) and not is_clock:
                column = _as_number(column, probe, layout)
        columns.append(column)
    return pl.DataFrame(columns)


def _as_number(column: pl.Series, probe: pl.Series, layout: Layout) -> pl.Series:
    import polars as pl

    if probe.str.contains(_WHOLE).all() and column.drop_nulls().str.contains(_WHOLE).all():
        return column.cast(pl.Int64)
    quantities = layout.name in ("pairs", "declared") or column.name in layout.numbers
    if quantities and probe.str.contains(_DECIMAL).all() and column.drop_nulls().str.contains(_DECIMAL).all():
        codes = column.str.contains(r"^-?0[0-9]").any()
        return column if codes else column.cast(pl.Float64)
    return column
