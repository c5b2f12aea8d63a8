"""A query that is written column by column: each is computed once, in the layer behind those that it reads."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from flowml.automl.export.content import cannot
from flowml.domain.wording import shortened

SOURCE = "s"


@dataclass(frozen=True)
class Column:
    """An expression that has a name, or one so short that it is written where it is used (`level` of what it reads)."""

    text: str
    level: int = 0


@dataclass
class Query:
    """Columns by their layer; `add` names an expression and returns what to write for it."""

    layers: list[list[tuple[str, str]]] = field(default_factory=list)
    size: int = 0
    _names: dict[str, Column] = field(default_factory=dict)

    def add(self, expression: str, *reads: Column) -> Column:
        """The same expression is computed once."""
        known = self._names.get(expression)
        if known is not None:
            return known
        level = max((column.level for column in reads), default=0)
        while len(self.layers) <= level:
            self.layers.append([])
        name = f"flowml_{level + 1}_{len(self.layers[level])}"
        self.layers[level].append((name, expression))
        self.size += len(expression)
        column = self._names[expression] = Column(name, level + 1)
        return column

    def text(self, table: str, answers: Sequence[tuple[str, str]], marker: str) -> str:
        """The whole: `answers` are (expression, name) of what it is for."""
        before, parts = table, []
        for number, layer in enumerate(self.layers, 1):
            columns = ",\n  ".join(f"{expression} AS {name}" for name, expression in layer)
            # Materialized: where each expression is put in the place of its name, the query grows without end.
            selected = f"{SOURCE}.*,\n  {columns}\n  FROM {before} AS {SOURCE}"
            parts.append(f"flowml_{number} AS MATERIALIZED (\n  SELECT {selected}\n)")
            before = f"flowml_{number}"
        chosen = ",\n  ".join(f"{expression} AS {name}" for expression, name in answers)
        start = "WITH " + ",\n".join(parts) + "\n" if parts else ""
        return f"{start}SELECT {marker}\n  {chosen}\nFROM {before} AS {SOURCE}\n"


def quoted(name: str) -> str:
    """The name of a column. Raises WrongState as `literal` does."""
    _check(name)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text. Raises WrongState for one that databases read in several ways."""
    _check(text)
    return spelled(text)


def spelled(text: str) -> str:
    """A text in quotes: of ours, or one that is known to be harmless."""
    return "'" + text.replace("'", "''") + "'"


def _check(text: str) -> None:
    # Where a backslash escapes, one at the end of a text would make the rest of the query of what follows it.
    if "\\" in text or "\0" in text:
        raise cannot("SQL", f"“{shortened(text)}” has a backslash, which databases read in several ways")


def number(value: float) -> str:
    """A number of double precision; NULL for a missing one."""
    if not math.isfinite(value):
        return "NULL" if math.isnan(value) else ("1e308" if value > 0 else "-1e308")
    text = repr(float(value))
    # Without an exponent a database may take it for a decimal, which is none of its own precision.
    return text if "e" in text else f"{text}e0"


def added(terms: Sequence[str]) -> str:
    """Their sum, in a tree of sums: databases bound how deep an expression goes."""
    if not terms:
        return number(0.0)
    if len(terms) == 1:
        return terms[0]
    half = len(terms) // 2
    return f"({added(terms[:half])} + {added(terms[half:])})"


def single(threshold: float) -> float:
    """The greatest double that is ≤ `threshold` once it is rounded to single precision, as the model's features are.

    >>> single(0.5) > 0.5, np.float32(single(0.5)) <= 0.5, np.float32(np.nextafter(single(0.5), 1)) <= 0.5
    (True, True, False)
    """
    below = np.float32(threshold)
    if float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    above = np.nextafter(below, np.float32(np.inf))
    if not np.isfinite(below) or not np.isfinite(above):
        return float(threshold)
    middle = (float(below) + float(above)) / 2
    # Halfway goes to the even one of the two.
    return middle if np.float32(middle) <= below else float(np.nextafter(middle, -np.inf))
