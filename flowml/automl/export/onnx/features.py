"""From the columns of a table to the features of a model, in ONNX: numbers in double precision, a missing one NaN, and
texts, a missing one empty."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.export.calendar import parts_of
from flowml.automl.export.content import cannot
from flowml.automl.export.onnx.graph import DOUBLE, FLOAT, INT64, ML, Graph
from flowml.automl.export.spelling import missing_spellings
from flowml.automl.features.values import DAY_AFTER_LAST, FIRST_DAY, LARGEST
from flowml.automl.schema.feature import Feature

WHAT = "ONNX"
_MOST_CELLS = 3_000_000


class Features:
    """The features of encoders, as the model file has them, of the graph's inputs; `columns`: those, by their
    names."""

    def __init__(self, graph: Graph, columns: Mapping[str, Feature]):
        self._graph = graph
        self._inputs = columns

    def of(self, encoder: Mapping[str, Any]) -> str:
        """(rows, features), double precision with the values of single precision. Raises WrongState for what has no
        form in ONNX."""
        found: list[str] = []
        parts: list[str] = []
        for column in encoder["columns"]:
            derivation = column["derivation"]
            its = self._parts(derivation)
            found += [self._columns(one, its[one["part"]]) for one in column["encoders"]]
            parts += its
        for item in encoder["combined"]:
            first, second = (parts[source] for source in item["combination"]["sources"])
            found.append(self._combined(item, first, second))
        if not found:
            # What is always the same looks at nothing; it still has to know how many rows there are.
            return self._nothing()
        together = self._graph.add("Concat", *found, axis=1)
        return self._graph.add("Cast", self._graph.add("Cast", together, to=FLOAT), to=DOUBLE)

    def _nothing(self) -> str:
        """A column of zeros. Raises WrongState for a model without columns."""
        graph = self._graph
        if not graph.inputs:
            raise cannot(WHAT, "it looks at no column")
        one = graph.constant([1], np.int64)
        rows = graph.add("Gather", graph.add("Shape", graph.inputs[0][0]), graph.constant([0], np.int64), axis=0)
        return graph.add("Expand", graph.constant([[0.0]]), graph.add("Concat", rows, one, axis=0))

    def _parts(self, derivation: Mapping[str, Any]) -> list[str]:
        kind, name = derivation["kind"], derivation["name"]
        if kind == "text":
            raise cannot(WHAT, f"“{name}” is free text")
        if kind == "moment":
            return parts_of(_Days(self._graph), self._within_calendar(name))
        if kind == "many_categories":
            return [name, _BEGINNING + name]
        return [self._bounded(name) if kind == "number" else name]

    def _within_calendar(self, days: str) -> str:
        graph = self._graph
        is_late = graph.add("GreaterOrEqual", days, graph.constant(float(DAY_AFTER_LAST)))
        nothing = graph.constant(math.nan)
        late = graph.add("Where", is_late, nothing, days)
        is_within = graph.add("GreaterOrEqual", late, graph.constant(float(FIRST_DAY)))
        return graph.add("Where", is_within, late, nothing)

    def _bounded(self, value: str) -> str:
        graph = self._graph
        inside = graph.add("LessOrEqual", graph.add("Abs", value), graph.constant(LARGEST))
        return graph.add("Where", inside, value, graph.constant(math.nan))

    def _columns(self, encoder: Mapping[str, Any], part: str) -> str:
        if encoder["kind"] == "number":
            return self._of_number(encoder, part)
        places = self._place(part, encoder["levels"])
        return self._line(_table(encoder["table"]), places)

    def _of_number(self, encoder: Mapping[str, Any], part: str) -> str:
        graph, value = self._graph, part
        if encoder["fill"] is not None:
            value = graph.add("Where", graph.add("IsNaN", part), graph.constant(encoder["fill"]), part)
        if encoder["period"]:
            angle = graph.add("Mul", value, graph.constant(2 * math.pi / encoder["period"]))
            columns = [graph.add("Sin", angle), graph.add("Cos", angle)]
            if encoder["mark_missing"]:
                columns.append(graph.add("Cast", graph.add("IsNaN", part), to=DOUBLE))
            return graph.add("Concat", *columns, axis=1)
        if encoder["log_unit"]:
            size = graph.add("Div", graph.add("Abs", value), graph.constant(encoder["log_unit"]))
            logged = graph.add("Log", graph.add("Add", size, graph.constant(1.0)))
            value = graph.add("Mul", graph.add("Sign", value), logged)
        if encoder["centre"] or encoder["scale"] != 1.0:
            value = graph.add("Sub", value, graph.constant(encoder["centre"]))
            value = graph.add("Div", value, graph.constant(encoder["scale"]))
        if encoder["bounded"]:
            value = graph.add("Min", graph.add("Max", value, graph.constant(-12.0)), graph.constant(12.0))
        if not encoder["mark_missing"]:
            return value
        return graph.add("Concat", value, graph.add("Cast", graph.add("IsNaN", part), to=DOUBLE), axis=1)

    def _place(self, label: str, levels: Sequence[str]) -> str:
        """The line of each label in a table: one a level, one of others, one of missing ones. int64 (rows, 1)."""
        if label.startswith(_BEGINNING):
            return self._beginning_place(label.removeprefix(_BEGINNING), levels)
        known = {"", *missing_spellings(self._inputs[label])} - set(levels)
        missing = sorted(known)
        return self._graph.add(
            "LabelEncoder",
            label,
            domain=ML,
            keys_strings=[*levels, *missing],
            values_int64s=np.array([*range(len(levels)), *[len(levels) + 1] * len(missing)]),
            default_int64=len(levels),
        )

    def _beginning_place(self, name: str, levels: Sequence[str]) -> str:
        """As `_place`, of how the texts of an input begin."""
        graph = self._graph
        graph.needs_patterns = True
        absent = sorted({"", *missing_spellings(self._inputs[name])})
        ones = np.ones(len(absent), dtype=np.int64)
        found = graph.add("LabelEncoder", name, domain=ML, keys_strings=absent, values_int64s=ones, default_int64=0)
        place = graph.constant(len(levels), np.int64)
        for number, level in enumerate(levels):
            begins = graph.add("RegexFullMatch", name, pattern=_pattern(level))
            place = graph.add("Where", begins, graph.constant(number, np.int64), place)
        is_absent = graph.add("Equal", found, graph.constant(1, np.int64))
        return graph.add("Where", is_absent, graph.constant(len(levels) + 1, np.int64), place)

    def _line(self, table: np.ndarray, places: str) -> str:
        graph = self._graph
        lines = graph.add("Gather", graph.constant(table), places, axis=0)
        return graph.add("Reshape", lines, graph.constant([-1, table.shape[1]], np.int64))

    def _combined(self, item: Mapping[str, Any], first: str, second: str) -> str:
        graph, how = self._graph, item["combination"]
        if how["kind"] == "cross":
            return self._crossed(item, first, second)
        if how["kind"] == "deviation":
            means = np.array([*how["means"], how["overall"], how["overall"]]).reshape(-1, 1)
            value = graph.add("Sub", first, self._line(means, self._place(second, how["levels"])))
        elif how["kind"] == "rotation":
            one, other = (
                graph.add("Mul", part, graph.constant(weight))
                for part, weight in zip((first, second), how["weights"], strict=True)
            )
            value = graph.add("Add", one, other)
        elif how["operation"] == "ratio":
            zero = graph.add("Equal", second, graph.constant(0.0))
            value = graph.add("Where", zero, graph.constant(math.nan), graph.add("Div", first, second))
        else:
            value = graph.add(_OPERATIONS[how["operation"]], first, second)
        return self._columns(item["encoder"], self._bounded(value))

    def _crossed(self, item: Mapping[str, Any], first: str, second: str) -> str:
        """Two categories as a place in a table of two axes."""
        graph, encoder = self._graph, item["encoder"]
        pairs = [_taken_apart(level) for level in encoder["levels"]]
        sides, sizes, positions = [], [], []
        for side, (part, edges) in enumerate(zip((first, second), item["combination"]["edges"], strict=True)):
            if edges is None:
                known = list(dict.fromkeys(pair[side] for pair in pairs))
                sides.append(self._place(part, known))
            else:
                known = [str(cell) for cell in range(len(edges) + 1)]
                above = graph.add("GreaterOrEqual", part, graph.constant(np.reshape(edges, (1, -1))))
                above = graph.add("Cast", above, to=INT64)
                cell = graph.add("ReduceSum", above, graph.constant([1], np.int64))
                missing = graph.constant(len(known) + 1, np.int64)
                sides.append(graph.add("Where", graph.add("IsNaN", part), missing, cell))
            sizes.append(len(known) + 2)
            positions.append({label: at for at, label in enumerate(known)})
        lines = _table(encoder["table"])
        if sizes[0] * sizes[1] * lines.shape[1] > _MOST_CELLS:
            raise cannot(WHAT, "the table of two of its columns together would be too large")
        table = np.tile(lines[-2], (*sizes, 1))
        table[-1, :], table[:, -1] = lines[-1], lines[-1]
        for at, (a, b) in enumerate(pairs):
            if a in positions[0] and b in positions[1]:
                table[positions[0][a], positions[1][b]] = lines[at]
        place = graph.add("Mul", sides[0], graph.constant(sizes[1], np.int64))
        return self._line(table.reshape(-1, lines.shape[1]), graph.add("Add", place, sides[1]))


class _Days:
    """`calendar.Operations` in a graph."""

    def __init__(self, graph: Graph):
        self._graph = graph

    def linear(self, terms: Sequence[tuple[float, str]], constant: float = 0.0) -> str:
        graph, total = self._graph, ""
        for factor, value in terms:
            part = value if factor == 1 else graph.add("Mul", value, graph.constant(float(factor)))
            total = graph.add("Add", total, part) if total else part
        return graph.add("Add", total, graph.constant(float(constant))) if constant else total

    def whole(self, value: str, divisor: float = 1.0) -> str:
        return self._graph.add("Floor", self._graph.add("Div", value, self._graph.constant(float(divisor))))

    def reaches(self, value: str, least: float) -> str:
        return self._graph.add(
            "Cast", self._graph.add("GreaterOrEqual", value, self._graph.constant(float(least))), to=DOUBLE
        )


# In front of the name of an input: no column, but how its texts begin.
_BEGINNING = "\0begins "


def _pattern(level: str) -> str:
    """RE2's pattern of the texts whose `texts.beginning_of` a level is."""
    if level.isalpha():
        # A word of up to four letters, or the first letter of a longer one.
        longer = r"|\pL{4}.*" if len(level) == 1 else ""
        return rf"(?is){level}(?:\PL.*{longer})?"
    return r"(?s)\p{Nd}.*" if level == "#" else rf"(?s){re.escape(level)}.*"


_OPERATIONS = {"difference": "Sub", "sum": "Add", "product": "Mul"}


def _table(table: Sequence[Sequence[float | None]]) -> np.ndarray:
    return np.array([[math.nan if value is None else value for value in line] for line in table], dtype=np.float64)


def _taken_apart(level: str) -> tuple[str, str]:
    size, _, rest = level.partition(" ")
    at = int(size) if size.isdecimal() else 0
    return rest[:at], rest[at + 1 :]
