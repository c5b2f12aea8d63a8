"""One row through several encoders: what they have in common is worked out once.

The encoders of a bag's folds mostly differ in little: each takes numbers as they are, and many categories in one way.
So each derived part of a column is made once, each feature of it once, and an encoder is a choice among all features.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.derive import Derivation
from flowml.automl.features.encoder import Encoder, PartEncoder
from flowml.automl.features.numeric import NumberEncoder

_FILLED, _LOOKED_UP, _SCALED, _COMPUTED = range(4)
_INFINITE = float("inf")
_PACK = struct.Struct("f").pack


class RowEncoder:
    """A row (name → value) as float32 (width,): all features of all encoders, each different one once.

    `positions[i]` are the features of encoder i among them, in its order.
    """

    def __init__(self, encoders: Sequence[Encoder]):
        self._columns: list[tuple[str, Callable[[Any], tuple[Any, ...]]]] = []
        self._combined: list[tuple[int, int, int, int, Callable[[Any, Any], Any]]] = []
        self._steps: list[tuple[int, int, int, Any, Any]] = []
        self._width = 0
        self._column_of: dict[Any, int] = {}
        self._combination_of: dict[Any, int] = {}
        self._feature_of: dict[Any, tuple[int, int]] = {}
        # Combinations are columns of one part behind all others.
        n_columns = len({_derivation_key(column.derivation) for encoder in encoders for column in encoder.columns})
        self.positions = tuple(self._add(encoder, n_columns) for encoder in encoders)

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
                self._columns.append((derivation.name, derivation.value))
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
            self._width += known[1]
            self._steps.append((at, index, *_step(encoder)))
        return range(known[0], known[0] + known[1])

    def __call__(self, row: Mapping[str, Any]) -> np.ndarray:
        get = row.get
        parts = [value(get(name)) for name, value in self._columns]
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
