"""One row through several encoders: what they have in common is worked out once.

The encoders of a bag's folds mostly differ in little: each takes numbers as they are, and many categories in one way.
So each derived part of a column is made once, each feature of it once, and an encoder is a choice among all features.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.derive import Category, Derivation, Number
from flowml.automl.features.encoder import Encoder, PartEncoder
from flowml.automl.features.numeric import NumberEncoder
from flowml.automl.features.values import LARGEST

_FILLED, _LOOKED_UP, _SCALED, _COMPUTED = range(4)
_INFINITE, _NAN = float("inf"), float("nan")
_OWN_PARTS: dict[type, type] = {Number: float, Category: str}
_Step = tuple[int, int, int, Any, Any]
_PACK = struct.Struct("f").pack


class RowEncoder:
    """A row (name → value) as float32 (width,): all features of all encoders, each different one once.

    `positions[i]` are the features of encoder i among them, in its order.
    """

    def __init__(self, encoders: Sequence[Encoder]):
        # Of each column: its name, and of what type values are that are their own only part (None: of none).
        self._columns: list[tuple[str, type | None, Callable[[Any], tuple[Any, ...]]]] = []
        self._combined: list[tuple[int, int, int, int, Callable[[Any, Any], Any]]] = []
        self._steps: list[_Step] = []
        self._spans: list[tuple[int, int]] = []
        self._width = 0
        self._column_of: dict[Any, int] = {}
        self._combination_of: dict[Any, int] = {}
        self._feature_of: dict[Any, tuple[int, int]] = {}
        # Combinations are columns of one part behind all others.
        n_columns = len({_derivation_key(column.derivation) for encoder in encoders for column in encoder.columns})
        positions = [self._add(encoder, n_columns) for encoder in encoders]
        moved = self._look_up_together()
        self.positions = tuple(moved.take(one) for one in positions)

    @property
    def width(self) -> int:
        """How many different features there are."""
        return self._width

    def _add(self, encoder: Encoder, n_columns: int) -> np.ndarray:
        found: list[int] = []
        parts: list[tuple[int, int]] = []
        for column in encoder.columns:
            derivation = column.derivation
            at = self._column_of.setdefault(_derivation_key(derivation), len(self._columns))
            if at == len(self._columns):
                self._columns.append((derivation.name, _OWN_PARTS.get(type(derivation)), derivation.value))
            parts += [(at, index) for index in range(len(derivation.labels))]
            for index, of_part in column.encoders:
                found += self._feature(at, index, of_part)
        for combined in encoder.combined:
            first, second = (parts[source] for source in combined.combination.sources)
            state = {**combined.combination.state(), "sources": [first, second]}
            at = n_columns + self._combination_of.setdefault(repr(state), len(self._combined))
            if at == n_columns + len(self._combined):
                self._combined.append((*first, *second, combined.combination.value))
            found += self._feature(at, 0, combined.encoder)
        return np.array(found, dtype=np.intp)

    def _feature(self, at: int, index: int, encoder: PartEncoder) -> range:
        key = (at, index, _encoder_key(encoder))
        known = self._feature_of.get(key)
        if known is None:
            known = self._feature_of[key] = (self._width, len(encoder.names()))
            self._spans.append(known)
            self._width += known[1]
            self._steps.append((at, index, *_step(encoder)))
        return range(known[0], known[0] + known[1])

    def _look_up_together(self) -> np.ndarray:
        """Have one look-up for all that is looked up by the same part; gives where each feature is from then on."""
        groups: dict[Any, list[int]] = {}
        for number, (at, index, kind, _, _) in enumerate(self._steps):
            groups.setdefault((at, index) if kind == _LOOKED_UP else number, []).append(number)
        order = [number for group in groups.values() for number in group]
        moved = np.empty(self._width, dtype=np.intp)
        moved[[place for number in order for place in range(*_range(*self._spans[number]))]] = np.arange(self._width)
        self._steps = [_joined([self._steps[number] for number in group]) for group in groups.values()]
        return moved

    def __call__(self, row: Mapping[str, Any]) -> np.ndarray:
        get: Callable[[str], Any] = row.get
        parts: list[tuple[Any, ...]] = []
        for name, own, value in self._columns:
            raw = get(name)
            found_type = type(raw)
            # Most values are as they should be.
            if found_type is not own:
                parts.append(value(raw))
            elif found_type is str:
                parts.append((raw or None,))
            else:
                parts.append((raw if abs(raw) <= LARGEST else _NAN,))
        for first, of_first, second, of_second, combine in self._combined:
            parts.append((combine(parts[first][of_first], parts[second][of_second]),))
        # Most are lines of tables, kept as bytes: joining those is quicker than an array of numbers.
        found: list[bytes] = []
        append = found.append
        for at, index, kind, step, other in self._steps:
            part = parts[at][index]
            if kind == _LOOKED_UP:
                append(step.get(part, other))
            elif kind == _FILLED:
                # What is no number compares as false.
                append(_single(part if -_INFINITE < part < _INFINITE else step))
            elif kind == _SCALED:
                fill, centre, scale, most = step
                scaled = ((part if -_INFINITE < part < _INFINITE else fill) - centre) / scale
                append(_single(scaled if -most <= scaled <= most else most if scaled > most else -most))
            else:
                append(_line(step(part)))
        return np.frombuffer(bytearray().join(found), dtype=np.float32)


def _range(first: int, size: int) -> tuple[int, int]:
    return first, first + size


def _joined(steps: "list[_Step]") -> "_Step":
    """One step for several of one part that look up, or the only one itself."""
    if len(steps) == 1:
        return steps[0]
    at, index, kind, _, _ = steps[0]
    each = [(known, other) for _, _, _, known, other in steps]
    lines = {
        value: b"".join([known.get(value, other) for known, other in each]) for known, _ in each for value in known
    }
    return at, index, kind, lines, b"".join([other for _, other in each])


def _single(value: float) -> bytes:
    try:
        return _PACK(value)
    except OverflowError:
        # Infinite in single precision.
        return _line((value,))


def _line(values: Any) -> bytes:
    return np.array(values, dtype=np.float32).tobytes()


def _derivation_key(derivation: Derivation) -> str:
    return repr(derivation.state())


def _encoder_key(encoder: PartEncoder) -> Any:
    """The same for encoders that make the same of a part."""
    if isinstance(encoder, CategoryEncoder):
        return encoder.levels, encoder.table.shape, encoder.table.tobytes()
    if isinstance(encoder, NumberEncoder):
        return repr(encoder)
    return id(encoder)


def _step(encoder: PartEncoder) -> tuple[int, Any, Any]:
    if isinstance(encoder, CategoryEncoder):
        lines, other, missing = encoder.lookup()
        known = {value: _line(line) for value, line in lines.items()}
        return _LOOKED_UP, {**known, None: _line(missing)}, _line(other)
    if isinstance(encoder, NumberEncoder):
        if encoder.only_fills:
            return _FILLED, encoder.fill, None
        limits = encoder.only_scales
        return (_COMPUTED, encoder.value, None) if limits is None else (_SCALED, limits, None)
    return _COMPUTED, encoder.compile(), None
