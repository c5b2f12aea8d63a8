"""Lines taken apart by a layout, and the lines between them given to the entries that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flowml.data.format import Limits
from flowml.data.logs.layouts import Layout

if TYPE_CHECKING:
    import polars as pl

_SHOWN_LINES = 5
_MATCHED = "matched"
_SEVERITIES = ("EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG")


@dataclass
class Entries:
    """The entries of a log: one row each, all texts. `continued` counts lines that were added to the entry before
    them; `stray` holds the first of the lines that fit nothing, by number, and `n_stray` how many there are."""

    frame: pl.DataFrame
    continued: int = 0
    n_stray: int = 0
    stray: list[tuple[int, str]] = field(default_factory=list)


def take_apart(blocks: Iterable[pl.Series], layout: Layout, limits: Limits) -> Entries:
    """The entries in all lines of a file. Raises TooLarge."""
    import polars as pl

    frames: list[pl.DataFrame] = []
    pieces: list[pl.DataFrame] = []
    entries = Entries(pl.DataFrame())
    height = lines_before = 0
    for block in blocks:
        fields, lines = _match(block, layout, lines_before)
        lines_before += len(block)
        # Entries are counted from 1; a line before the first belongs to 0.
        lines = lines.with_columns(entry=pl.col(_MATCHED).cast(pl.Int64).cum_sum() + height)
        frames.append(fields)
        height += fields.height
        limits.check(height, fields.width)
        rest = lines.filter(~pl.col(_MATCHED)).filter(pl.col("line").str.contains(r"\S"))
        if rest.is_empty():
            continue
        keeps = layout.has_content
        stray = rest.filter(pl.col("entry") == 0) if keeps else rest
        entries.n_stray += stray.height
        entries.stray += stray.select("number", "line").head(_SHOWN_LINES - len(entries.stray)).rows()
        if keeps:
            pieces.append(rest.filter(pl.col("entry") > 0).select("entry", "line"))
    frame = pl.concat(frames, rechunk=False) if frames else pl.DataFrame()
    if pieces:
        entries.continued = sum(piece.height for piece in pieces)
        frame = _with_continuations(frame, pl.concat(pieces))
    entries.frame = frame
    return entries


def matched_share(lines: pl.Series, layout: Layout) -> float:
    """The share of lines that have the layout."""
    return float(lines.str.contains(layout.pattern).mean() or 0.0)  # type: ignore[arg-type]


def _match(block: pl.Series, layout: Layout, lines_before: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    import polars as pl

    # Blanks at a line's end say nothing, and an empty group tells what matched from what did not.
    pattern = f"{layout.pattern.removesuffix('$')}(?P<{_MATCHED}>)$"
    block = block.str.strip_chars_end()
    fields = block.str.extract_groups(pattern).struct.unnest()
    hit = fields[_MATCHED].is_not_null()
    if layout.comment is not None:
        skipped = block.str.contains(layout.comment)
    else:
        skipped = pl.repeat(value=False, n=len(block), eager=True)
    lines = pl.DataFrame(
        {
            "number": pl.int_range(lines_before + 1, lines_before + 1 + len(block), eager=True),
            "line": block,
            _MATCHED: hit,
        }
    ).filter(~skipped)
    return _joined_alternatives(fields.filter(hit).drop(_MATCHED)), lines


def _joined_alternatives(fields: pl.DataFrame) -> pl.DataFrame:
    """`x` and `x_alone`, of which a line has one, as one column."""
    import polars as pl

    for name in fields.columns:
        if name.endswith("_alone"):
            base = name.removesuffix("_alone")
            whole = pl.coalesce(base, name) if base in fields.columns else pl.col(name)
            fields = fields.with_columns(whole.alias(base)).drop(name)
    return fields


def _with_continuations(frame: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    joined = pieces.group_by("entry", maintain_order=True).agg(pl.col("line").str.join("\n").alias("more"))
    return (
        frame.with_row_index("entry", offset=1)
        .with_columns(pl.col("entry").cast(pl.Int64))
        .join(joined, on="entry", how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("more").is_null())
            .then(pl.col("content"))
            .otherwise(pl.col("content") + "\n" + pl.col("more"))
            .alias("content")
        )
        .drop("entry", "more")
    )


def with_severity(frame: pl.DataFrame) -> pl.DataFrame:
    """A column `level` from syslog's priority (RFC 5424: eight times the facility plus the severity)."""
    import polars as pl

    if "pri" not in frame.columns or frame["pri"].null_count() == frame.height:
        return frame
    severity = frame["pri"].cast(pl.Int64, strict=False) % 8
    names = severity.replace_strict(list(range(8)), list(_SEVERITIES), default=None, return_dtype=pl.String)
    return frame.insert_column(frame.get_column_index("pri") + 1, names.alias("level"))
