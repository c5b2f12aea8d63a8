"""CatBoost's symmetric trees as plain nodes, and its statistics of categories as tables.

Categories are codes here, few and known, so the hashes by which CatBoost finds a word become places in a table. Words
are hashed by CityHash (Pike and Alakuijala 2011), pairs of them as CatBoost's own model files have it
(`catboost/libs/model`).
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from itertools import product

import numpy as np

from flowml.automl.predictors.catboost import CatBoostPredictor
from flowml.automl.predictors.catboost_blob import statistics_of
from flowml.automl.predictors.flatbuffers import Table
from flowml.automl.predictors.nodes.forest import Forest, Lookup, NodeTree, Source

# More than any encoder has, so that every code has a place.
N_CODES = 256
_MOST_CELLS = 3_000_000
_MASK = (1 << 64) - 1
_K2, _K3 = 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MULTIPLIER = 0x9DDFEA08EB382D69
_OF_PAIRS = 0x4906BA494954CB65
_INT, _BYTE, _FLOAT, _DOUBLE = (struct.Struct(kind) for kind in ("<i", "<b", "<f", "<d"))
_NUMBERS, _LEVELS, _TOLD = 5, 6, 7
_MISSING_ABOVE = 2
_OF_BORDERS, _OF_BUCKETS, _OF_MEAN, _OF_VALUES = range(4)


def forest_of_catboost(predictor: CatBoostPredictor) -> Forest:
    """Raises ValueError for statistics of more columns at once than a table can have."""
    trees, tables = statistics_of(predictor.model)
    columns = _Columns(predictor)
    columns.read(trees, tables)
    outputs = predictor.n_outputs if predictor.n_outputs > 2 else 1
    splits, sizes = (trees.vector(number, "<i4").tolist() for number in (1, 2))
    leaves = trees.vector(8, "<f8").reshape(-1, outputs)
    found, split, leaf = [], 0, 0
    for size in sizes:
        found.append(columns.tree(splits[split : split + size], leaves[leaf : leaf + (1 << size)]))
        split, leaf = split + size, leaf + (1 << size)
    bias = np.array(trees.vector(16, "<f8"), dtype=np.float64)
    link = "identity" if predictor.n_outputs == 1 else "sigmoid" if predictor.n_outputs == 2 else "softmax"
    scale = float(trees.scalar(14, _DOUBLE, 1.0))
    return Forest(found, predictor.n_features, 1, bias, link, scale, lookups=tuple(columns.lookups))


class _Columns:
    """The questions that trees may ask, in CatBoost's order, and the look-ups that some of them need."""

    def __init__(self, predictor: CatBoostPredictor):
        chosen = set(predictor.categorical)
        self.n_features = predictor.n_features
        self.numbers = [index for index in range(predictor.n_features) if index not in chosen]
        self.categories = list(predictor.categorical)
        self.lookups: list[Lookup] = []
        # Column, threshold, whether a missing value is above it, and the code that is asked for, if one is.
        self.questions: list[tuple[int, float, bool, int | None]] = []
        self._cells = 0.0
        self._above: dict[int, bool] = {}
        self._code_of = {_word_hash(word): code for code, word in enumerate(_WORDS)}

    def read(self, trees: Table, tables: Iterable[Table]) -> None:
        for table in trees.tables(_NUMBERS, len(self.numbers)):
            index = table.scalar(1, _INT, -1)
            above = self._above[index] = table.scalar(5, _BYTE, 0) == _MISSING_ABOVE
            column = self.numbers[index]
            self.questions += [(column, float(border), above, None) for border in table.vector(3, "<f4")]
        for table in trees.tables(_LEVELS, len(self.categories)):
            column = self.categories[table.scalar(0, _INT, -1)]
            self.questions += [(column, 0.0, False, self._code(value)) for value in table.vector(1, "<i4").tolist()]
        known = {_key(table.table(0)): table for table in tables}
        for table in trees.tables(_TOLD, 20_000):
            told = table.table(0)
            self.lookups.append(self._lookup(told, known[_key(told.table(0))]))
            column = self.n_features + len(self.lookups) - 1
            self.questions += [(column, float(border), False, None) for border in table.vector(1, "<f4")]

    def _code(self, value: int) -> int:
        """The code whose word has this hash; -1 for a missing one, -2 for one that no word has."""
        code = self._code_of.get(value & 0xFFFFFFFF, N_CODES + 1)
        return -1 if code == N_CODES else -2 if code > N_CODES else code

    def _lookup(self, told: Table, statistic: Table) -> Lookup:
        base = told.table(0)
        columns = base.table(0)
        categories, numbers, levels = (
            columns.vector(place, kind) for place, kind in enumerate(("<i4", _SPLIT, _SPLIT))
        )
        sources = [Source(self.categories[index], N_CODES) for index in categories.tolist()]
        parts = [_OF_WORDS] * len(sources)
        for index, bits in numbers.tolist():
            border = float(np.array(bits, dtype="<u4").view("<f4"))
            sources.append(Source(self.numbers[index], border=border, missing_above=self._above[index]))
            parts.append([0, 1])
        for index, bits in levels.tolist():
            sources.append(Source(self.categories[index], code=self._code(bits)))
            parts.append([0, 1])
        self._cells += float(np.prod([len(part) for part in parts], dtype=np.float64))
        if self._cells > _MOST_CELLS:
            raise ValueError("statistics of several categories together, which make tables too large")
        value_of = _values(told, statistic, base.scalar(1, _BYTE, 0))
        content = np.empty([len(part) for part in parts], dtype=np.float32)
        flat = content.reshape(-1)
        for place, combination in enumerate(product(*parts)):
            found = 0
            for part in combination:
                found = _pair_hash(found, part)
            flat[place] = value_of(found)
        return Lookup(tuple(sources), content)

    def tree(self, splits: list[int], leaves: np.ndarray) -> NodeTree:
        depth = len(splits)
        inner = (1 << depth) - 1
        nodes = np.arange(inner)
        total = inner + len(leaves)
        feature, threshold = np.full(total, -1, dtype=np.int32), np.zeros(total)
        missing_left, value = np.ones(total, dtype=bool), np.zeros((total, leaves.shape[1]))
        left, right = np.full(total, -1, dtype=np.int32), np.full(total, -1, dtype=np.int32)
        levels: dict[int, frozenset[int]] = {}
        left[:inner], right[:inner] = 2 * nodes + 1, 2 * nodes + 2
        value[inner:] = leaves
        # Breadth first, the last split at the root: so leaf i is the i-th from the left.
        for level, split in enumerate(reversed(splits)):
            same = slice((1 << level) - 1, (2 << level) - 1)
            feature[same], threshold[same], above, code = self.questions[split]
            missing_left[same] = not above
            if code is not None:
                levels.update(dict.fromkeys(range(same.start, same.stop), frozenset([code] if code >= 0 else ())))
                missing_left[same] = code != -1
        return NodeTree(feature, threshold, missing_left, left, right, value, levels, levels_left=False)


_SPLIT = np.dtype([("index", "<i4"), ("bits", "<u4")])


def _key(base: Table) -> tuple[object, ...]:
    columns = base.table(0)
    vectors = (columns.vector(place, kind).tobytes() for place, kind in enumerate(("<i4", _SPLIT, _SPLIT)))
    return (*vectors, base.scalar(1, _BYTE, 0), base.scalar(2, _INT, None))


def _values(told: Table, statistic: Table, kind: int) -> Callable[[int], np.float32]:
    """From the hash of words to the statistic: (figure + prior) / (count + prior's) shifted and scaled, in float32."""
    buckets = np.frombuffer(statistic.vector(1, np.uint8).tobytes(), [("hash", "<u8"), ("index", "<u4")])
    places: Mapping[int, int] = dict(zip(buckets["hash"].tolist(), buckets["index"].tolist(), strict=True))
    figures = statistic.vector(2, np.uint8).tobytes()
    denominator, classes = statistic.scalar(3, _INT, 0), statistic.scalar(4, _INT, 0)
    asked = told.scalar(1, _INT, 0)
    prior, prior_count, shift, scale = (
        np.float32(told.scalar(number, _FLOAT, default)) for number, default in ((2, 0.0), (3, 1.0), (4, 0.0), (5, 1.0))
    )

    def value_of(found: int) -> np.float32:
        at = places.get(found)
        figure: float = 0.0
        count: float = 0.0
        if kind in (_OF_MEAN, _OF_VALUES):
            if at is not None:
                figure, count = struct.unpack_from("<fi", figures, 8 * at)
        elif kind in (_OF_BORDERS, _OF_BUCKETS):
            if at is not None:
                counts = struct.unpack_from(f"<{classes}i", figures, 4 * classes * at)
                figure = counts[asked] if kind == _OF_BUCKETS else sum(counts[asked + 1 :])
                count = sum(counts)
        else:
            count = denominator
            if at is not None:
                (figure,) = struct.unpack_from("<i", figures, 4 * at)
        share = (np.float32(figure) + prior) / (np.float32(count) + prior_count)
        return np.float32((share + shift) * scale)

    return value_of


def _pair_hash(first: int, second: int) -> int:
    return _OF_PAIRS * (first + _OF_PAIRS * second) & _MASK


def _word_hash(word: bytes) -> int:
    """The low half of CityHash64 of up to 16 bytes."""
    size = len(word)
    if size > 8:
        first, last = int.from_bytes(word[:8], "little"), int.from_bytes(word[-8:], "little")
        turned = _turned(last + size & _MASK, size)
        return (_mixed(first, turned) ^ last) & 0xFFFFFFFF
    if size >= 4:
        first, last = int.from_bytes(word[:4], "little"), int.from_bytes(word[-4:], "little")
        return _mixed(size + (first << 3) & _MASK, last) & 0xFFFFFFFF
    begin = word[0] + (word[size >> 1] << 8)
    end = size + (word[-1] << 2)
    return _shifted(begin * _K2 & _MASK ^ end * _K3 & _MASK) * _K2 & 0xFFFFFFFF


def _turned(value: int, by: int) -> int:
    return (value >> by | value << 64 - by) & _MASK


def _shifted(value: int) -> int:
    return value ^ value >> 47


def _mixed(first: int, second: int) -> int:
    found = _shifted((first ^ second) * _MULTIPLIER & _MASK)
    return _shifted((second ^ found) * _MULTIPLIER & _MASK) * _MULTIPLIER & _MASK


_WORDS = [*(str(code).encode() for code in range(N_CODES)), b"missing"]


def _signed(found: int) -> int:
    """As CatBoost extends 32 bits to 64."""
    return found - (1 << 32) & _MASK if found & 1 << 31 else found


_OF_WORDS = [_signed(_word_hash(word)) for word in _WORDS]
