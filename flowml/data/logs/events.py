"""The kind of event that a message tells of: the message without what varies in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowml.data.logs.drain import WILDCARD, Drain, Template

if TYPE_CHECKING:
    import polars as pl

# What identifies one thing rather than says something: addresses of the web, hexadecimal numbers, paths, numbers.
_MASKS = (
    (r"[a-z][a-z0-9+.-]*://[^ \t]+|0x[0-9a-fA-F]+", WILDCARD),
    (r"(?-u:\b)(?:[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,})(?-u:\b)", WILDCARD),
    (r"(^|[ \t=:(\[\"'])(?:/[^ \t/,;:)\]\"']+)+/?", "${1}<*>"),
    (r"_-?[0-9]+", "_<*>"),
    (r"(?-u:\b)[0-9]+(?:[.:,/-][0-9]+)*[A-Za-z]{0,2}(?-u:\b)", WILDCARD),
    (r"[+-]<\*>", WILDCARD),
)
_LONGEST_MESSAGE = 300
_MOST_TOKENS = 40
_ROWS_AT_ONCE = 200_000
# Messages that differ after masking: this many are matched, the more frequent first.
_MOST_MESSAGES = 60_000
# On this many rows it is tried out whether there are kinds of messages at all: this share must be of one.
_TRIAL_ROWS = 10_000
_LEAST_SHARE = 0.5


def add_events(contents: pl.Series) -> tuple[pl.Series | None, int]:
    """The template of each message, and how many messages got none because there are too many kinds; no templates at
    all where most messages are like no others."""
    import polars as pl

    every = max(1, len(contents) // _TRIAL_ROWS)
    if _assigned(contents.gather_every(every), Drain(), _MOST_MESSAGES)[0] < _LEAST_SHARE:
        return None, 0
    drain = Drain()
    budget = _MOST_MESSAGES
    codes: list[pl.Series] = []
    templates: list[Template | None] = []
    for start in range(0, len(contents), _ROWS_AT_ONCE):
        _, masked, pairs = _assigned(contents.slice(start, _ROWS_AT_ONCE), drain, budget)
        budget = max(1000, budget - len(pairs))
        messages = pl.Series([message for message, _ in pairs], dtype=pl.String)
        numbers = pl.int_range(len(templates), len(templates) + len(pairs), dtype=pl.UInt32, eager=True)
        codes.append(masked.replace_strict(messages, numbers, default=None, return_dtype=pl.UInt32))
        templates += [template for _, template in pairs]
    # Only now: a template is widened by later messages.
    names = pl.Series([None if template is None else str(template) for template in templates], dtype=pl.String)
    event = pl.Series("event", names.gather(pl.concat(codes))) if codes else pl.Series("event", [], dtype=pl.String)
    return event, event.null_count() - contents.null_count()


def _assigned(
    contents: pl.Series, drain: Drain, most: int
) -> tuple[float, pl.Series, list[tuple[str, Template | None]]]:
    """The share of rows that have a template, the masked messages, and the template of each kind of them."""
    masked = mask(contents)
    counts = masked.drop_nulls().value_counts(sort=True)
    pairs: list[tuple[str, Template | None]] = []
    with_template = 0
    for message, count in counts.head(most).iter_rows():
        template = drain.add(message.split()[:_MOST_TOKENS])
        pairs.append((message, template))
        with_template += count if template is not None else 0
    return with_template / max(1, int(counts["count"].sum())), masked, pairs


def mask(contents: pl.Series) -> pl.Series:
    """The first lines of messages with a wildcard for everything that is a number, an identifier or a path."""
    masked = contents.str.head(_LONGEST_MESSAGE).str.extract(r"^([^\n]*)")
    for pattern, replacement in _MASKS:
        masked = masked.str.replace_all(pattern, replacement)
    return masked.alias("masked")
