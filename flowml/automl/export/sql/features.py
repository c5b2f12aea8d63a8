"""From the columns of a table to the features of a model, in SQL."""

import math
import string
from collections.abc import Mapping, Sequence
from typing import Any

from flowml.automl.export.calendar import parts_of
from flowml.automl.export.content import cannot
from flowml.automl.export.spelling import WHITE_SPACE, is_stripped, missing_spellings
from flowml.automl.export.sql.query import Column, Query, literal, number, quoted, spelled
from flowml.automl.features.values import DAY_AFTER_LAST, FIRST_DAY, LARGEST
from flowml.automl.schema.feature import Feature
from flowml.domain.datasets import Role

WHAT = "SQL"
_BOUND = number(LARGEST)


class Features:
    """The columns of one encoder, as the model file has it; `columns`: the table's, by their names."""

    def __init__(self, query: Query, columns: Mapping[str, Feature]):
        self._query = query
        self._table = columns

    def of(self, encoder: Mapping[str, Any]) -> list[Column]:
        """Its features, NULL where they are missing. Raises WrongState for free texts."""
        needed = {source for item in encoder["combined"] for source in item["combination"]["sources"]}
        found: list[Column] = []
        parts: list[Column | None] = []
        for column in encoder["columns"]:
            used = {one["part"] for one in column["encoders"]}
            first = len(parts)
            for index in range(_n_parts(column["derivation"])):
                wanted = index in used or first + index in needed
                parts.append(self._part(column["derivation"], index) if wanted else None)
            for one in column["encoders"]:
                found += self._columns(one, _there(parts[first + one["part"]]))
        for item in encoder["combined"]:
            first_part, second_part = (_there(parts[source]) for source in item["combination"]["sources"])
            found += self._columns(item["encoder"], self._combined(item["combination"], first_part, second_part))
        return found

    def _part(self, derivation: Mapping[str, Any], index: int) -> Column:
        kind, name = derivation["kind"], derivation["name"]
        if kind == "moment":
            return self._moment(name)[index]
        if kind == "text":
            raise cannot(WHAT, f"“{name}” is free text")
        column, feature = Column(quoted(name)), self._table[name]
        if kind == "number" and feature.role is Role.BOOLEAN:
            # Of a truth value, of 1 and 0, and of a text the same.
            word = self._query.add(f"LOWER({_bare(f'CAST({column.text} AS VARCHAR)')})", column)
            return self._query.add(
                f"CASE {_among(word.text, _YES)} THEN 1.0e0 {_among(word.text, _NO)} THEN 0.0e0 END", word
            )
        if kind == "number":
            value = f"CAST({column.text} AS DOUBLE PRECISION)"
            return self._query.add(f"CASE WHEN ABS({value}) <= {_BOUND} THEN {value} END", column)
        found = self._label(feature, column)
        return self._query.add(_beginning(found.text), found) if index == 1 else found

    def _moment(self, name: str) -> list[Column]:
        """The parts of a date that the table has as days since 1970."""
        value = f"CAST({quoted(name)} AS DOUBLE PRECISION)"
        within = f"{value} >= {number(FIRST_DAY)} AND {value} < {number(DAY_AFTER_LAST)}"
        return parts_of(_Days(self._query), self._query.add(f"CASE WHEN {within} THEN {value} END"))

    def _label(self, feature: Feature, column: Column) -> Column:
        text = f"CAST({column.text} AS VARCHAR)"
        if feature.dtype.startswith("Float"):
            # As a person writes it, 3 and not 3.0; where a whole number has no place, it is left as it is.
            whole = f"CAST({column.text} AS BIGINT)"
            written = f"CASE WHEN {column.text} = {whole} THEN CAST({whole} AS VARCHAR) ELSE {text} END"
            sized = f"WHEN ABS({column.text}) <= 9e15 THEN {written} WHEN ABS({column.text}) <= 1.7e308 THEN {text}"
            return self._query.add(f"CASE {sized} END", column)
        if not is_stripped(feature):
            return self._query.add(f"NULLIF({text}, '')", column)
        bare = self._query.add(_bare(text), column)
        # R's sign for a missing value is harmless; what a file's owner calls one need not be.
        words = (spelled(one) if one == "\\N" else literal(one) for one in missing_spellings(feature))
        missing = ", ".join(("''", *words))
        return self._query.add(f"CASE WHEN {bare.text} NOT IN ({missing}) THEN {bare.text} END", bare)

    def _columns(self, encoder: Mapping[str, Any], part: Column) -> list[Column]:
        if encoder["kind"] == "number":
            return self._of_number(encoder, part)
        return self._of_label(encoder, part)

    def _of_number(self, encoder: Mapping[str, Any], part: Column) -> list[Column]:
        fill = encoder["fill"]
        value = part if fill is None else self._query.add(f"COALESCE({part.text}, {number(fill)})", part)
        if encoder["period"]:
            angle = self._query.add(f"{value.text} * {number(2 * math.pi / encoder['period'])}", value)
            found = [self._query.add(f"{function}({angle.text})", angle) for function in ("SIN", "COS")]
            return [*found, *([self._marked(part)] if encoder["mark_missing"] else [])]
        if encoder["log_unit"]:
            size = f"LN(1.0e0 + ABS({value.text}) / {number(encoder['log_unit'])})"
            value = self._query.add(f"CASE WHEN {value.text} < 0 THEN -{size} ELSE {size} END", value)
        if encoder["centre"] or encoder["scale"] != 1.0:
            scaled = f"({value.text} - {number(encoder['centre'])}) / {number(encoder['scale'])}"
            value = self._query.add(scaled, value)
        if encoder["bounded"]:
            value = self._query.add(held(value.text, -12.0, 12.0), value)
        if not encoder["mark_missing"]:
            return [value]
        return [value, self._marked(part)]

    def _marked(self, part: Column) -> Column:
        return self._query.add(f"CASE WHEN {part.text} IS NULL THEN 1.0e0 ELSE 0.0e0 END", part)

    def _of_label(self, encoder: Mapping[str, Any], part: Column) -> list[Column]:
        table = encoder["table"]
        answers = []
        for place in range(len(table[0])):
            values = [math.nan if line[place] is None else line[place] for line in table]
            answers.append(self._query.add(chosen(part.text, encoder["levels"], values), part))
        return answers

    def _combined(self, how: Mapping[str, Any], first: Column, second: Column) -> Column:
        kind, a, b = how["kind"], first.text, second.text
        if kind == "cross":
            cells = [self._cell(part, edges) for part, edges in zip((first, second), how["edges"], strict=True)]
            a, b = (cell.text for cell in cells)
            return self._query.add(f"CAST(LENGTH({a}) AS VARCHAR) || ' ' || {a} || ' ' || {b}", *cells)
        if kind == "deviation":
            levels, overall = how["levels"], how["overall"]
            mean = self._query.add(chosen(b, levels, [*how["means"], overall, overall]), second)
            value = f"{a} - {mean.text}"
            first, second = first, mean
        elif kind == "rotation":
            value = f"{a} * {number(how['weights'][0])} + {b} * {number(how['weights'][1])}"
        elif how["operation"] == "ratio":
            value = f"{a} / NULLIF({b}, 0.0e0)"
        else:
            value = f"{a} {_SIGNS[how['operation']]} {b}"
        found = self._query.add(value, first, second)
        return self._query.add(f"CASE WHEN ABS({found.text}) <= {_BOUND} THEN {found.text} END", found)

    def _cell(self, part: Column, edges: Sequence[float] | None) -> Column:
        if edges is None:
            return part
        steps = " ".join(f"WHEN {part.text} < {number(edge)} THEN '{place}'" for place, edge in enumerate(edges))
        return self._query.add(f"CASE WHEN {part.text} IS NULL THEN NULL {steps} ELSE '{len(edges)}' END", part)


class _Days:
    """`calendar.Operations` in SQL."""

    def __init__(self, query: Query):
        self._query = query

    def linear(self, terms: Sequence[tuple[float, Column]], constant: float = 0.0) -> Column:
        parts = [column.text if factor == 1 else f"{number(factor)} * {column.text}" for factor, column in terms]
        read = [column for _, column in terms]
        return self._query.add(" + ".join([*parts, *([number(constant)] if constant else [])]), *read)

    def whole(self, value: Column, divisor: float = 1.0) -> Column:
        return self._query.add(f"FLOOR({value.text} / {number(divisor)})", value)

    def reaches(self, value: Column, least: float) -> Column:
        return self._query.add(f"CASE WHEN {value.text} >= {number(least)} THEN 1.0e0 ELSE 0.0e0 END", value)


_SIGNS = {"difference": "-", "sum": "+", "product": "*"}


def _there(part: Column | None) -> Column:
    assert part is not None
    return part


def _n_parts(derivation: Mapping[str, Any]) -> int:
    kind = derivation["kind"]
    if kind == "text":
        return 5 + len(derivation["words"])
    return {"number": 1, "category": 1, "many_categories": 2, "moment": 7}[kind]


def chosen(label: str, levels: Sequence[str], values: Sequence[float]) -> str:
    """What a table says of a label: a value a level, then that of other ones, and of a missing one."""
    *known, other, missing = values
    cases = [f"WHEN {label} IS NULL THEN {number(missing)}"] if not _same(missing, other) else []
    cases += [
        f"WHEN {label} = {literal(level)} THEN {number(value)}"
        for level, value in zip(levels, known, strict=True)
        if not _same(value, other)
    ]
    return f"CASE {' '.join(cases)} ELSE {number(other)} END" if cases else number(other)


def _same(first: float, second: float) -> bool:
    return first == second or (math.isnan(first) and math.isnan(second))


def held(text: str, low: float, high: float) -> str:
    """Within bounds."""
    least, most = number(low), number(high)
    return f"CASE WHEN {text} < {least} THEN {least} WHEN {text} > {most} THEN {most} ELSE {text} END"


def _beginning(label: str) -> str:
    """`texts.beginning_of`: a first word of up to four letters, or one letter; `#` for a digit. By equality alone, as
    what lies between A and Z is another matter in each database; what is not listed counts as a letter."""

    def other(at: int) -> str:
        return f"SUBSTR({label}, {at}, 1) IN ({_NO_LETTERS})"

    first = f"SUBSTR({label}, 1, 1)"
    words = " ".join(f"WHEN {other(size + 1)} THEN UPPER(SUBSTR({label}, 1, {size}))" for size in range(1, 5))
    digit = f"WHEN {first} IN ({_DIGITS}) THEN '#'"
    return f"CASE WHEN {label} IS NULL THEN NULL {digit} WHEN {other(1)} THEN {first} {words} ELSE UPPER({first}) END"


_DIGITS = ", ".join(f"'{digit}'" for digit in string.digits)
_PUNCTUATION = list(map(chr, (*range(32, 127), *range(160, 192), *range(0x2010, 0x2028), 0x202F, 0x20AC)))
_NO_LETTERS = ", ".join(
    [
        "''",
        *(spelled(one) for one in _PUNCTUATION if not one.isalpha() and one != "\\"),
        *(spelled(one) for one in "×÷\t\n"),
    ]
)


def _bare(text: str) -> str:
    """Without the blanks at its ends: by itself TRIM cuts off spaces alone, and no tab or end of a line."""
    return f"TRIM({text}, {spelled(WHITE_SPACE)})"


def _among(text: str, words: Sequence[str]) -> str:
    return f"WHEN {text} IN ({', '.join(map(literal, words))})"


_YES, _NO = ("true", "t", "yes", "y", "on", "1", "1.0"), ("false", "f", "no", "n", "off", "0", "0.0")
