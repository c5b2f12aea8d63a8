"""What stands in a column of texts: how long they are, which words are frequent, and some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from flowml.data.profiling.counts import count_values
from flowml.data.profiling.distribution import spread
from flowml.data.profiling.figures import DEFAULT_BINS
from flowml.data.sampling import read_spread
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

_MOST_ROWS = 100_000
_WORD = r"[\p{L}\p{N}]{3,}"
_WORDS, _SAMPLES, _LONGEST_SAMPLE = 20, 6, 400


def texts_of_table(request: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `column` of texts of the `table` at this path: {"lengths": a histogram of their characters, "words":
    [{"word", "count"}] with the rows that hold each, "samples", "note"}. Raises InvalidInput for a column of something
    else."""
    frame, note = read_spread(Path(request["table"]), [request["column"]], _MOST_ROWS)
    values = frame.to_series()
    if values.dtype != pl.String:
        raise InvalidInput.of_field("column", f"“{values.name}” holds no texts.", hint="Ask for its distribution.")
    texts = values.drop_nulls()
    lengths = texts.str.len_chars().cast(pl.Int64)
    shown = spread(count_values(lengths), lengths.dtype, Role.NUMERIC, len(values), DEFAULT_BINS)
    return {"lengths": asdict(shown), "words": _frequent(texts), "samples": _some(texts), "note": note}


def _frequent(texts: pl.Series) -> list[dict[str, Any]]:
    # Each word once a text: a word that one text repeats is not frequent in the column.
    words = texts.str.to_lowercase().str.extract_all(_WORD).list.unique().explode().drop_nulls()
    counts = words.alias("word").value_counts(name="count").filter(pl.col("count") > 1)
    return counts.sort(["count", "word"], descending=[True, False]).head(_WORDS).to_dicts()


def _some(texts: pl.Series) -> list[str]:
    """Different ones from all over the column, cut where they are very long."""
    different = texts.unique(maintain_order=True)
    some = different.gather_every(max(1, len(different) // _SAMPLES)).head(_SAMPLES)
    return [text if len(text) <= _LONGEST_SAMPLE else f"{text[: _LONGEST_SAMPLE - 1]}…" for text in some]
