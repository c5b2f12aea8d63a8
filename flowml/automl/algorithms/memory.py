"""How much memory a trial will need, before it starts.

A trial that needs more than there is would be killed after it has slowed everything down, or have the system kill
something else. So what it will need is worked out from sizes alone, the same way every time.

Megabytes that a fit took beside its encoded rows, and what was said (`python -m benchmarks.memory --seconds 5`; 60,000
rows × 60 columns, which are 17 themselves, two classes; forests are said to take what they may, not what they did):

    lightgbm             40   48        catboost             44   78        decision_tree       3    8
    xgboost              58   61        mlp                  36   44        gradient_boosting   5   16
    linear_discriminant 100  108        knn                  69  118        adaboost            3    8
    gaussian_nb          87  108        logistic_regression  30   45        random_forest       6  163
"""

from typing import TYPE_CHECKING

from flowml.domain.errors import NotApplicable

if TYPE_CHECKING:
    from flowml.automl.task.shape import TaskShape

PROCESS_BYTES = 350_000_000
"""A trainer with the libraries in memory and no table."""
ENCODING_PEAK = 4.0
"""While it is made, an encoded matrix is there once in single precision, once in double and for a moment as parts."""
TABLE_COPIES = 3
"""The table as it was read, as it was prepared, and the rows of a fold taken from it."""
_SINGLE, _DOUBLE = 4, 8


class WillNotFit(NotApplicable):
    """A trial that needs more memory than there is. `needed_bytes`: how much it would need."""

    def __init__(self, needed_bytes: int, available_bytes: int):
        super().__init__(
            f"It would need about {gigabytes(needed_bytes)}, and this machine has {gigabytes(available_bytes)} for "
            "one trial."
        )
        self.needed_bytes = needed_bytes


def gigabytes(count: float) -> str:
    """Bytes as a person reads them: `9 GB`, `0.8 GB`."""
    amount = count / 1e9
    return f"{amount:.0f} GB" if amount >= 9.5 else f"{amount:.1f} GB"


def matrix_bytes(shape: "TaskShape") -> int:
    """The encoded rows of a fit, float32."""
    return _SINGLE * shape.n_rows * shape.n_features


def answer_bytes(shape: "TaskShape") -> int:
    """What a fit keeps for each row and output in double precision: scores, gradients and what they become."""
    return 4 * _DOUBLE * shape.n_rows * shape.n_outputs


def of_double_copies(shape: "TaskShape", copies: float = 1.0) -> int:
    """A method that works on its rows in double precision, so many times."""
    return int(2 * copies * matrix_bytes(shape)) + answer_bytes(shape)


def of_histograms(shape: "TaskShape", *, bytes_a_value: float, leaves: int, bins: int = 256) -> int:
    """A booster that works on binned values, and keeps a histogram of every column for each leaf of a tree."""
    sample = min(shape.n_rows, 200_000) * shape.n_features * _DOUBLE
    histograms = leaves * shape.n_features * bins * 16
    return int(shape.n_rows * shape.n_features * bytes_a_value) + max(sample, histograms) + answer_bytes(shape)


def of_forest(shape: "TaskShape", *, trees: int, leaves: int) -> int:
    """Trees of scikit-learn: their nodes, and once more in our own form; what a tree sorts while it grows."""
    node = 64 + _DOUBLE * shape.n_outputs
    return int(2 * trees * leaves * node * 1.6) + 60 * shape.n_rows + answer_bytes(shape)


def of_trial(shape: "TaskShape", fit: int, *, n_cells: int) -> int:
    """Bytes that a trial needs at its highest, the process and the table included.

    `shape`: rows of one fit, validation included, columns as encoded; `fit`: what the fit takes beside them;
    `n_cells`: of the table.
    """
    matrix = matrix_bytes(shape)
    return PROCESS_BYTES + TABLE_COPIES * _DOUBLE * n_cells + int(max(ENCODING_PEAK * matrix, matrix + fit))
