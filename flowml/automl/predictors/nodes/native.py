"""Trees of any kind, walked by LightGBM's library: one row in some microseconds, whoever has grown them.

The trees are written as LightGBM's own text and read by its library alone, without the Python package around it, which
would import half a second of others. All forests of a bag become one model, with a raw score for each of their outputs:
so a bag of five is one call.
"""

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np

from flowml.automl.predictors.links import apply_link
from flowml.automl.predictors.nodes.forest import Forest, Lookup, NodeTree
from flowml.automl.predictors.nodes.lookups import Lookups
from flowml.machine import forks

MOST_LEAVES = 1_000_000
"""Of all trees together: a leaf takes about a hundred bytes, and a microsecond to write and read."""
_MOST_COPIES = 8
_MISSING_CODE = 300
_RAW, _FLOAT32 = 1, 0
_BITS = 32
_NAMES = ("lib/lib_lightgbm.so", "lib/lib_lightgbm.dylib", "bin/lib_lightgbm.dll", "lib_lightgbm.so")


class RowForests:
    """Answers of several forests for one row, float32 (features,): the mean of their predictions, (outputs,).

    `features[i]` says where forest i finds its own features in that row. Raises ValueError for trees of which it can
    make nothing, OSError or AttributeError where there is no library.
    """

    def __init__(self, forests: Sequence[Forest], features: Sequence[np.ndarray]):
        forks.refuse()
        first = forests[0]
        if any(forest.combine == "median" for forest in forests):
            raise ValueError("the median of trees is no sum")
        if any((forest.link, forest.n_raw) != (first.link, first.n_raw) for forest in forests):
            raise ValueError("forests that answer differently")
        if sum(forest.n_leaves for forest in forests) * _copies(first) > MOST_LEAVES:
            raise ValueError("too many leaves")
        self._link = first.link
        units = [forest.scale / (len(forest.trees) if forest.combine == "mean" else 1) for forest in forests]
        self._units = np.array(units).reshape(-1, 1)
        self._offsets = np.array([np.broadcast_to(forest.offset, (first.n_raw,)) for forest in forests])
        writer = _Writer(forests, features)
        self._numbers = np.array([*writer.numbers, *writer.codes], dtype=np.intp)
        self._n_numbers = len(writer.numbers)
        self._lookups = Lookups(writer.lookups) if writer.lookups else None
        self._width = len(self._numbers) + len(writer.lookups)
        self._booster = _Booster(writer.text(self._width), self._width, len(forests) * first.n_raw)

    def __call__(self, row: np.ndarray) -> np.ndarray:
        with_codes = len(self._numbers)
        buffer = self._booster.take()
        found = buffer.values
        row.take(self._numbers, out=found[:with_codes], mode="clip")
        if with_codes > self._n_numbers:
            codes = found[self._n_numbers : with_codes]
            codes[codes != codes] = _MISSING_CODE
        if self._lookups is not None:
            found[with_codes:] = self._lookups(row)
        raw = self._booster.predict(buffer).reshape(self._offsets.shape)
        answers = apply_link(self._link, raw * self._units + self._offsets)
        return np.asarray(answers[0] if len(answers) == 1 else answers.mean(axis=0))


def _copies(forest: Forest) -> int:
    """A tree with several values in its leaves is written once for each."""
    width = int(forest.trees[0].value.shape[1])
    if width > _MOST_COPIES:
        raise ValueError("trees with very many values in their leaves")
    return width


class _Writer:
    """Forests as the text of one model; which features of the row it asks for is known when all trees are written."""

    def __init__(self, forests: Sequence[Forest], features: Sequence[np.ndarray]):
        self.numbers: dict[int, int] = {}
        self.codes: dict[int, int] = {}
        self.lookups: list[tuple[Lookup, np.ndarray]] = []
        self._by_score: list[list[tuple[NodeTree, int, np.ndarray, np.ndarray]]] = []
        for forest, where in zip(forests, features, strict=True):
            first = len(self.lookups)
            self.lookups += [(lookup, where) for lookup in forest.lookups]
            # A feature's number: of the row from 0 on, of a look-up below 0.
            places = np.concatenate([where[: forest.n_features], ~np.arange(first, len(self.lookups))])
            scores: list[list[tuple[NodeTree, int, np.ndarray, np.ndarray]]] = [[] for _ in range(forest.n_raw)]
            for number, tree in enumerate(forest.trees):
                if forest.groups > 1:
                    scores[number % forest.groups].append((tree, 0, places, self._asked(tree, places)))
                else:
                    asked = self._asked(tree, places)
                    for output in range(forest.n_raw):
                        scores[output].append((tree, output, places, asked))
            self._by_score += scores

    def _asked(self, tree: NodeTree, places: np.ndarray) -> np.ndarray:
        """Which nodes ask for codes, (nodes,); and note which features are asked for."""
        of_codes = np.zeros(len(tree.feature), dtype=bool)
        of_codes[list(tree.levels)] = True
        inner = tree.feature >= 0
        for wanted, known in ((inner & ~of_codes, self.numbers), (of_codes, self.codes)):
            for place in np.unique(places[tree.feature[wanted]]).tolist():
                if place >= 0:
                    known.setdefault(place, len(known))
        return of_codes

    def text(self, width: int) -> bytes:
        scores = len(self._by_score)
        size = max(max(self.numbers, default=0), max(self.codes, default=0)) + 1
        self._number_at, self._code_at = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        self._number_at[list(self.numbers)] = np.arange(len(self.numbers))
        self._code_at[list(self.codes)] = len(self.numbers) + np.arange(len(self.codes))
        self._first_lookup = len(self.numbers) + len(self.codes)
        parts = [
            "tree",
            "version=v4",
            f"num_class={scores}",
            f"num_tree_per_iteration={scores}",
            "label_index=0",
            f"max_feature_idx={max(width, 1) - 1}",
            "feature_names=" + " ".join(f"x{index}" for index in range(max(width, 1))),
            "feature_infos=" + " ".join(["none"] * max(width, 1)),
            "",
        ]
        number = 0
        for at in range(max(map(len, self._by_score))):
            for trees in self._by_score:
                # Each score has as many trees as every other.
                body = self._tree(*trees[at]) if at < len(trees) else _leaf(0.0)
                parts += [f"Tree={number}", *body, "is_linear=0", "shrinkage=1", "", ""]
                number += 1
        return "\n".join([*parts, "end of trees", ""]).encode()

    def _tree(self, tree: NodeTree, output: int, places: np.ndarray, of_codes: np.ndarray) -> list[str]:
        inner = tree.feature >= 0
        values = tree.value[~inner, output]
        if not inner[0]:
            return _leaf(float(values[0]))
        rank = np.where(inner, np.cumsum(inner) - 1, ~(np.cumsum(~inner) - 1))
        left, right = rank[tree.left[inner]], rank[tree.right[inner]]
        place = places[tree.feature[inner]]
        coded = of_codes[inner]
        known = np.maximum(place, 0)
        slot = np.where(coded, self._code_at[known], self._number_at[known])
        slot = np.where(place < 0, self._first_lookup + ~place, slot)
        missing_left = tree.missing_left[inner]
        threshold = np.clip(tree.threshold[inner], -1e300, 1e300)
        more = []
        if tree.levels:
            if not tree.levels_left:
                left, right = np.where(coded, right, left), np.where(coded, left, right)
            bounds, words = [0], []
            threshold = threshold.copy()
            for index, (node, at) in enumerate(
                zip(np.flatnonzero(of_codes).tolist(), np.flatnonzero(coded).tolist(), strict=True)
            ):
                threshold[at] = index
                words += _words(tree.levels[node], bool(missing_left[at]) == tree.levels_left)
                bounds.append(len(words))
            more = [f"cat_boundaries={_joined(bounds)}", f"cat_threshold={_joined(words)}"]
        decision = np.where(coded, 9, 8 + 2 * missing_left)
        return [
            f"num_leaves={len(values)}",
            f"num_cat={len(tree.levels)}",
            f"split_feature={_joined(slot.tolist())}",
            f"threshold={_joined(threshold.tolist())}",
            f"decision_type={_joined(decision.tolist())}",
            f"left_child={_joined(left.tolist())}",
            f"right_child={_joined(right.tolist())}",
            f"leaf_value={_joined(values.tolist())}",
            *more,
        ]


def _joined(values: Sequence[float]) -> str:
    return " ".join(map(repr, values))


def _leaf(value: float) -> list[str]:
    return ["num_leaves=1", "num_cat=0", f"leaf_value={value!r}"]


def _words(codes: frozenset[int], with_missing: bool) -> list[int]:
    """A set of codes as bits, the missing one among them or not."""
    chosen = [code for code in codes if 0 <= code < _MISSING_CODE]
    if len(chosen) < len(codes):
        raise ValueError("codes that no encoder gives")
    words = [0] * (_MISSING_CODE // _BITS + 1)
    for code in chain(chosen, [_MISSING_CODE] if with_missing else []):
        words[code // _BITS] |= 1 << code % _BITS
    return words


class _Buffer:
    """Where one call reads a row and writes its raw scores."""

    def __init__(self, width: int, scores: int):
        self.values = np.zeros(max(width, 1), dtype=np.float32)
        self.scores = np.zeros(scores)
        self.length = ctypes.c_int64(scores)
        self.arguments = (
            ctypes.c_void_p(self.values.ctypes.data),
            ctypes.byref(self.length),
            ctypes.c_void_p(self.scores.ctypes.data),
        )


class _Booster:
    """A model inside LightGBM's library."""

    def __init__(self, text: bytes, width: int, scores: int):
        self._handle, self._fast = ctypes.c_void_p(), ctypes.c_void_p()
        self._width, self._scores = width, scores
        self._free: list[_Buffer] = []
        slow, self._library = _libraries()
        trees = ctypes.c_int(0)
        # This takes a while, and others may go on meanwhile.
        _check(slow, slow.LGBM_BoosterLoadModelFromString(text, ctypes.byref(trees), ctypes.byref(self._handle)))
        _check(
            slow,
            slow.LGBM_BoosterPredictForMatSingleRowFastInit(
                self._handle,
                ctypes.c_int(_RAW),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(_FLOAT32),
                ctypes.c_int32(max(width, 1)),
                b"num_threads=1 verbosity=-1",
                ctypes.byref(self._fast),
            ),
        )
        self._predict = self._library.LGBM_BoosterPredictForMatSingleRowFast

    def take(self) -> _Buffer:
        """A buffer that nobody else uses until it has predicted."""
        try:
            return self._free.pop()
        except IndexError:
            return _Buffer(self._width, self._scores)

    def predict(self, buffer: _Buffer) -> np.ndarray:
        """The raw scores of what is in a buffer, which is free again: (scores,)."""
        if self._predict(self._fast, *buffer.arguments):
            raise RuntimeError(_last_error(self._library))
        scores = buffer.scores.copy()
        self._free.append(buffer)
        return scores

    def __del__(self) -> None:
        if self._fast:
            self._library.LGBM_FastConfigFree(self._fast)
        if self._handle:
            self._library.LGBM_BoosterFree(self._handle)


def _check(library: ctypes.CDLL, status: int) -> None:
    if status:
        raise ValueError(_last_error(library))


def _last_error(library: ctypes.CDLL) -> str:
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return bytes(library.LGBM_GetLastError() or b"").decode(errors="replace")


@cache
def _libraries() -> tuple[ctypes.CDLL, ctypes.PyDLL]:
    """LightGBM's library, once for calls that let other threads go on, and once for those that take less time than
    that would. Raises OSError where there is none."""
    found = importlib.util.find_spec("lightgbm")
    folders = [] if found is None else [Path(folder) for folder in found.submodule_search_locations or ()]
    for path in (folder / name for folder in folders for name in _NAMES):
        if path.exists():
            return ctypes.CDLL(str(path)), ctypes.PyDLL(str(path))
    raise OSError("LightGBM's library is not there")
