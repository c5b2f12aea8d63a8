"""Columns of text that are really something else: numbers, dates, yes and no. Each conversion holds for every value
of the column or is not made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from flowml.data.conversion.dates import numbered_dates, parse_dates, settled_dates, unclear_dates
from flowml.data.conversion.flags import without_flags
from flowml.data.conversion.formulas import without_formulas
from flowml.data.conversion.guess import NOTHING, Guess
from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS, SENTINELS
from flowml.data.conversion.mostly import mostly_dates, written_like_dates
from flowml.data.conversion.notation import Notation
from flowml.data.conversion.numbers import (
    has_long_plain,
    looks_like_number,
    plain_notation,
    read_numbers,
    unclear_commas,
    unlike_most,
)
from flowml.data.conversion.odd import (
    MOSTLY,
    LineOf,
    RowOf,
    are_few,
    from_one,
    kept,
    lost,
    no_quantities,
    words_for_missing,
)
from flowml.data.threads import each_column
from flowml.domain.remarks import Remark, decision, note

_PROBE = 500
_PLAIN_TEXT = r"^\pL[\pL ,.;:'-]{6,}$"
_MANY_ROWS = 100_000
_SAMPLE = 2_000
_TRUTHS = ("true", "false")


@dataclass(frozen=True)
class Conventions:
    """How the owner of a file says its values are written; None where they said nothing.

    `missing` replaces the spellings of missing that are known; `thousands` is “none” for numbers without separators.
    """

    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    date_order: str | None = None


NO_CONVENTIONS = Conventions()


@dataclass
class Conversion:
    """The frame in its true types, what is worth saying, what was taken for each of the conventions, and how each
    column of texts was read: of columns that have a type of their own, there is no notation."""

    frame: pl.DataFrame
    remarks: list[Remark] = field(default_factory=list)
    decided: dict[str, Any] = field(default_factory=dict)
    notations: dict[str, Notation] = field(default_factory=dict)


def convert_texts(
    frame: pl.DataFrame,
    *,
    typed: bool,
    conventions: Conventions = NO_CONVENTIONS,
    literal: Collection[str] = (),
    delimiter: str | None = None,
    line_of: LineOf = lambda row: None,
    row_of: RowOf = from_one,
) -> Conversion:
    """Give the text columns of a frame their true types.

    Of a file that has types of its own (`typed`), only dates are converted: a number kept as text is meant so. The
    `literal` columns are texts whatever they look like; `delimiter` is what stands between the file's values.
    `line_of` gives the line of the file that a row came from, `row_of` the number that people know it by
    where it has none.
    """

    def convert(column: pl.Series) -> tuple[pl.Series, _Converter]:
        # Each column with a converter of its own, for they run in threads.
        converter = _Converter(conventions, typed, line_of, row_of)
        return column if column.name in literal else converter.convert(column), converter

    remarks: list[Remark] = []
    if not typed and conventions.missing is None:
        frame, remarks = without_flags(frame, literal)
    converter = _Converter(conventions, typed, line_of, row_of)
    columns: dict[str, pl.Series] = {}
    for column, its_own in each_column(convert, frame.get_columns()):
        columns[column.name] = column
        converter.learn_from(its_own)
    if converter.unclear:
        columns |= converter.settle(frame.get_columns(), delimiter)
    if not typed:
        converter.point_out_sentinels(columns.values())
    return Conversion(
        pl.DataFrame(list(columns.values())),
        remarks + converter.remarks(),
        converter.decided(),
        converter.notations_of(columns, literal),
    )


@dataclass(frozen=True)
class _Pending:
    """A column that waits for what the others prove: as it stands, and its `values` without words for “missing”."""

    found: Guess
    original: pl.Series
    values: pl.Series


class _Converter:
    """Converts columns and keeps what they prove about the file."""

    def __init__(self, conventions: Conventions, typed: bool, line_of: LineOf, row_of: RowOf) -> None:
        self.unclear: dict[str, _Pending] = {}
        self._notations: dict[str, Notation] = {}
        self._said = conventions
        self._typed = typed
        self._line_of, self._row_of = line_of, row_of
        self._remarks: list[Remark] = []
        self._missing: Counter[str] = Counter()
        self._decimals: Counter[str] = Counter()
        self._thousands: Counter[str] = Counter()
        self._orders: Counter[str] = Counter()
        self._spellings = MISSING if conventions.missing is None else ("", *conventions.missing)

    def convert(self, column: pl.Series) -> pl.Series:
        if column.dtype.is_numeric() and not self._typed:
            self._notations[column.name] = plain_notation(column)
            return self._take(self._with_lost(numbered_dates(column), column), column)
        if column.dtype != pl.String:
            return column
        if not self._typed:
            column = self._with_missing(column)
            if (texts := without_formulas(column)) is not None:
                said = f'In “{column.name}”, values written as ="…" were read as the text in the quotes.'
                self._remarks.append(note("texts_as_formulas", said))
                self._notations[column.name] = Notation("text", formulas=True)
                return self._with_missing(texts)
        present = column.drop_nulls()
        if present.is_empty():
            return column
        probe = pl.concat([present.head(_PROBE), present.tail(_PROBE)]) if len(present) > 2 * _PROBE else present
        # Nothing of what follows is made of long words.
        if probe.str.contains(_PLAIN_TEXT).mean() > 0.5:  # type: ignore[operator]
            return self._take(self._dates(column, probe, self._said.date_order), column)
        if self._typed:
            return self._take(self._dates(column, probe, self._said.date_order), column)
        return self._convert(column, probe)

    def learn_from(self, other: _Converter) -> None:
        """Take over what another has found."""
        self.unclear |= other.unclear
        self._notations |= other._notations
        self._remarks += other._remarks
        self._missing += other._missing
        self._decimals += other._decimals
        self._thousands += other._thousands
        self._orders += other._orders

    def settle(self, columns: Collection[pl.Series], delimiter: str | None) -> dict[str, pl.Series]:
        """Look again at the columns that could not decide for themselves, with what all `columns` of the file prove."""
        for column in columns:
            if column.dtype == pl.Float64 and not (column.floor() == column).all():
                self._decimals["."] += 1
        kinds = ("date", "list", "number")
        waiting = sorted(self.unclear.items(), key=lambda item: kinds.index(item[1].found.unclear or "date"))
        n_lists = sum(pending.found.unclear == "list" for _, pending in waiting)
        # The commas of lists stand in a file of points; that many would be no accident.
        are_lists = not self._decimals[","] and 0 < n_lists <= 2 * self._decimals["."]
        settled = {}
        for name, pending in waiting:
            if pending.found.unclear == "date":
                settled[name] = self._settle_dates(pending)
            elif pending.found.unclear == "list":
                settled[name] = self._settle_commas(pending, are_lists=are_lists)
            else:
                settled[name] = self._settle_numbers(pending, delimiter)
        return settled

    def _settle_dates(self, pending: _Pending) -> pl.Series:
        values = pending.values
        order = self._only(self._orders)
        found = self._dates(values, values.drop_nulls(), order) if order else NOTHING
        if found.series is None or order is None:
            self._remarks.append(unclear_dates(values.name))
            return pending.original
        self._remarks.append(settled_dates(values.name, order))
        return self._accept(found, pending.original, values)

    def _settle_commas(self, pending: _Pending, *, are_lists: bool) -> pl.Series:
        if not are_lists:
            return self._accept(replace(pending.found, unclear=None), pending.original, pending.values)
        self._remarks.append(unclear_commas(pending.values, "separate the values of a list", self._decimals))
        return pending.original

    def _settle_numbers(self, pending: _Pending, delimiter: str | None) -> pl.Series:
        values = pending.values
        decimal = self._only(self._decimals)
        if decimal is None and values.str.contains(",", literal=True).any():
            # A file with semicolons may well have decimal commas, and who groups thousands mostly groups them all.
            is_open = delimiter == ";" or has_long_plain(values)
        else:
            is_open = False
        if is_open or (decimal is None and self._decimals):
            self._remarks.append(unclear_commas(values, "separate thousands", self._decimals))
            return pending.original
        found = self._numbers(values, decimal or ".")
        if found is NOTHING:
            found = self._numbers_but_few(values, decimal or ".")
        if found.remark and found.series is not None:
            why = "as in the file's other numbers" if decimal else "which nothing in the file proves"
            said = f"{found.remark.text.removesuffix('.')}, {why}. The option “decimal” overrules."
            proof = (note if decimal else decision)("number_style", said)
            found = replace(found, remark=replace(found.remark.or_graver(proof), text=said))
        return self._accept(replace(found, proof=None), pending.original, values)

    def notations_of(self, columns: Mapping[str, pl.Series], literal: Collection[str]) -> dict[str, Notation]:
        """How each column of texts was read; what one does not prove by itself is as the file's others have it."""
        proved = {notation.decimal for notation in self._notations.values()} - {None}
        decimal = self._said.decimal or (next(iter(proved)) if len(proved) == 1 else None)
        thousands = self._said.thousands or self._only(self._thousands) or ""
        order = self._said.date_order or self._only(self._orders)
        found = {}
        for name, column in columns.items():
            notation = self._notations.get(name)
            if column.dtype == pl.String and not self._typed:
                formulas = notation is not None and notation.formulas
                notation = Notation("text", literal=name in literal, formulas=formulas)
            elif notation is None:
                continue
            elif notation.kind == "number":
                sign = notation.decimal or decimal
                between = notation.thousands or ("" if thousands in ("none", sign) else thousands)
                notation = replace(notation, decimal=sign, thousands=between)
            elif notation.kind == "date":
                notation = replace(notation, order=notation.order or order)
            found[name] = replace(notation, missing=None if name in literal else self._said.missing)
        return found

    def point_out_sentinels(self, columns: Collection[pl.Series]) -> None:
        """-999 among numbers that are all above zero is a missing value; only people know."""
        found = []
        for column in columns:
            if column.dtype in (pl.Int64, pl.Float64) and (least := column.min()) in SENTINELS:
                others = column.filter(column != least)
                if not others.is_empty() and others.min() > least / 2:  # type: ignore[operator]
                    count = len(column.drop_nulls()) - len(others)
                    found.append(f"“{column.name}” ({least:,.0f} in {count:,} {'row' if count == 1 else 'rows'})")
        if found:
            more = f" and {len(found) - 8:,} more" if len(found) > 8 else ""
            said = f"Perhaps a missing value written as a number, and left as it is: {', '.join(found[:8])}{more}."
            self._remarks.append(decision("perhaps_missing", said))

    def remarks(self) -> list[Remark]:
        if not self._missing:
            return self._remarks
        spelled = ", ".join(
            f"“{value}” ({count:,})"
            for value, count in sorted(self._missing.items(), key=lambda item: (-item[1], item[0]))[:8]
        )
        return [*self._remarks, note("read_as_missing", f"Read as missing: {spelled}.")]

    def decided(self) -> dict[str, Any]:
        decided: dict[str, Any] = {}
        if decimal := self._said.decimal or self._only(self._decimals):
            decided["decimal"] = decimal
        if thousands := self._said.thousands or self._only(self._thousands):
            decided["thousands"] = thousands
        if order := self._said.date_order or self._only(self._orders):
            decided["date_order"] = order
        decided["missing"] = (
            sorted(self._missing) if self._said.missing is None else list(dict.fromkeys(self._said.missing))
        )
        return decided

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
                self._missing[value] += count
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
            found = self._numbers(blanked)
            if found is NOTHING:
                found = self._numbers_but_few(blanked)
            if found.series is not None or found.unclear or found.remark:
                return self._accept(found, column, blanked)
        if (truths := self._truths(column, probe)) is not None:
            return truths
        found = parse_dates(column, probe, order=self._said.date_order)
        if found is NOTHING and written_like_dates(rest):
            blanked = self._without_words(column)
            return self._accept(self._dates(blanked, rest, self._said.date_order), column, blanked)
        if found is NOTHING and (remark := no_quantities(column, probe, self._line_of, self._row_of)):
            self._remarks.append(remark)
        return self._take(self._with_lost(found, column), column)

    def _numbers(self, column: pl.Series, suggested: str | None = None) -> Guess:
        said = self._said
        decimal = said.decimal or suggested
        return read_numbers(column, decimal=decimal, thousands=said.thousands, sure=said.decimal is not None)

    def _numbers_but_few(self, column: pl.Series, suggested: str | None = None) -> Guess:
        """As numbers, a few values that are none, or are not written like the others, set aside and named."""
        odd = (~looks_like_number(column)).fill_null(value=False)
        odd |= unlike_most(column.set(odd, None))
        if not odd.any():
            return NOTHING
        if are_few(column, odd):
            found = self._numbers(column.set(odd, None), suggested)
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
            self._remarks.append(lost(column, odd, "truth value", self._line_of, self._row_of))
        self._notations[column.name] = Notation("boolean")
        return (lower == "true").set(odd, None)

    def _dates(self, column: pl.Series, probe: pl.Series, order: str | None) -> Guess:
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

    def _accept(self, found: Guess, column: pl.Series, blanked: pl.Series) -> pl.Series:
        """Take a guess that held once words for “missing” were set aside; they are missing only then."""
        if found.unclear:
            self.unclear[column.name] = _Pending(found, column, blanked)
            return column
        if found.series is None:
            return self._take(found, column)
        words = blanked.is_null() & column.is_not_null()
        if words.any():
            self._remarks.append(words_for_missing(column, words, self._line_of, self._row_of))
            self._blanked(column, words)
        return self._take(found, blanked)

    def _settled(self, found: Guess, column: pl.Series) -> pl.Series:
        if found.series is None:
            return column
        if found.notation is not None:
            self._notations[column.name] = found.notation
        return found.series

    def _take(self, found: Guess, column: pl.Series) -> pl.Series:
        if found.unclear:
            return self._accept(found, column, column)
        if found.remark:
            self._remarks.append(found.remark)
        if found.proof in (".", ","):
            self._decimals[found.proof] += 1
        elif found.proof:
            self._orders[found.proof] += 1
        if found.thousands:
            self._thousands[found.thousands] += 1
        series = self._settled(found, column)
        if series.dtype == pl.Int64 and column.dtype == pl.String:
            return self._take(self._with_lost(numbered_dates(series), series), series)
        return series

    @staticmethod
    def _only(counts: Counter[str]) -> str | None:
        """What all columns agree about."""
        return next(iter(counts)) if len(counts) == 1 else None
