"""The encoder of a table for one view: fitted on training rows, then the same for every other row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from flowml.automl.features.categorical import CategoryEncoder
from flowml.automl.features.combinations import MAX_COMBINATIONS, Arithmetic, Combination, load_combination
from flowml.automl.features.derive import Derivation, Moment, Number, Part, fit_derivation, load_derivation
from flowml.automl.features.encoded import Encoded, View
from flowml.automl.features.numeric import NumberEncoder
from flowml.automl.features.prepared import Labels, Numbers, Prepared, PreparedColumn
from flowml.automl.features.text_encoder import TextEncoder
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput

PartEncoder = NumberEncoder | CategoryEncoder | TextEncoder

_KINDS: dict[str, type[PartEncoder]] = {"number": NumberEncoder, "category": CategoryEncoder, "text": TextEncoder}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_TOLD_LEVELS = 60
_MAX_TOLD_CLASSES = 4
_MAX_DATES = 4
INNER_FOLDS = 5
_BLOCK_ROWS = 1_024
_CELLS_TOGETHER = 200_000
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Column:
    """An original column: its parts, and encoders each with the position of the part that it encodes."""

    derivation: Derivation
    encoders: tuple[tuple[int, PartEncoder], ...]


@dataclass(frozen=True)
class _Combined:
    combination: Combination
    encoder: PartEncoder


@dataclass(frozen=True)
class Encoder:
    """What was learned from the training rows about every column, and about what columns say together.

    Combinations read the parts of all columns, counted one after another.
    """

    view: View
    columns: tuple[_Column, ...]
    combined: tuple[_Combined, ...] = ()

    @classmethod
    def fit(
        cls,
        view: View,
        table: Prepared,
        roles: Mapping[str, Role],
        target: np.ndarray,
        n_outputs: int,
        seed: int,
        inner: np.ndarray | None = None,
    ) -> tuple["Encoder", Encoded]:
        """Learn from these rows; returns the encoder and the rows encoded.

        The rows may differ from what `transform` makes of them where target means are used: there each row is
        encoded without its own target, and without those of the rows that `inner` (rows,) gives the same number:
        entities and times that the folds of the task keep apart are apart here, too. Drawn at random where there is
        nothing to keep apart.
        """
        inner_folds = np.random.default_rng(seed).permutation(len(target)) % INNER_FOLDS if inner is None else inner
        fitting = _Fitting(view, target, n_outputs, seed, inner_folds)
        columns: list[_Column] = []
        dates: list[tuple[int, Part]] = []
        parts: list[Part] = []
        n_parts = 0
        for names in _together(list(table.columns), table.n_rows, lambda name: roles[name] is Role.NUMERIC):
            prepared = {name: table.columns[name] for name in names}
            derivations = {name: fit_derivation(name, roles[name], column) for name, column in prepared.items()}
            found = [derivations[name].columns(column) for name, column in prepared.items()]
            for of_column, derivation, encoders in zip(
                found, derivations.values(), fitting.columns(found), strict=True
            ):
                if isinstance(derivation, Moment):
                    dates.append((n_parts, of_column[0]))
                columns.append(_Column(derivation, tuple(encoders)))
                n_parts += len(of_column)
                if view is View.WIDE:
                    parts += of_column
        combined = [
            _Combined(combination, fitting.combination(combination, first, second))
            for combination, first, second in _differences(dates)
        ]
        if view is View.WIDE:
            from flowml.automl.features.screening import choose_combinations

            base = cls(view, tuple(columns), tuple(combined))
            encoded = base._encoded(fitting.take(), table.n_rows)
            fitting.blocks.append(encoded.values)
            for combination in choose_combinations(parts, encoded, target, n_outputs, seed, inner):
                first, second = (parts[source] for source in combination.sources)
                combined.append(_Combined(combination, fitting.combination(combination, first, second)))
        encoder = cls(view, tuple(columns), tuple(combined))
        return encoder, encoder._encoded(fitting.take(), table.n_rows)

    @property
    def column_names(self) -> tuple[str, ...]:
        """The original columns it reads."""
        return tuple(column.derivation.name for column in self.columns)

    @property
    def origins(self) -> list[tuple[str, ...]]:
        """Of each number that a row becomes, the original columns that it is made of: one, or the two of a
        combination."""
        found: list[tuple[str, ...]] = []
        owners: list[str] = []
        for column in self.columns:
            name = column.derivation.name
            owners += [name] * len(column.derivation.labels)
            found += [(name,)] * sum(len(encoder.names()) for _, encoder in column.encoders)
        for combined in self.combined:
            first, second = (owners[source] for source in combined.combination.sources)
            both = (first,) if first == second else (first, second)
            found += [both] * len(combined.encoder.names())
        return found

    @property
    def n_features(self) -> int:
        """How many numbers a row becomes."""
        return sum(len(encoder.names()) for encoder in self._encoders())

    def transform(self, table: Prepared) -> Encoded:
        """Encode rows; `table` has every column the encoder was fitted on."""
        blocks: list[np.ndarray] = []
        needed = {source for combined in self.combined for source in combined.combination.sources}
        kept: dict[int, PreparedColumn] = {}
        n_parts = 0
        for columns in _together(self.columns, table.n_rows, _is_one_number):
            every = [column.derivation.columns(table.columns[column.derivation.name]) for column in columns]
            if len(columns) > 1:
                encoders = [one for column in columns for _, one in column.encoders if isinstance(one, NumberEncoder)]
                blocks.append(NumberEncoder.transform_all(encoders, _stacked(every)))
            else:
                blocks += [_transform_part(encoder, every[0][index].column) for index, encoder in columns[0].encoders]
            for parts in every:
                kept |= {n_parts + index: part.column for index, part in enumerate(parts) if n_parts + index in needed}
                n_parts += len(parts)
        for combined in self.combined:
            first, second = combined.combination.sources
            blocks.append(_transform_part(combined.encoder, combined.combination.column(kept[first], kept[second])))
        return self._encoded(blocks, table.n_rows)

    def compile(self) -> Callable[[Mapping[str, Any]], np.ndarray]:
        """A function from one row (name → value) to float32 (features,), the same as `transform` of that row."""
        steps = [
            (
                column.derivation.name,
                column.derivation.value,
                [(index, _compile_part(encoder)) for index, encoder in column.encoders],
            )
            for column in self.columns
        ]
        together = [
            (*combined.combination.sources, combined.combination.value, _compile_part(combined.encoder))
            for combined in self.combined
        ]

        def encode(row: Mapping[str, Any]) -> np.ndarray:
            features: list[float] = []
            every: list[Any] = []
            for name, value, encoders in steps:
                parts = value(row.get(name))
                for index, encode_part in encoders:
                    features += encode_part(parts[index])
                if together:
                    every += parts
            for first, second, combine, encode_part in together:
                features += encode_part(combine(every[first], every[second]))
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
                        {"kind": _NAMES[type(encoder)], "part": index, **encoder.state()}
                        for index, encoder in column.encoders
                    ],
                }
                for column in self.columns
            ],
            "combined": [
                {
                    "combination": combined.combination.state(),
                    "encoder": {"kind": _NAMES[type(combined.encoder)], **combined.encoder.state()},
                }
                for combined in self.combined
            ],
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Encoder":
        """Rebuild. Raises InvalidInput for a state that does not fit together."""
        try:
            columns = tuple(_load_column(column) for column in state["columns"])
            labels = [label for column in columns for label in column.derivation.labels]
            return cls(View(state["view"]), columns, _load_combined(state.get("combined", ()), labels))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise InvalidInput("The model's description of its columns is damaged.") from error

    def _encoders(self) -> list[PartEncoder]:
        of_columns = [encoder for column in self.columns for _, encoder in column.encoders]
        return [*of_columns, *(combined.encoder for combined in self.combined)]

    def _encoded(self, blocks: Sequence[np.ndarray], n_rows: int) -> Encoded:
        names: list[str] = []
        categorical: list[int] = []
        cardinalities: list[int] = []
        for encoder in self._encoders():
            if isinstance(encoder, CategoryEncoder) and encoder.coded:
                categorical.append(len(names))
                cardinalities.append(len(encoder.levels) + 1)
            names += encoder.names()
        values = np.empty((n_rows, len(names)), dtype=np.float32)
        # Some rows at a time: whole columns would be written with a jump from each number to the next.
        for start in range(0, n_rows, _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            at = 0
            for block in blocks:
                values[rows, at : at + block.shape[1]] = block[rows]
                at += block.shape[1]
        return Encoded(values, tuple(names), tuple(categorical), tuple(cardinalities))


class _Fitting:
    """Fits encoders of parts and keeps what they make of the training rows."""

    def __init__(self, view: View, target: np.ndarray, n_outputs: int, seed: int, inner: np.ndarray):
        self.inner = inner
        self.view = view
        self.target = target
        self.n_outputs = n_outputs
        self.seed = seed
        self.blocks: list[np.ndarray] = []

    def take(self) -> list[np.ndarray]:
        blocks, self.blocks = self.blocks, []
        return blocks

    def columns(self, columns: Sequence[Sequence[Part]]) -> list[list[tuple[int, PartEncoder]]]:
        """The encoders of columns, given by their parts: of one column, or of several that are a number each."""
        if len(columns) == 1:
            return [self.parts(columns[0])]
        self.seed += len(columns)
        values = _stacked(columns)
        encoders = NumberEncoder.fit_all(self.view, [part.name for (part,) in columns], values)
        self.blocks.append(NumberEncoder.transform_all(encoders, values))
        return [[(0, encoder)] for encoder in encoders]

    def parts(self, parts: Sequence[Part]) -> list[tuple[int, PartEncoder]]:
        """The encoders of a column's parts, each with the position of its part."""
        self.seed += 1
        found: list[tuple[int, PartEncoder]] = []
        for index, part in enumerate(parts):
            column = part.column
            if isinstance(column, Labels):
                if part.text:
                    told = TextEncoder.fit(
                        self.view, part.name, column, self.target, self.n_outputs, self.seed, self.inner
                    )
                    if told is not None:
                        found.append((index, self._keep(*told)))
                    continue
                found.append((index, self._category(part.name, column)))
                if self.view.takes_missing and np.count_nonzero(column.counts()) > _TOLD_LEVELS:
                    found.append((index, self._means(part.name, column)))
            elif not (part.derived and _same_everywhere(column.values)):
                found.append((index, self._number(part)))
        return found

    def combination(self, combination: Combination, first: Part, second: Part) -> PartEncoder:
        self.seed += 1
        column = combination.column(first.column, second.column)
        if isinstance(column, Labels):
            return self._means(combination.name, column)
        return self._number(Part(combination.name, column))

    def _number(self, part: Part) -> PartEncoder:
        assert isinstance(part.column, Numbers)
        encoder = NumberEncoder.fit(self.view, part.name, part.column.values, flag=part.flag, period=part.period)
        return self._keep(encoder, encoder.transform(part.column.values))

    def _category(self, name: str, column: Labels) -> PartEncoder:
        return self._keep(*CategoryEncoder.fit(self.view, name, column, self.target, self.n_outputs, self.inner))

    def _means(self, name: str, column: Labels) -> PartEncoder:
        return self._keep(
            *CategoryEncoder.means(name, column, self.target, self.n_outputs, self.inner, most=_MAX_TOLD_CLASSES)
        )

    def _keep(self, encoder: PartEncoder, block: np.ndarray) -> PartEncoder:
        self.blocks.append(block.astype(np.float32))
        return encoder


def _together(columns: Sequence[_T], n_rows: int, is_number: Callable[[_T], bool]) -> Iterator[Sequence[_T]]:
    """The columns in order: numbers that follow each other together, so many cells at a time, others alone."""
    most = max(1, _CELLS_TOGETHER // max(n_rows, 1))
    gathered: list[_T] = []
    for column in columns:
        if not is_number(column):
            if gathered:
                yield gathered
            yield [column]
            gathered = []
            continue
        gathered.append(column)
        if len(gathered) == most:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _is_one_number(column: _Column) -> bool:
    return isinstance(column.derivation, Number) and len(column.encoders) == 1


def _stacked(columns: Sequence[Sequence[Part]]) -> np.ndarray:
    """Columns of one number each → float64 (columns, rows)."""
    return np.stack([part.column.values for (part,) in columns if isinstance(part.column, Numbers)])


def _differences(dates: Sequence[tuple[int, Part]]) -> list[tuple[Combination, Part, Part]]:
    """The days between any two of the first columns of dates."""
    return [
        (Arithmetic.of_names(later.name, earlier.name, (at_later, at_earlier), "difference"), later, earlier)
        for (at_earlier, earlier), (at_later, later) in combinations(dates[:_MAX_DATES], 2)
    ]


def _same_everywhere(values: np.ndarray) -> bool:
    return len(values) > 0 and bool((values == values[0]).all() or np.isnan(values).all())


def _transform_part(encoder: PartEncoder, column: PreparedColumn) -> np.ndarray:
    if isinstance(encoder, NumberEncoder):
        assert isinstance(column, Numbers)
        return encoder.transform(column.values).astype(np.float32)
    assert isinstance(column, Labels)
    return encoder.transform(column).astype(np.float32)


def _compile_part(encoder: PartEncoder) -> Callable[[Any], Sequence[float]]:
    if isinstance(encoder, NumberEncoder):
        return encoder.value
    if isinstance(encoder, TextEncoder):
        return encoder.compile()
    lines, other, missing = encoder.lookup()
    return lambda label: missing if label is None else lines.get(label, other)


def _load_column(state: Mapping[str, Any]) -> _Column:
    derivation = load_derivation(state["derivation"])
    encoders = []
    for position, item in enumerate(state["encoders"]):
        index = item.get("part", position)
        if not isinstance(index, int) or not 0 <= index < len(derivation.labels):
            raise ValueError(f"“{derivation.name}” has no such part")
        encoders.append((index, _load_encoder(item, derivation.labels[index])))
    return _Column(derivation, tuple(encoders))


def _load_combined(states: Sequence[Mapping[str, Any]], labels: Sequence[bool]) -> tuple[_Combined, ...]:
    if len(states) > MAX_COMBINATIONS:
        raise ValueError("more combinations than any model has")
    found = []
    for state in states:
        combination = load_combination(state["combination"])
        first, second = combination.sources
        if not (0 <= first < len(labels) and 0 <= second < len(labels)):
            raise ValueError(f"“{combination.name}” combines parts that are not there")
        if not combination.fits(labels[first], labels[second]):
            raise ValueError(f"“{combination.name}” cannot combine such parts")
        found.append(_Combined(combination, _load_encoder(state["encoder"], combination.gives_labels)))
    return tuple(found)


def _load_encoder(state: Mapping[str, Any], label: bool) -> PartEncoder:
    kind = _KINDS[state["kind"]]
    if label == (kind is NumberEncoder):
        raise ValueError("an encoder of another kind of part")
    return kind.of(state)
