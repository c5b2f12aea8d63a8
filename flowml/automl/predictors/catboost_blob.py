"""CatBoost's own model file, cut down to what prediction needs and free of anything that could hurt the process.

CatBoost checks that the parts of its file lie within it, but not what they say: a split or a statistic out of range
makes it read foreign memory, a table of hashes that is full never ends. So a model is never handed over as it came: its
trees and statistics are read, checked and written anew, without the history of its training. The format is CatBoost's
own (`catboost/libs/model`, files of the extension cbm, of symmetric trees).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from flowml.automl.predictors.flatbuffers import Node, Scalar, Table, written

_MAGIC = b"CBM1"
_VERSION = b"FlabuffersModel_v1"
_STATISTICS = b"static_provider_v1"
_MAX_DEPTH = 16
_MAX_BINS = 0xFFFF
_QUESTIONS_A_BIN = 254
_MAX_COMBINED = 64
_MAX_CLASSES = 65_536
_MAX_STATISTICS = 20_000
_MAX_STEPS = 4_096

_INT = struct.Struct("<i")
_BYTE = struct.Struct("<b")
_BOOL = struct.Struct("<?")
_FLOAT = struct.Struct("<f")
_DOUBLE = struct.Struct("<d")
_UINT32 = struct.Struct("<I")
_SPLIT = np.dtype([("index", "<i4"), ("bits", "<u4")])
_BUCKET = np.dtype([("hash", "<u8"), ("index", "<u4")])
_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)

# Numbers of fields, in the order of CatBoost's schema.
_CORE_VERSION, _CORE_TREES, _CORE_PARTS = 0, 1, 3
_OUTPUTS, _SPLITS, _SIZES, _STARTS, _CATEGORIES, _NUMBERS, _LEVELS, _TOLD, _LEAVES, _SEEN = range(10)
_OTHER_TREES, _OTHER_LEAVES, _TEXTS, _ESTIMATED, _SCALE, _BIAS, _BIASES = 10, 11, 12, 13, 14, 15, 16
_EMBEDDINGS = 18

# Of a statistic of the target, what CatBoost calls its type.
_OF_BORDERS, _OF_BUCKETS, _OF_MEAN, _OF_VALUES, _OF_COUNTER, _OF_FREQUENCY = range(6)


def compact(blob: bytes, n_features: int, categorical: Sequence[int], n_outputs: int) -> bytes:
    """The same model in the shortest file. Raises ValueError, saying what is wrong, for one that is no model."""
    if blob[:4] != _MAGIC:
        raise ValueError("its CatBoost part is of an unknown kind")
    reader = _Stream(blob, len(_MAGIC))
    core = Table.root(reader.take())
    if core.text(_CORE_VERSION) != _VERSION:
        raise ValueError("its CatBoost part is of an unknown kind")
    parts = core.texts(_CORE_PARTS, 1)
    if parts not in ([], [_STATISTICS]):
        raise ValueError("its CatBoost part is of an unknown kind")
    bins = _Bins(n_features - len(categorical), len(categorical))
    trees = core.table(_CORE_TREES)
    features: dict[int, Node] = {
        _CATEGORIES: _categories(trees, bins),
        _NUMBERS: _numbers(trees, bins),
        _LEVELS: _levels(trees, bins),
        _TOLD: _told(trees, bins),
    }
    tables = _tables(reader, bins.statistics) if parts else b""
    if not parts and bins.statistics:
        raise ValueError("its CatBoost part lacks statistics of its categories")
    content: dict[int, Node] = {
        _CORE_VERSION: _VERSION,
        _CORE_TREES: {**features, **_trees(trees, bins.total, n_outputs if n_outputs > 2 else 1)},
        **({_CORE_PARTS: [_STATISTICS]} if parts else {}),
    }
    return _MAGIC + _sized(written(content)) + tables


def says_what_it_has_seen(blob: bytes) -> bool:
    """Whether a blob that `compact` has written knows how many rows came to its leaves."""
    return len(statistics_of(blob)[0].vector(_SEEN, "<f8")) > 0


def statistics_of(blob: bytes) -> tuple[Table, list[Table]]:
    """The trees of a blob that `compact` has written, and the statistics of its categories."""
    reader = _Stream(blob, len(_MAGIC))
    core = Table.root(reader.take())
    n_tables = reader.size() if core.texts(_CORE_PARTS, 1) else 0
    return core.table(_CORE_TREES), [Table.root(reader.take()) for _ in range(n_tables)]


class _Stream:
    """Pieces one after the other, each behind its size."""

    def __init__(self, content: bytes, position: int):
        self._content = content
        self._position = position

    def size(self) -> int:
        if self._position + _UINT32.size > len(self._content):
            raise ValueError("its CatBoost part is cut off")
        (size,) = _UINT32.unpack_from(self._content, self._position)
        self._position += _UINT32.size
        if size == 0xFFFFFFFF:
            # So much is said in eight bytes, and is more than there can be.
            raise ValueError("its CatBoost part is cut off")
        return int(size)

    def take(self) -> bytes:
        size = self.size()
        piece = self._content[self._position : self._position + size]
        if len(piece) < size:
            raise ValueError("its CatBoost part is cut off")
        self._position += size
        return piece


def _sized(piece: bytes) -> bytes:
    return _UINT32.pack(len(piece)) + piece


class _Statistic(NamedTuple):
    """Columns, splits of columns by their bits, and a type: which table of statistics is meant."""

    categories: tuple[int, ...]
    numbers: tuple[tuple[int, int], ...]
    levels: tuple[tuple[int, int], ...]
    kind: int
    target: int | None


@dataclass
class _Bins:
    """The questions that splits may ask, counted as they are read, and what others refer to."""

    n_numbers: int
    n_categories: int
    total: int = 0
    taken: int = 0
    categories: set[int] = field(default_factory=set)
    numbers: dict[int, np.ndarray] = field(default_factory=dict)
    levels: dict[int, np.ndarray] = field(default_factory=dict)
    statistics: dict[_Statistic, int] = field(default_factory=dict)
    """With the greatest class that is asked for."""

    def ask(self, n_questions: int) -> None:
        self.total += n_questions
        self.taken += -(-n_questions // _QUESTIONS_A_BIN)
        if self.taken > _MAX_BINS:
            raise ValueError("its CatBoost part asks more questions than it can")

    def knows(self, statistic: _Statistic) -> bool:
        return (
            self.categories.issuperset(statistic.categories)
            and self._number_splits.issuperset(statistic.numbers)
            and self._level_splits.issuperset(statistic.levels)
        )

    @cached_property
    def _number_splits(self) -> set[tuple[int, int]]:
        return _splits(self.numbers)

    @cached_property
    def _level_splits(self) -> set[tuple[int, int]]:
        return _splits(self.levels)


def _splits(values: Mapping[int, np.ndarray]) -> set[tuple[int, int]]:
    return {(index, bits) for index, found in values.items() for bits in found.view("<u4").tolist()}


def _categories(trees: Table, bins: _Bins) -> list[Node]:
    nodes: list[Node] = []
    last = -1
    for table in trees.tables(_CATEGORIES, bins.n_categories):
        index, flat = (table.scalar(number, _INT, -1) for number in range(2))
        used = table.scalar(3, _BOOL, True)
        if not last < index < bins.n_categories or flat != bins.n_numbers + index:
            raise ValueError("its CatBoost part expects other features")
        last = index
        if used:
            bins.categories.add(index)
        nodes.append({0: Scalar(_INT, index), 1: Scalar(_INT, flat), 3: Scalar(_BOOL, used)})
    return nodes


def _numbers(trees: Table, bins: _Bins) -> list[Node]:
    nodes: list[Node] = []
    last = -1
    for table in trees.tables(_NUMBERS, bins.n_numbers):
        index, flat = (table.scalar(number, _INT, -1) for number in (1, 2))
        if not last < index < bins.n_numbers or flat != index:
            raise ValueError("its CatBoost part expects other features")
        last = index
        borders = _borders(table.vector(3, "<f4"))
        missing = table.scalar(5, _BYTE, 0)
        if not 0 <= missing <= 2:
            raise ValueError("its CatBoost part takes missing values in an unknown way")
        bins.ask(len(borders))
        bins.numbers[index] = borders
        nodes.append(
            {
                0: Scalar(_BOOL, table.scalar(0, _BOOL, False)),
                1: Scalar(_INT, index),
                2: Scalar(_INT, flat),
                3: borders,
                5: Scalar(_BYTE, missing),
            }
        )
    return nodes


def _levels(trees: Table, bins: _Bins) -> list[Node]:
    """Categories of which single levels are asked for."""
    nodes: list[Node] = []
    for table in trees.tables(_LEVELS, bins.n_categories):
        index, values = table.scalar(0, _INT, -1), table.vector(1, "<i4")
        if index not in bins.categories or index in bins.levels:
            raise ValueError("its CatBoost part has categories that do not exist")
        bins.ask(len(values))
        bins.levels[index] = values
        nodes.append({0: Scalar(_INT, index), 1: values})
    return nodes


def _told(trees: Table, bins: _Bins) -> list[Node]:
    """Statistics of the target, of categories alone and together, and what is asked of them."""
    nodes: list[Node] = []
    for table in trees.tables(_TOLD, _MAX_STATISTICS):
        told, borders = table.table(0), _borders(table.vector(1, "<f4"))
        statistic, base = _statistic(told.table(0))
        asked_class = told.scalar(1, _INT, 0)
        figures = [told.scalar(number, _FLOAT, default) for number, default in ((2, 0.0), (3, 1.0), (4, 0.0), (5, 1.0))]
        if asked_class < 0 or not bool(np.isfinite(figures).all()):
            raise ValueError("its CatBoost part has statistics that cannot be")
        if not bins.knows(statistic):
            raise ValueError("its CatBoost part has statistics of columns that do not exist")
        bins.ask(len(borders))
        bins.statistics[statistic] = max(asked_class, bins.statistics.get(statistic, 0))
        content: dict[int, Node] = {0: base, 1: Scalar(_INT, asked_class)}
        content |= {2 + place: Scalar(_FLOAT, figure) for place, figure in enumerate(figures)}
        nodes.append({0: content, 1: borders})
    return nodes


def _borders(borders: np.ndarray) -> np.ndarray:
    if len(borders) > _MAX_BINS * _QUESTIONS_A_BIN or bool(np.isnan(borders).any()):
        raise ValueError("its CatBoost part holds a value that is not a number")
    return borders


def _statistic(table: Table) -> tuple[_Statistic, dict[int, Node]]:
    """Of which columns a statistic is, and of which type; and how that is written."""
    columns, kind, target = table.table(0), table.scalar(1, _BYTE, 0), table.scalar(2, _INT, None)
    categories, numbers, levels = (columns.vector(place, dtype) for place, dtype in enumerate(("<i4", _SPLIT, _SPLIT)))
    if max(len(categories), len(numbers), len(levels)) > _MAX_COMBINED or not _OF_BORDERS <= kind <= _OF_FREQUENCY:
        raise ValueError("its CatBoost part has statistics that cannot be")
    found = _Statistic(tuple(categories.tolist()), tuple(numbers.tolist()), tuple(levels.tolist()), kind, target)
    node: dict[int, Node] = {0: {0: categories, 1: numbers, 2: levels}, 1: Scalar(_BYTE, kind)}
    return found, node if target is None else {**node, 2: Scalar(_INT, target)}


def _tables(reader: _Stream, wanted: Mapping[_Statistic, int]) -> bytes:
    """The values of the statistics, which stand behind the trees, without those that nothing asks for."""
    pieces: dict[_Statistic, bytes] = {}
    for _ in range(reader.size()):
        table = Table.root(reader.take())
        statistic, base = _statistic(table.table(0))
        if statistic in pieces:
            raise ValueError("its CatBoost part has statistics that cannot be")
        if statistic in wanted:
            pieces[statistic] = written({0: base, **_values(table, statistic.kind, wanted[statistic])})
    if len(pieces) < len(wanted):
        raise ValueError("its CatBoost part lacks statistics of its categories")
    return _UINT32.pack(len(pieces)) + b"".join(map(_sized, pieces.values()))


def _values(table: Table, kind: int, asked_class: int) -> dict[int, Node]:
    """A table of hashes, each with the place of its figures, and the figures."""
    hashes, figures = table.vector(1, np.uint8), table.vector(2, np.uint8)
    denominator, classes = table.scalar(3, _INT, 0), table.scalar(4, _INT, 0)
    n_bytes = 4
    if kind in (_OF_MEAN, _OF_VALUES):
        n_bytes = 8
    elif kind in (_OF_BORDERS, _OF_BUCKETS):
        if not max(2, asked_class + 1) <= classes <= _MAX_CLASSES:
            raise ValueError("its CatBoost part has statistics of other classes")
        n_bytes *= classes
    if len(figures) % n_bytes or len(hashes) % _BUCKET.itemsize:
        raise ValueError("its CatBoost part has statistics that cannot be")
    buckets = np.frombuffer(hashes, _BUCKET)
    empty = np.flatnonzero(buckets["hash"] == _EMPTY)
    # It is looked for from its place on until there is an empty one.
    if not len(empty) or len(buckets) & (len(buckets) - 1):
        raise ValueError("its CatBoost part has statistics that cannot be")
    steps = np.diff(np.append(empty, empty[0] + len(buckets)))
    places = np.delete(buckets["index"], empty)
    if steps.max() > _MAX_STEPS or (len(places) and places.max() >= len(figures) // n_bytes):
        raise ValueError("its CatBoost part has statistics that cannot be")
    return {1: hashes, 2: figures, 3: Scalar(_INT, denominator), 4: Scalar(_INT, classes)}


def _trees(trees: Table, n_questions: int, outputs: int) -> dict[int, Node]:
    others = (_OTHER_TREES, _OTHER_LEAVES, _TEXTS, _ESTIMATED, _EMBEDDINGS)
    if any(len(trees.vector(number, "<u4")) for number in others):
        raise ValueError("its CatBoost part is of an unknown kind")
    if trees.scalar(_OUTPUTS, _INT, 0) != outputs:
        raise ValueError("its CatBoost part has other classes")
    splits, sizes = (trees.vector(number, "<i4").astype(np.int64) for number in (_SPLITS, _SIZES))
    leaves = trees.vector(_LEAVES, "<f8")
    if not len(sizes) or sizes.min() < 0 or sizes.max() > _MAX_DEPTH or int(sizes.sum()) != len(splits):
        raise ValueError("its CatBoost part has the wrong number of splits")
    if len(splits) and not (splits.min() >= 0 and splits.max() < n_questions):
        raise ValueError("one of its CatBoost trees asks something that does not exist")
    if len(leaves) != outputs * int((1 << sizes).sum()):
        raise ValueError("its CatBoost part has the wrong number of leaves")
    # How much of the training rows each leaf has seen, which explanations take; not in files of earlier versions.
    seen = trees.vector(_SEEN, "<f8")
    if len(seen) not in (0, int((1 << sizes).sum())) or not bool(((seen >= 0) & np.isfinite(seen)).all()):
        raise ValueError("one of its CatBoost trees has seen a number of rows that cannot be")
    scale, bias = trees.scalar(_SCALE, _DOUBLE, 1.0), trees.vector(_BIASES, "<f8")
    if not len(bias):
        bias = np.full(outputs, trees.scalar(_BIAS, _DOUBLE, 0.0))
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(leaves).max() * len(sizes) * abs(scale) + np.abs(bias).max()
    if len(bias) != outputs or not np.isfinite(largest):
        raise ValueError("one of its CatBoost trees holds a value that is not a number")
    return {
        _OUTPUTS: Scalar(_INT, outputs),
        _SPLITS: splits.astype("<i4"),
        _SIZES: sizes.astype("<i4"),
        _STARTS: (np.cumsum(sizes) - sizes).astype("<i4"),
        _LEAVES: leaves,
        _SCALE: Scalar(_DOUBLE, scale),
        _BIASES: bias,
        **({_SEEN: seen} if len(seen) else {}),
    }
