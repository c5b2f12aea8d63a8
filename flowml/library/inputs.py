"""What scientific Python hands over as data: pandas, polars, NumPy, lists. Made a table, a target, weights."""

import base64
import datetime
import decimal
import json
import numbers
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from flowml.automl.features.values import label_of
from flowml.domain.errors import InvalidInput

_ROUNDED_FROM = 2.0**53
"""From here on two whole numbers may be the same float64."""


def table_of(X: Any) -> tuple[pl.DataFrame, list[str] | None]:
    """The columns of X (rows, columns), and their names where it has any: of an array they are x0, x1, …

    pandas and polars frames keep their types: text, categories, dates, truth values and missing ones. A list of
    dictionaries is a table of rows. A column of mixed objects becomes text, and so do whole numbers beyond 64 bits;
    lists, sets, dictionaries and arrays in a column become JSON. Raises InvalidInput for what is not a table of at
    least one row and one column.
    """
    if hasattr(X, "tocsr"):
        raise InvalidInput(
            "Sparse data was passed for X, but dense data is required. Use '.toarray()' to convert it to a dense array."
        )
    if isinstance(X, pl.LazyFrame):
        X = X.collect()
    names: list[str] | None
    if isinstance(X, pl.DataFrame):
        table, names = _flat(X), list(X.columns)
    elif hasattr(X, "iloc") and hasattr(X, "columns"):
        table, names = _of_pandas(X)
    elif isinstance(X, list) and X and all(isinstance(row, Mapping) for row in X):
        table = _of_rows(X)
        names = table.columns
    elif hasattr(X, "__arrow_c_stream__") and not isinstance(X, pl.Series) and getattr(X, "ndim", 2) == 2:
        try:
            table = _flat(pl.DataFrame(X))
        except (pl.exceptions.PolarsError, TypeError, ImportError) as problem:
            raise InvalidInput(f"X cannot be read as a table: {problem}.") from problem
        names = table.columns
    else:
        table, names = _of_array(X), None
    if table.width == 0:
        raise InvalidInput(f"Found 0 feature(s) (shape=({len(X)}, 0)) while a minimum of 1 is required.")
    if table.height == 0:
        raise InvalidInput(f"Found 0 sample(s) (shape=(0, {table.width})) while a minimum of 1 is required.")
    return table, names


def target_of(y: Any, *, classification: bool) -> np.ndarray:
    """One value a row, shape (rows,): float64 for regression; labels as truth values, whole numbers, float or texts.

    Whole numbers are never rounded. Raises InvalidInput for missing and infinite values, for more than one column, and
    for labels that are none or have more than 64 bits.
    """
    if y is None:
        raise InvalidInput("This estimator requires y to be passed, but the target y is None.")
    if hasattr(y, "tocsr"):
        raise InvalidInput("Sparse data was passed for y, but dense data is required.")
    array = _array_of_target(y)
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
    if array.dtype.kind in "OT":
        array = _of_objects(array.astype(object), exact=classification)
    if array.dtype.kind not in "biufUO":
        raise InvalidInput(
            f"Unknown label type: y holds {_NAMES.get(array.dtype.kind, str(array.dtype))}.", hint=_AS_TEXTS
        )
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
    return array


_NAMES = {"M": "dates", "m": "durations", "S": "bytes", "V": "records"}
_AS_TEXTS = "Labels may be texts: [str(label) for label in y]."


def _array_of_target(y: Any) -> np.ndarray:
    if np.ma.isMaskedArray(y) and np.ma.is_masked(y):
        raise InvalidInput("Input y contains NaN: some of its values are masked.")
    if isinstance(y, pl.Series) and y.dtype in (pl.Int128, pl.UInt128):
        return np.array(y.to_list(), dtype=object)
    return np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else _array_of_lists(y))


def _array_of_lists(given: Any) -> np.ndarray:
    """As NumPy would have it, but each value as it was where numbers would become texts or be rounded."""
    array = np.asarray(given)
    if isinstance(given, np.ndarray) or array.size == 0:
        return array
    rounded = array.dtype.kind == "f" and bool((np.abs(array) >= _ROUNDED_FROM).any())
    if not rounded and array.dtype.kind not in "US":
        return array
    objects = np.asarray(given, dtype=object)
    return array if all(isinstance(value, str) for value in objects.flat) else objects


def _of_objects(array: np.ndarray, *, exact: bool) -> np.ndarray:
    """Objects as what they all are: truth values, whole numbers, numbers or texts. With `exact`, what float64 would
    round is whole or refused. Raises InvalidInput."""
    values = [value.item() if isinstance(value, np.generic) else value for value in array.tolist()]
    if any(map(_is_missing, values)):
        raise InvalidInput("Input y contains NaN.")
    kinds = set(map(type, values))
    if all(issubclass(kind, str) for kind in kinds):
        return array
    if all(issubclass(kind, bool) for kind in kinds):
        return np.array(values, dtype=bool)
    if not all(issubclass(kind, numbers.Real | decimal.Decimal) for kind in kinds):
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InvalidInput(
            f"Unknown label type: y {'mixes' if len(kinds) > 1 else 'holds values of type'} {names}.", hint=_AS_TEXTS
        )
    floats = np.array([_float(value) for value in values])
    if not exact or not (_all_whole(kinds) or _are_rounded(values, floats)):
        return floats
    whole = _whole(values)
    if whole is None:
        raise InvalidInput("The labels in y are whole numbers beyond 64 bits.", hint=_AS_TEXTS)
    return whole


def _all_whole(kinds: set[type]) -> bool:
    return all(issubclass(kind, numbers.Integral) for kind in kinds)


def _are_rounded(values: Sequence[Any], floats: np.ndarray) -> bool:
    """Whether these are all whole, and some are not the float64 that they would become."""
    if not np.isfinite(floats).all() or not (np.abs(floats) >= _ROUNDED_FROM).any():
        return False
    if any(value is not None and int(value) != value for value in values):
        return False
    return any(value is not None and int(about) != value for value, about in zip(values, floats.tolist(), strict=True))


def _whole(values: Sequence[Any]) -> np.ndarray | None:
    """Whole numbers as int64 or uint64, None where they have no place in either."""
    whole = [int(value) for value in values]
    for dtype in (np.int64, np.uint64):
        bounds = np.iinfo(dtype)
        if bounds.min <= min(whole) and max(whole) <= bounds.max:
            return np.array(whole, dtype=dtype)
    return None


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """With texts in the place of lists, records, bytes and objects."""
    held = [
        column for column in table.get_columns() if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object)
    ]
    return table.with_columns(_column_of_objects(column.name, column.to_list()) for column in held) if held else table


def _of_rows(rows: Sequence[Mapping[Any, Any]]) -> pl.DataFrame:
    """Dictionaries, each a row; what one lacks is missing there."""
    names = dict.fromkeys(name for row in rows for name in row)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("Feature names are only supported if all input features have string names.")
    return pl.DataFrame([_column_of_objects(name, [row.get(name) for row in rows]) for name in names])


def _of_array(X: Any) -> pl.DataFrame:
    if np.ma.isMaskedArray(X):
        X = X.filled(np.nan) if X.dtype.kind == "f" else np.array(X.tolist(), dtype=object)
    array = _array_of_lists(X)
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
        twice = next(name for name, times in Counter(names).items() if times > 1)
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
    if hasattr(dtype, "freq"):
        return _column(name, column.dt.to_timestamp().to_numpy())
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
    if kind in "OST":
        return _column_of_objects(name, array.astype(object).tolist())
    if kind == "f":
        return pl.Series(name, array.astype(np.float64), nan_to_null=True)
    if kind == "M":
        # Of all the units of NumPy, a table keeps microseconds.
        return pl.Series(name, array.astype("datetime64[us]"))
    if kind == "m":
        days: np.ndarray = array / np.timedelta64(1, "D")
        return pl.Series(name, days, nan_to_null=True)
    if kind in "biuU":
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
        return _column_of_numbers(name, values, kinds)
    if all(issubclass(kind, datetime.timedelta | np.timedelta64) for kind in kinds):
        return _column(name, np.array(values, dtype="timedelta64[us]"))
    if any(issubclass(kind, complex | np.complexfloating) for kind in kinds):
        raise InvalidInput(f"Complex data not supported in column “{name}”.")
    if all(hasattr(kind, "to_timestamp") for kind in kinds):
        # Periods of pandas: when each begins.
        values = [None if value is None else value.to_timestamp() for value in values]
        kinds = {datetime.datetime}
    if all(issubclass(kind, datetime.date | np.datetime64) for kind in kinds):
        return pl.Series(name, np.array([_moment(value) for value in values], dtype="datetime64[us]"))
    return pl.Series(name, [_text_of(value) for value in values], dtype=pl.String)


def _column_of_numbers(name: str, values: Sequence[Any], kinds: set[type]) -> pl.Series:
    """As float64; as whole numbers where they are all whole and float64 would make two of them one."""
    known = [value for value in values if value is not None]
    floats = np.array([_float(value) for value in known])
    if not (_all_whole(kinds) or _are_rounded(known, floats)):
        return pl.Series(name, [None if value is None else _float(value) for value in values], nan_to_null=True)
    whole = _whole(known)
    if whole is None:
        # As with files: beyond 64 bits a number is an identifier more often than a quantity.
        return pl.Series(name, [None if value is None else str(int(value)) for value in values], dtype=pl.String)
    dtype = pl.Int64 if whole.dtype == np.int64 else pl.UInt64
    return pl.Series(name, [None if value is None else int(value) for value in values], dtype=dtype)


def _text_of(value: Any) -> str | None:
    """As `label_of`; bytes as the text that they are (else Base64), whatever holds several values as JSON."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode() or None
        except UnicodeDecodeError:
            return base64.b64encode(value).decode()
    if isinstance(value, list | tuple | dict | set | frozenset) or hasattr(value, "tolist"):
        try:
            return json.dumps(_listed(value), default=_listed, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError):
            return str(value)
    return label_of(value)


def _listed(value: Any) -> Any:
    """What JSON can hold in the place of a set, an array or another object."""
    if isinstance(value, set | frozenset):
        # Their own order is another one in every process.
        return sorted(value, key=repr)
    if isinstance(value, list | tuple | dict):
        return value
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _moment(value: Any) -> Any:
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value


def _could_be_missing(kind: type) -> bool:
    return (
        kind is type(None)
        or issubclass(kind, float | np.floating | decimal.Decimal)
        or kind.__name__ in ("NAType", "NaTType")
    )


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas has for them (whose comparisons are not truth values)."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, decimal.Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and value != value
