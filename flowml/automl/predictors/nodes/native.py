"""Trees of any kind, walked by LightGBM's library: one row in some microseconds, whoever has grown them.

The trees are written as LightGBM's own text and read by its library alone, without the Python package around it, which
would import half a second of others. All forests of a bag become one model, with a raw score for each of their outputs:
so a bag of five is one call.
"""

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from flowml.automl.predictors.links import link_of, mean_of_row
from flowml.automl.predictors.nodes.forest import Forest
from flowml.automl.predictors.nodes.lookups import Lookups
from flowml.automl.predictors.nodes.writing import MISSING_CODE, Writer, model_text, scores_of_text
from flowml.machine import forks

MOST_LEAVES = 1_000_000
"""Of all trees together: a leaf takes about a hundred bytes, and a microsecond to write and read."""
_MOST_CHARACTERS = 60_000_000
_MOST_COPIES = 8
_RAW, _FLOAT32 = 1, 0
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
        units = [forest.scale / (len(forest.trees) if forest.combine == "mean" else 1) for forest in forests]
        offsets = np.array([np.broadcast_to(forest.offset, (first.n_raw,)) for forest in forests])
        writer = Writer(forests, features)
        width = len(writer.numbers) + len(writer.codes) + len(writer.lookups)
        self._begin(first.link, np.array(units).reshape(-1, 1), offsets, writer.text(width), width)
        self._numbers = np.array([*writer.numbers, *writer.codes], dtype=np.intp)
        self._n_numbers = len(writer.numbers)
        self._lookups = Lookups(writer.lookups) if writer.lookups else None

    @classmethod
    def of_lightgbm(cls, models: Sequence[str], n_outputs: int, features: Sequence[np.ndarray]) -> "RowForests":
        """The same of models that are texts of LightGBM already (`lightgbm_text.compact`), which stay as they are but
        for where their features are."""
        forks.refuse()
        if sum(map(len, models)) > _MOST_CHARACTERS:
            raise ValueError("too many leaves")
        groups = n_outputs if n_outputs > 2 else 1
        numbers: dict[int, int] = {}
        by_score = [
            score
            for model, where in zip(models, features, strict=True)
            for score in scores_of_text(model, groups, where, numbers)
        ]
        found = cls.__new__(cls)
        width = len(numbers)
        text = model_text(by_score, width)
        found._begin(link_of(n_outputs), np.ones((len(models), 1)), np.zeros((len(models), groups)), text, width)
        found._numbers = np.array(list(numbers), dtype=np.intp)
        found._n_numbers = width
        found._lookups = None
        return found

    def _begin(self, link: str, units: np.ndarray, offsets: np.ndarray, text: bytes, width: int) -> None:
        self._link, self._units, self._offsets = link, units, offsets
        self._booster = _Booster(text, width, offsets.size)

    def __call__(self, row: np.ndarray) -> np.ndarray:
        with_codes = len(self._numbers)
        buffer = self._booster.take()
        found = buffer.values
        row.take(self._numbers, out=found[:with_codes], mode="clip")
        if with_codes > self._n_numbers:
            codes = found[self._n_numbers : with_codes]
            codes[codes != codes] = MISSING_CODE
        if self._lookups is not None:
            found[with_codes:] = self._lookups(row)
        raw = self._booster.predict(buffer).reshape(self._offsets.shape)
        return mean_of_row(self._link, raw * self._units + self._offsets)


def _copies(forest: Forest) -> int:
    """A tree with several values in its leaves is written once for each."""
    width = int(forest.trees[0].value.shape[1])
    if width > _MOST_COPIES:
        raise ValueError("trees with very many values in their leaves")
    return width


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
