"""What predicting a column would mean: classes or numbers, and whether it can be learned at all."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from flowml.automl.features.prepared import labels_of
from flowml.automl.schema.labels import OBJECTS, classes_of, label_type_of
from flowml.automl.scoring.metrics import METRICS, default_metric
from flowml.domain.datasets import Role
from flowml.domain.errors import InvalidInput
from flowml.domain.jobs import ProblemType
from flowml.domain.metrics import GOALS
from flowml.domain.wording import plural, value

_MAX_CLASSES = 1000
_FEW_VALUES = 20
_FEW_SHARE = 0.05
_IMBALANCE = 0.05
_MOST_NAMED = 3
# Some libraries compute in single precision, which ends at 3.4e38; of far greater numbers squares end double precision,
# and trees with infinite leaves come of that.
_LARGEST = 1e30


@dataclass(frozen=True)
class CheckedTarget:
    """A target that can be learned. `label_type` is what its labels were before they became texts
    (`labels.class_values`); `warnings` are sentences for the person."""

    problem_type: ProblemType
    reason: str
    metric: str
    classes: tuple[str, ...] | None
    warnings: tuple[str, ...]
    label_type: str = OBJECTS

    def encode(self, series: pl.Series) -> np.ndarray:
        """Class codes (int32) or values (float64), shape (rows,); the series has no missing values."""
        if self.classes is None:
            return _numbers(series).to_numpy().astype(np.float64)
        codes = {label: code for code, label in enumerate(self.classes)}
        return labels_of(series).replace_strict(codes, return_dtype=pl.Int32).to_numpy()


def present(series: pl.Series) -> pl.Series:
    """Which rows have a value: not empty, not NaN."""
    if series.dtype == pl.String:
        return (series != "").fill_null(False)
    return series.is_not_nan().fill_null(False) if series.dtype.is_float() else series.is_not_null()


def check_target(series: pl.Series, role: Role, *, problem_type: str = "auto", metric: str = "auto") -> CheckedTarget:
    """Decide what predicting this column means. Raises InvalidInput naming the field that is in the way."""
    name = series.name
    values = series.filter(present(series))
    if len(values) == 0:
        raise InvalidInput.of_field("target", f"The column “{name}” is empty: there is nothing to learn from.")
    n_unique = values.n_unique()
    if n_unique == 1:
        raise InvalidInput.of_field(
            "target",
            f"The column “{name}” is the same in every row ({value(values[0])}), so there is nothing to predict.",
        )
    if len(values) < 4:
        raise InvalidInput.of_field(
            "target", f"Only {len(values)} rows have a value in “{name}”; that is too few to learn from."
        )
    kind, reason = _decide(values, n_unique, problem_type, metric)
    missing = len(series) - len(values)
    are = "is" if missing == 1 else "are"
    warnings = [f"{plural(missing, 'row')} without a value in “{name}” {are} left out."] if missing else []
    chosen_metric = _metric(kind, metric)
    if kind is ProblemType.REGRESSION:
        _numbers(values)
        return CheckedTarget(kind, reason, chosen_metric, None, tuple(warnings))
    labels = labels_of(values).drop_nulls()
    counts = labels.value_counts(sort=True)
    label_column = counts.columns[0]
    if counts.height > _MAX_CLASSES or counts.height > 0.5 * len(labels):
        raise InvalidInput.of_field(
            "target",
            f"The column “{name}” has {counts.height} different values in {len(labels)} rows; "
            "that is too many to tell apart.",
            hint="Choose a column with a few categories, or one with numbers.",
        )
    single = sorted(counts.filter(pl.col("count") == 1)[label_column].to_list())
    testable = counts.filter(pl.col("count") > 1)
    if testable.height < 2:
        raise InvalidInput.of_field(
            "target",
            f"{_named(single)} in only one row of “{name}”. At least two values have to occur twice or more: once to "
            "learn from and once to check.",
            hint="Add rows with such values, or choose another column.",
        )
    if single:
        warnings.append(
            f"{_named(single)} in only one row. Models learn from it, but it cannot be tested whether they would find "
            "such a row."
        )
    smallest_label, smallest = testable[label_column][-1], int(testable["count"][-1])
    if smallest / len(labels) < _IMBALANCE:
        warnings.append(
            f"Only {smallest} of {len(labels)} rows are {value(smallest_label)}. Accuracy alone would look good for a "
            "model that never finds them; balanced accuracy or ROC AUC tell more."
        )
    return CheckedTarget(kind, reason, chosen_metric, classes_of(values), tuple(warnings), label_type_of(values))


def _named(single: list[str]) -> str:
    """That these values occur, the first of them by name."""
    named = [value(label) for label in single[:_MOST_NAMED]]
    if len(single) > _MOST_NAMED:
        named.append(f"{len(single) - _MOST_NAMED} other values")
    return f"{named[0]} occurs" if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]} each occur"


def _decide(values: pl.Series, n_unique: int, asked: str, metric: str) -> tuple[ProblemType, str]:
    name = values.name
    if asked == "auto" and metric in METRICS and values.dtype.is_numeric():
        # Who asks for a metric has said what is to be predicted; only numbers can be taken for either.
        kind = METRICS[metric].problem_type
        what = "which value" if kind is ProblemType.CLASSIFICATION else "the number"
        return kind, f"You chose {metric}, which is for {kind}: this predicts {what} of “{name}”."
    if asked != "auto":
        try:
            kind = ProblemType(asked)
        except ValueError:
            raise InvalidInput.of_field(
                "problem_type", f"“{asked}” is not a problem type.", hint="Use auto, classification or regression."
            ) from None
        if kind is ProblemType.REGRESSION and not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
            raise InvalidInput.of_field(
                "problem_type", f"Regression predicts numbers, and “{name}” holds {_words(values.dtype)}."
            )
        return kind, f"You chose {kind}."
    if values.dtype == pl.Boolean:
        return ProblemType.CLASSIFICATION, f"“{name}” is either true or false: this predicts which of the two."
    if values.dtype.is_temporal():
        raise InvalidInput.of_field(
            "target", f"The column “{name}” holds dates, which cannot be predicted.", hint="Choose another column."
        )
    if not values.dtype.is_numeric():
        return ProblemType.CLASSIFICATION, f"“{name}” has {n_unique:,} different labels: this predicts which one."
    whole = values.dtype.is_integer() or bool((values.is_finite() & (values == values.round())).all())
    if n_unique == 2 and whole:
        return ProblemType.CLASSIFICATION, f"“{name}” has only two values: this predicts which of the two."
    if whole and n_unique <= _FEW_VALUES and n_unique / len(values) < _FEW_SHARE:
        return (
            ProblemType.CLASSIFICATION,
            f"“{name}” has only {n_unique} different whole numbers, each many times: this predicts which one.",
        )
    return ProblemType.REGRESSION, f"“{name}” is a number with {n_unique:,} different values: this predicts the number."


def _metric(kind: ProblemType, asked: str) -> str:
    if asked == "auto":
        return default_metric(kind)
    fitting = [name for name, metric in METRICS.items() if metric.problem_type is kind and name in GOALS]
    if asked not in GOALS:
        raise InvalidInput.of_field(
            "metric", f"There is no metric “{asked}”.", hint=f"Use one of {', '.join(fitting)}."
        )
    if asked not in fitting:
        raise InvalidInput.of_field(
            "metric", f"The metric {asked} is not for {kind}.", hint=f"Use one of {', '.join(fitting)}."
        )
    return asked


def _numbers(values: pl.Series) -> pl.Series:
    numbers = values.cast(pl.Float64)
    if not numbers.is_finite().all():
        raise InvalidInput.of_field("target", f"The column “{values.name}” holds an infinite value.")
    largest = float(np.abs(numbers.to_numpy()).max(initial=0.0))
    if largest > _LARGEST:
        raise InvalidInput.of_field(
            "target",
            f"The numbers in “{values.name}” reach {largest:.0e}; models can learn numbers up to {_LARGEST:.0e}.",
            hint="Divide the column by a power of ten.",
        )
    return numbers


def _words(dtype: pl.DataType) -> str:
    return "dates" if dtype.is_temporal() else "text"
