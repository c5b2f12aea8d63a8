"""What scientific Python hands over as data: pandas, polars, NumPy, lists. Made a table, a target, weights."""

import datetime
import decimal
import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.values import label_of
from flowml.domain.errors import InvalidInput


def table_of(X: Any) -> tuple[pl.DataFrame, list[str] | None]:
    """The columns of X (rows, columns), and their names where it has any: of an array they are x0, x1, …

    pandas and polars frames keep their types: text, categories, dates, truth values and missing ones. A column of mixed
    objects becomes text. Raises InvalidInput for what is not a table of at least one row and one column.
    """
    if hasattr(X, "tocsr"):
        raise InvalidInput(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert it to a dense array."
        )
    if isinstance(X, pl.LazyFrame):
        X = X.collect()
    names: list[str] | None
    if isinstance(X, pl.DataFrame):
        table, names = X, list(X.columns)
    elif hasattr(X, "iloc") and hasattr(X, "columns"):
        table, names = _of_pandas(X)
    elif hasattr(X, "__arrow_c_stream__"):
        table = pl.DataFrame(X)
        names = list(table.columns)
    else:
        table, names = _of_array(X), None
    if table.width == 0:
        raise InvalidInput(f"Found 0 feature(s) (shape=({len(X)}, 0)) while a minimum of 1 is required.")
    if table.height == 0:
        raise InvalidInput(f"Found 0 sample(s) (shape=(0, {table.width})) while a minimum of 1 is required.")
    return table, names


def target_of(y: Any, *, classification: bool) -> np.ndarray:
    """One value a row, shape (rows,): float64 for regression; labels as truth values, int64, float64 or texts.

    Raises InvalidInput for missing and infinite values, for more than one column, and for labels that are none.
    """
    if y is None:
        raise InvalidInput("This estimator requires y to be passed, but the target y is None.")
    if hasattr(y, "tocsr"):
        raise InvalidInput("Sparse data was passed for y, but dense data is required.")
    array = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Change its shape to (n_samples,), for example "
            "with ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        array = array.ravel()
    if array.ndim != 1:
        raise InvalidInput(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.dtype.kind == "c":
        raise InvalidInput("Complex data not supported in y.")
    if array.dtype.kind == "O":
        array = _of_objects(array)
    if array.dtype.kind not in "biufUO":
        raise InvalidInput(f"Unknown label type: y holds {array.dtype}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        what = "NaN" if np.isnan(array).any() else "infinity or a value too large for dtype('float64')"
        raise InvalidInput(f"Input y contains {what}.")
    if classification:
        return _labels(array)
    if array.dtype.kind not in "biuf":
        raise InvalidInput("y holds text; a regressor learns numbers.", hint="Use AutoMLClassifier for labels.")
    return np.asarray(array, dtype=np.float64)


def weights_of(sample_weight: Any, n_rows: int) -> np.ndarray:
    """How much each row counts, float64 (rows,). Raises InvalidInput for what cannot be that."""
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("sample_weight must be numbers.") from None
    if weights.ndim == 0:
        weights = np.full(n_rows, float(weights))
    if weights.shape != (n_rows,):
        raise InvalidInput(f"sample_weight.shape == {weights.shape}, expected ({n_rows},)!")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InvalidInput("sample_weight must be numbers from 0 up.")
    if not weights.any():
        raise InvalidInput("Sample weights must contain at least one non-zero number.")
    return weights


def _labels(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f":
        if (array != np.round(array)).any():
            raise InvalidInput(
                "Unknown label type: continuous. These are numbers with decimals, not classes.",
                hint="Use AutoMLRegressor to predict numbers.",
            )
        return array.astype(np.float64)
    if array.dtype.kind in "UO" and (array == "").any():
        raise InvalidInput("y holds an empty text, which is no class.", hint="Give it a name, or leave these rows out.")
    return array.astype(np.int64) if array.dtype.kind in "iu" else array


def _of_objects(array: np.ndarray) -> np.ndarray:
    """Objects as what they all are: truth values, whole numbers, numbers or texts. Raises InvalidInput."""
    values = array.tolist()
    if any(map(_is_missing, values)):
        raise InvalidInput("Input y contains NaN.")
    kinds = set(map(type, values))
    if all(issubclass(kind, str) for kind in kinds):
        return array
    for family, dtype in (((bool, np.bool_), bool), (numbers.Integral, np.int64), (numbers.Real, np.float64)):
        if all(issubclass(kind, family) for kind in kinds):
            return np.array(values, dtype=dtype)
    raise InvalidInput(f"Unknown label type: y mixes {', '.join(sorted(kind.__name__ for kind in kinds))}.")


def _of_array(X: Any) -> pl.DataFrame:
    array = np.asarray(X)
    if array.dtype.kind in "US" and not isinstance(X, np.ndarray):
        # A list of rows with a text somewhere: the numbers in it are still numbers.
        array = np.asarray(X, dtype=object)
    if array.dtype.kind == "c":
        raise InvalidInput("Complex data not supported in X.")
    if array.ndim != 2:
        raise InvalidInput(
            f"Expected 2D array, got {array.ndim}D array instead: X must be a table of rows and columns. Reshape your "
            "data using array.reshape(-1, 1) if it has a single feature, or array.reshape(1, -1) if it is a single row."
        )
    return pl.DataFrame([_column(f"x{number}", array[:, number]) for number in range(array.shape[1])])


def _of_pandas(X: Any) -> tuple[pl.DataFrame, list[str] | None]:
    given = list(X.columns)
    texts = [isinstance(name, str) for name in given]
    if any(texts) and not all(texts):
        raise TypeError(
            "Feature names are only supported if all input features have string names. Use X.columns = "
            "X.columns.astype(str)."
        )
    names = [str(name) for name in given]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"Two columns of X are called “{twice}”.", hint="Give each its own name.")
    table = pl.DataFrame([_of_pandas_column(name, X.iloc[:, number]) for number, name in enumerate(names)])
    return table, names if all(texts) else None


def _of_pandas_column(name: str, column: Any) -> pl.Series:
    """A pandas column by way of NumPy: no row is looked at one by one unless it holds objects."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _column(name, column.to_numpy())
    if hasattr(dtype, "categories"):
        levels = pl.Series([label_of(value) for value in dtype.categories], dtype=pl.String)
        codes = pl.Series(name, np.asarray(column.cat.codes, dtype=np.int64))
        return levels.gather(codes.set(codes < 0, None)).alias(name)
    if hasattr(dtype, "tz"):
        return _column(name, np.asarray(column.dt.tz_convert("UTC").dt.tz_localize(None)))
    missing = column.isna().to_numpy()
    if hasattr(dtype, "fill_value"):
        return _column(name, np.asarray(column))
    if dtype.kind in "biuf":
        plain = np.dtype(dtype.type)
        filled = _column(name, column.to_numpy(dtype=plain, na_value=plain.type(0)))
        return filled.set(pl.Series(missing), None) if missing.any() else filled
    values = column.to_numpy(dtype=object, copy=True)
    values[missing] = None
    return _column(name, values)


def _column(name: str, array: np.ndarray) -> pl.Series:
    kind = array.dtype.kind
    if kind == "O":
        return _column_of_objects(name, array.tolist())
    if kind == "f":
        return pl.Series(name, array.astype(np.float64), nan_to_null=True)
    if kind == "M":
        # Of all the units of NumPy, a table keeps microseconds.
        return pl.Series(name, array.astype("datetime64[us]"))
    if kind == "m":
        days: np.ndarray = array / np.timedelta64(1, "D")
        return pl.Series(name, days, nan_to_null=True)
    if kind in "biuUS":
        return pl.Series(name, np.ascontiguousarray(array))
    raise InvalidInput(f"{'Complex data' if kind == 'c' else array.dtype} not supported in column “{name}”.")


def _column_of_objects(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = set(map(type, values))
    if any(map(_could_be_missing, kinds)):
        values = [None if _is_missing(value) else value for value in values]
        kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if all(issubclass(kind, str) for kind in kinds):
        return pl.Series(name, values, dtype=pl.String)
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return pl.Series(name, values, dtype=pl.Boolean)
    if all(issubclass(kind, numbers.Real | decimal.Decimal) for kind in kinds):
        floats = np.array([np.nan if value is None else float(value) for value in values])
        return pl.Series(name, floats, nan_to_null=True)
    if all(issubclass(kind, datetime.date | np.datetime64) for kind in kinds):
        return pl.Series(name, np.array([_moment(value) for value in values], dtype="datetime64[us]"))
    return pl.Series(name, [None if value is None else label_of(value) for value in values], dtype=pl.String)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value


def _could_be_missing(kind: type) -> bool:
    return kind is type(None) or issubclass(kind, float | np.floating) or kind.__name__ in ("NAType", "NaTType")


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas has for them (whose comparisons are not truth values)."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and value != value
