"""A column of texts as a few dense columns: what they are about, and what their terms say of the target."""

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from flowml.automl.features.encoded import View
from flowml.automl.features.outputs import told_columns
from flowml.automl.features.prepared import Labels
from flowml.automl.features.terms import MAX_TERMS, TermFinder, Terms
from flowml.automl.features.texts import words_of

_TOPICS = 8
_MAX_COLUMNS = 64
_FEWEST_ROWS = 50
_FEWEST_TERMS = 8
_READ_ROWS = 10_000
_PENALTY = 1.0
_STEPS = 15
_LARGEST = 32_000


@dataclass(frozen=True)
class TextEncoder:
    """`table`: int16 (terms, columns), of which a text gets the sum over its terms.

    That times `scale`, by the root of its number of words, less `centre`, is its columns; `absent` those of a missing
    text. Whole numbers add up to the same in any order, so that one text and a table of them are encoded alike.
    """

    name: str
    terms: tuple[str, ...]
    table: np.ndarray
    scale: np.ndarray
    centre: np.ndarray
    absent: np.ndarray
    column_names: tuple[str, ...]

    @classmethod
    def fit(
        cls, view: View, name: str, column: Labels, target: np.ndarray, n_outputs: int, seed: int, inner: np.ndarray
    ) -> tuple["TextEncoder", np.ndarray] | None:
        """Learn from the training rows; returns the encoder and those rows encoded, (rows, columns).

        Topics: latent semantic analysis, the truncated singular value decomposition of TF-IDF (Deerwester et al.
        1990) by random projection (Halko et al. 2011). Means: ridge regression of the target on TF-IDF, in which the
        rows are encoded from the other inner folds, so that no row has seen its own target. None where there are too
        few texts or too few terms that occur in several.
        """
        known = np.flatnonzero(column.codes >= 0)
        if len(known) < _FEWEST_ROWS:
            return None
        every = Terms.of_column(column)
        terms = every.choose(column.counts())
        if len(terms) < _FEWEST_TERMS:
            return None
        generator = np.random.default_rng(seed)
        rows = known if len(known) <= _READ_ROWS else np.sort(generator.permutation(known)[:_READ_ROWS])
        matrix, weights = _tf_idf(every, terms, column.codes[rows])
        values, labels = told_columns(target, n_outputs)
        told = values[rows] - values[rows].mean(axis=0)
        topics = _topics(matrix, min(_TOPICS, len(terms) // 4), generator)
        table = np.column_stack([topics, _ridge(matrix, told)]) * weights[:, None]
        scale = np.maximum(np.abs(table).max(axis=0), 1e-12) / _LARGEST
        encoder = cls(
            name=name,
            terms=terms,
            table=np.round(table / scale).astype(np.int16),
            scale=scale,
            centre=np.zeros(table.shape[1]),
            absent=np.full(table.shape[1], np.nan),
            column_names=(
                *(f"{name} topic {index + 1}" for index in range(topics.shape[1])),
                *(f"{name} wording of {label}" for label in labels),
            ),
        )
        encoded = encoder.transform(column)
        for fold in np.unique(inner[rows]):
            held, rest = inner[rows] == fold, inner[rows] != fold
            encoded[rows[held], topics.shape[1] :] = matrix[held] @ _ridge(matrix[rest], told[rest])
        return encoder._for_view(view, encoded, known)

    def _for_view(self, view: View, encoded: np.ndarray, known: np.ndarray) -> tuple["TextEncoder", np.ndarray]:
        centre, spread = np.zeros(len(self.scale)), np.ones(len(self.scale))
        if view is View.DENSE:
            centre, spread = encoded[known].mean(axis=0), encoded[known].std(axis=0)
            spread[spread < 1e-12] = 1.0
        encoded = (encoded - centre) / spread
        absent = encoded[known].mean(axis=0)
        if view in (View.NATIVE, View.WIDE) and len(known) < len(encoded):
            absent = np.full(len(self.scale), np.nan)
        encoded[np.isnan(encoded[:, 0])] = absent
        return (
            TextEncoder(
                self.name, self.terms, self.table, self.scale / spread, centre / spread, absent, self.column_names
            ),
            encoded,
        )

    def names(self) -> Sequence[str]:
        """One for each column of `transform`."""
        return self.column_names

    def transform(self, column: Labels) -> np.ndarray:
        """Labels → float64 (rows, columns)."""
        every = Terms.of_column(column)
        sums = every.sums(self.table, self.terms)
        root = np.sqrt(np.maximum(every.facts.size, 1)).reshape(-1, 1)
        lines = np.vstack([sums * self.scale / root - self.centre, self.absent])
        return np.asarray(lines[column.codes])

    def compile(self) -> Callable[[str | None], Sequence[float]]:
        """The same for one text."""
        finder = TermFinder(self.terms)
        table = self.table.astype(np.int64)
        scale, centre = self.scale, self.centre
        absent: list[float] = self.absent.tolist()
        nothing: list[float] = (-self.centre).tolist()

        def encode(text: str | None) -> Sequence[float]:
            if text is None:
                return absent
            words = words_of(text)
            found = finder.find(words)
            if not found:
                return nothing
            sums = table[found].sum(axis=0)
            answer: list[float] = (sums * scale / math.sqrt(len(words)) - centre).tolist()
            return answer

        return encode

    def state(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "name": self.name,
            "terms": list(self.terms),
            "table": base64.b64encode(self.table.astype("<i2").tobytes()).decode(),
            "scale": self.scale.tolist(),
            "centre": self.centre.tolist(),
            "absent": [None if math.isnan(value) else value for value in self.absent.tolist()],
            "column_names": list(self.column_names),
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "TextEncoder":
        """Raises KeyError, TypeError or ValueError for a state that is none."""
        names = tuple(str(name) for name in state["column_names"])
        terms = tuple(str(term) for term in state["terms"])
        if not 0 < len(names) <= _MAX_COLUMNS or len(terms) > MAX_TERMS:
            raise ValueError(f"“{state['name']}” has more terms or columns than any text")
        table = np.frombuffer(base64.b64decode(state["table"], validate=True), dtype="<i2").astype(np.int16)
        if table.size != len(terms) * len(names):
            raise ValueError(f"the table of “{state['name']}” does not fit its terms")
        scale = np.array([float(value) for value in state["scale"]])
        centre = np.array([float(value) for value in state["centre"]])
        absent = np.array([math.nan if value is None else float(value) for value in state["absent"]])
        if not scale.shape == centre.shape == absent.shape == (len(names),):
            raise ValueError(f"the scale of “{state['name']}” does not fit its columns")
        if not (np.isfinite(scale).all() and np.isfinite(centre).all() and not np.isinf(absent).any()):
            raise ValueError(f"the scale of “{state['name']}” is no number")
        return cls(str(state["name"]), terms, table.reshape(len(terms), len(names)), scale, centre, absent, names)


def _tf_idf(every: Terms, terms: tuple[str, ...], codes: np.ndarray) -> tuple[Any, np.ndarray]:
    """Sparse (rows, terms), each row divided by the root of its number of words; and the weight of each term."""
    from scipy import sparse

    levels, row_level = np.unique(codes, return_inverse=True)
    line, term = every.stream(terms, levels)
    counts = sparse.csr_matrix((np.ones(len(line)), (line, term)), shape=(len(levels), len(terms)), dtype=np.float64)
    counts.sum_duplicates()
    rows_of_level = np.bincount(row_level, minlength=len(levels))
    present = counts.copy()
    present.data[:] = 1.0
    rows = present.T @ rows_of_level
    weights = np.log((1 + len(codes)) / (1 + rows)) + 1
    root = np.sqrt(np.maximum(every.facts.size[levels], 1))
    matrix = sparse.diags(1 / root) @ counts @ sparse.diags(weights)
    # Rows of about unit length, so that one penalty suits long and short texts.
    length = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel() @ rows_of_level / len(codes))
    weights = weights / max(length, 1e-12)
    return (matrix / max(length, 1e-12)).tocsr()[row_level], weights


def _topics(matrix: Any, n: int, generator: np.random.Generator) -> np.ndarray:
    sample = np.linalg.qr(matrix @ generator.standard_normal((matrix.shape[1], n + 8)))[0]
    for _ in range(2):
        sample = np.linalg.qr(matrix @ (matrix.T @ sample))[0]
    return np.asarray(np.linalg.svd((matrix.T @ sample).T, full_matrices=False)[2][:n].T)


def _ridge(matrix: Any, told: np.ndarray) -> np.ndarray:
    """(terms, outputs) by conjugate gradients on the normal equations, some steps of it."""
    answer = np.zeros((matrix.shape[1], told.shape[1]))
    residual = matrix.T @ told
    direction, size = residual.copy(), (residual**2).sum(axis=0)
    for _ in range(_STEPS):
        image = matrix.T @ (matrix @ direction) + _PENALTY * direction
        step = size / np.maximum((direction * image).sum(axis=0), 1e-300)
        answer += step * direction
        residual -= step * image
        before, size = size, (residual**2).sum(axis=0)
        direction = residual + size / np.maximum(before, 1e-300) * direction
    return answer
