"""One column of texts that are really something else: numbers, dates, yes and no."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from flowml.data.conversion.conventions import Conventions
from flowml.data.conversion.dates import numbered_dates, parse_dates
from flowml.data.conversion.evidence import Evidence, Pending
from flowml.data.conversion.formulas import without_formulas
from flowml.data.conversion.guess import NOTHING, Guess
from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS
from flowml.data.conversion.mostly import mostly_dates, written_like_dates
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.numbers import looks_like_number, plain_notation, read_numbers, unlike_most
from flowml.data.conversion.odd import (
    MOSTLY,
    LineOf,
    RowOf,
    are_few,
    kept,
    lost,
    no_quantities,
    words_for_missing,
)
from flowml.domain.remarks import note

_PROBE = 500
_PLAIN_TEXT = r"^\pL[\pL ,.;:'-]{6,}$"
_MANY_ROWS = 100_000
_SAMPLE = 2_000
_TRUTHS = ("true", "false")


class ColumnConverter:
    """Converts columns one by one; what they prove about their file is its `evidence`."""

    def __init__(self, conventions: Conventions, typed: bool, line_of: LineOf, row_of: RowOf) -> None:
        self.evidence = Evidence()
        self._said = conventions
        self._typed = typed
        self._line_of, self._row_of = line_of, row_of
        self._spellings = MISSING if conventions.missing is None else ("", *conventions.missing)

    def convert(self, column: pl.Series) -> pl.Series:
        """The column in its true type; as it stands where it is what it seems, or is not clear yet (`pending`)."""
        if column.dtype.is_numeric() and not self._typed:
            self.evidence.notations[column.name] = plain_notation(column)
            return self._take(self._with_lost(numbered_dates(column), column), column)
        if column.dtype != pl.String:
            return column
        if not self._typed:
            column = self._with_missing(column)
            if (texts := without_formulas(column)) is not None:
                said = f'In “{column.name}”, values written as ="…" were read as the text in the quotes.'
                self.evidence.remarks.append(note("texts_as_formulas", said))
                self.evidence.notations[column.name] = Notation("text", formulas=True)
                return self._with_missing(texts)
        present = column.drop_nulls()
        if present.is_empty():
            return column
        probe = pl.concat([present.head(_PROBE), present.tail(_PROBE)]) if len(present) > 2 * _PROBE else present
        # Nothing but dates is made of long words.
        if self._typed or probe.str.contains(_PLAIN_TEXT).mean() > 0.5:  # type: ignore[operator]
            return self._take(self.dates(column, probe, self._said.date_order), column)
        return self._convert(column, probe)

    def _with_missing(self, column: pl.Series) -> pl.Series:
        """Blanks around values removed, spellings of missing made null and counted."""
        if self._is_plain(column):
            return column
        stripped = column.str.strip_chars()
        return self._blanked(stripped, stripped.is_in(self._spellings))

    def _is_plain(self, column: pl.Series) -> bool:
        """Whether no value has blanks around it or is a spelling of missing; asked of few values that stand for all,
        where a sample says that they are few."""
        if len(column) < _MANY_ROWS or column.head(_SAMPLE).n_unique() > _SAMPLE / 2:
            return False
        distinct = column.unique().drop_nulls()
        if len(distinct) > len(column) / 8:
            return False
        stripped = distinct.str.strip_chars()
        return bool((stripped == distinct).all()) and not stripped.is_in(self._spellings).any()

    def _blanked(self, column: pl.Series, is_missing: pl.Series) -> pl.Series:
        if not is_missing.any():
            return column
        for value, count in column.filter(is_missing).value_counts().iter_rows():
            if value:
                self.evidence.missing[value] += count
        return column.set(is_missing.fill_null(value=False), None)

    def _convert(self, column: pl.Series, probe: pl.Series) -> pl.Series:
        words = probe.str.to_lowercase().is_in(MISSING_AMONG_NUMBERS)
        if self._said.missing is not None:
            words = pl.repeat(value=False, n=len(probe), dtype=pl.Boolean, eager=True)
        rest = probe.filter(~words)
        if len(rest) < len(probe) / 2:
            return column
        numeric = looks_like_number(rest)
        share = float(numeric.mean() or 0)  # type: ignore[arg-type]
        if share >= MOSTLY:
            blanked = self._without_words(column)
            found = self.numbers(blanked)
            if found is NOTHING:
                found = self.numbers_but_few(blanked)
            if found.series is not None or found.unclear or found.remark:
                return self.accept(found, column, blanked)
        if (truths := self._truths(column, probe)) is not None:
            return truths
        found = parse_dates(column, probe, order=self._said.date_order)
        if found is NOTHING and written_like_dates(rest):
            blanked = self._without_words(column)
            return self.accept(self.dates(blanked, rest, self._said.date_order), column, blanked)
        if found is NOTHING and (remark := no_quantities(column, probe, self._line_of, self._row_of)):
            self.evidence.remarks.append(remark)
        return self._take(self._with_lost(found, column), column)

    def numbers(self, column: pl.Series, suggested: str | None = None) -> Guess:
        said = self._said
        decimal = said.decimal or suggested
        return read_numbers(column, decimal=decimal, thousands=said.thousands, sure=said.decimal is not None)

    def numbers_but_few(self, column: pl.Series, suggested: str | None = None) -> Guess:
        """As numbers, a few values that are none, or are not written like the others, set aside and named."""
        odd = (~looks_like_number(column)).fill_null(value=False)
        odd |= unlike_most(column.set(odd, None))
        if not odd.any():
            return NOTHING
        if are_few(column, odd):
            found = self.numbers(column.set(odd, None), suggested)
            if found.series is not None:
                return self._with_lost(found, column, "number")
            if found.unclear:
                return found
        return Guess(remark=kept(column, odd, "no number", self._line_of, self._row_of))

    def _truths(self, column: pl.Series, probe: pl.Series) -> pl.Series | None:
        """As true and false; None where it is something else."""
        if probe.str.to_lowercase().is_in(_TRUTHS).mean() < MOSTLY:  # type: ignore[operator]
            return None
        lower = column.str.to_lowercase()
        odd = (~lower.is_in(_TRUTHS)).fill_null(value=False)
        if odd.any():
            # A third word may well be a value of its own.
            if not are_few(column, odd, telling=""):
                return None
            self.evidence.remarks.append(lost(column, odd, "truth value", self._line_of, self._row_of))
        self.evidence.notations[column.name] = Notation("boolean")
        return (lower == "true").set(odd, None)

    def dates(self, column: pl.Series, probe: pl.Series, order: str | None) -> Guess:
        """As dates, a few values that are none set aside and named."""
        found = parse_dates(column, probe, order=order)
        if found is not NOTHING:
            return self._with_lost(found, column)
        mostly = mostly_dates(column, probe, order)
        if mostly is None:
            return NOTHING
        if mostly.said:
            return Guess(remark=kept(column, mostly.odd, mostly.said, self._line_of, self._row_of))
        return self._with_lost(mostly.found, column)

    def _with_lost(self, found: Guess, column: pl.Series, kind: str = "date") -> Guess:
        """With a remark that names the values which became missing."""
        if found.series is None or found.series.null_count() == column.null_count():
            return found
        remark = lost(
            column.cast(pl.String), found.series.is_null() & column.is_not_null(), kind, self._line_of, self._row_of
        )
        return replace(found, remark=found.remark.followed_by(remark) if found.remark else remark)

    def _without_words(self, column: pl.Series) -> pl.Series:
        if self._said.missing is not None:
            return column
        return column.set(column.str.to_lowercase().is_in(MISSING_AMONG_NUMBERS).fill_null(value=False), None)

    def accept(self, found: Guess, column: pl.Series, blanked: pl.Series) -> pl.Series:
        """Take a guess that held once words for “missing” were set aside; they are missing only then."""
        if found.unclear:
            self.evidence.pending[column.name] = Pending(found, column, blanked)
            return column
        if found.series is None:
            return self._take(found, column)
        words = blanked.is_null() & column.is_not_null()
        if words.any():
            self.evidence.remarks.append(words_for_missing(column, words, self._line_of, self._row_of))
            self._blanked(column, words)
        return self._take(found, blanked)

    def _take(self, found: Guess, column: pl.Series) -> pl.Series:
        if found.unclear:
            return self.accept(found, column, column)
        if found.remark:
            self.evidence.remarks.append(found.remark)
        if found.proof in (".", ","):
            self.evidence.decimals[found.proof] += 1
        elif found.proof:
            self.evidence.orders[found.proof] += 1
        if found.thousands:
            self.evidence.thousands[found.thousands] += 1
        if found.series is None:
            return column
        if found.notation is not None:
            self.evidence.notations[column.name] = found.notation
        series = found.series
        if series.dtype == pl.Int64 and column.dtype == pl.String:
            return self._take(self._with_lost(numbered_dates(series), series), series)
        return series
