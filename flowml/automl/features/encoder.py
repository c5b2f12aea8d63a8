"""The encoder of a table for one view: fitted on training rows, then the same for every other row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.derive import Derivation, Part, fit_derivation, load_derivation
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.numeric import NumberEncoder
from flowml.automl.features.prepared import Labels, Numbers, Prepared
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

PartEncoder = NumberEncoder | CategoryEncoder


@dataclass(frozen=True)
class _Column:
    derivation: Derivation
    encoders: tuple[PartEncoder, ...]


@dataclass(frozen=True)
class Encoder:
    """What was learned from the training rows about every column."""

    view: View
    columns: tuple[_Column, ...]

    @classmethod
    def fit(
        cls,
        view: View,
        table: Prepared,
        roles: Mapping[str, Role],
        target: np.ndarray,
        n_outputs: int,
        seed: int,
    ) -> tuple["Encoder", Encoded]:
        """Learn from these rows; returns the encoder and the rows encoded.

        The rows may differ from what `transform` makes of them where target means are used: there each row is
        encoded without its own target.
        """
        columns: list[_Column] = []
        blocks: list[np.ndarray] = []
        for index, (name, prepared) in enumerate(table.columns.items()):
            derivation = fit_derivation(name, roles[name], prepared)
            encoders: list[PartEncoder] = []
            for part in derivation.columns(prepared):
                part_encoder, block = _fit_part(view, part, target, n_outputs, seed + index)
                encoders.append(part_encoder)
                blocks.append(block)
            columns.append(_Column(derivation, tuple(encoders)))
        encoder = cls(view, tuple(columns))
        return encoder, encoder._encoded(blocks, table.n_rows)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The original columns it reads."""
        return tuple(column.derivation.name for column in self.columns)

    @property
    def n_features(self) -> int:
        """How many numbers a row becomes."""
        return sum(
            len(encoder.column_names) if isinstance(encoder, CategoryEncoder) else len(encoder.names())
            for column in self.columns
            for encoder in column.encoders
        )

    def transform(self, table: Prepared) -> Encoded:
        """Encode rows; `table` has every column the encoder was fitted on."""
        blocks = []
        for column in self.columns:
            parts = column.derivation.columns(table.columns[column.derivation.name])
            blocks += [_transform_part(encoder, part) for encoder, part in zip(column.encoders, parts, strict=True)]
        return self._encoded(blocks, table.n_rows)

    def compile(self) -> Callable[[Mapping[str, Any]], np.ndarray]:
        """A function from one row (name → value) to float32 (features,), the same as `transform` of that row."""
        steps = [(column.derivation.name, _compile_column(column)) for column in self.columns]

        def encode(row: Mapping[str, Any]) -> np.ndarray:
            features: list[float] = []
            for name, step in steps:
                step(row.get(name), features)
            return np.array(features, dtype=np.float32)

        return encode

    def state(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "view": str(self.view),
            "columns": [
                {
                    "derivation": column.derivation.state(),
                    "encoders": [
                        {"kind": "number" if isinstance(encoder, NumberEncoder) else "category", **encoder.state()}
                        for encoder in column.encoders
                    ],
                }
                for column in self.columns
            ],
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Encoder":
        """Rebuild. Raises InvalidInput for a state that does not fit together."""
        try:
            return cls(
                View(state["view"]),
                tuple(
                    _Column(
                        load_derivation(column["derivation"]), tuple(_load_part(item) for item in column["encoders"])
                    )
                    for column in state["columns"]
                ),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("The model's description of its columns is damaged.") from error

    def _encoded(self, blocks: Sequence[np.ndarray], n_rows: int) -> Encoded:
        names: list[str] = []
        categorical: list[int] = []
        cardinalities: list[int] = []
        for column in self.columns:
            for encoder in column.encoders:
                if isinstance(encoder, CategoryEncoder):
                    if encoder.coded:
                        categorical.append(len(names))
                        cardinalities.append(len(encoder.levels) + 1)
                    names += encoder.column_names
                else:
                    names += encoder.names()
        values = np.empty((n_rows, len(names)), dtype=np.float32)
        at = 0
        for block in blocks:
            values[:, at : at + block.shape[1]] = block
            at += block.shape[1]
        return Encoded(values, tuple(names), tuple(categorical), tuple(cardinalities))


def _fit_part(view: View, part: Part, target: np.ndarray, n_outputs: int, seed: int) -> tuple[PartEncoder, np.ndarray]:
    if isinstance(part.column, Labels):
        return CategoryEncoder.fit(view, part.name, part.column, target, n_outputs, seed)
    encoder = NumberEncoder.fit(view, part.name, part.column.values, flag=part.flag, period=part.period)
    return encoder, encoder.transform(part.column.values)


def _transform_part(encoder: PartEncoder, part: Part) -> np.ndarray:
    if isinstance(encoder, CategoryEncoder):
        assert isinstance(part.column, Labels)
        return encoder.transform(part.column)
    assert isinstance(part.column, Numbers)
    return encoder.transform(part.column.values)


def _compile_column(column: _Column) -> Callable[[Any, list[float]], None]:
    value = column.derivation.value
    steps = [_compile_part(encoder) for encoder in column.encoders]
    if len(steps) == 1:
        only = steps[0]

        def encode_one(raw: Any, features: list[float]) -> None:
            features.extend(only(value(raw)[0]))

        return encode_one

    def encode(raw: Any, features: list[float]) -> None:
        for step, part in zip(steps, value(raw), strict=True):
            features.extend(step(part))

    return encode


def _compile_part(encoder: PartEncoder) -> Callable[[Any], Sequence[float]]:
    if isinstance(encoder, NumberEncoder):
        return encoder.value
    lines, other, missing = encoder.lookup()
    return lambda label: missing if label is None else lines.get(label, other)


def _load_part(state: Mapping[str, Any]) -> PartEncoder:
    fields = {name: value for name, value in state.items() if name != "kind"}
    return NumberEncoder.of(fields) if state["kind"] == "number" else CategoryEncoder.of(fields)
