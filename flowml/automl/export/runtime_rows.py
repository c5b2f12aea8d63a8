"""From a row to numbers, in programs that have no FlowML: files carry a copy of everything below, which so has nothing
but Python's own library, and imports nothing of FlowML. It reads encoders as a `.flowml` file has them."""

import math
import re
from array import array
from bisect import bisect_right
from datetime import date, datetime, time, timedelta
from typing import Any

from flowml.automl.export.runtime_notation import Notation
from flowml.data.conversion.cells import cell_reader

LARGEST = 3e38
FIRST_DAY, DAY_AFTER_LAST = -719_162, 2_932_897
_TRUE = ("true", "t", "yes", "y", "on")
_FALSE = ("false", "f", "no", "n", "off")
_WORDS, _DIGITS, _LETTERS = re.compile(r"[^\W_]+"), re.compile(r"[0-9]{1,15}"), re.compile(r"[^\W\d_]{1,4}")
_NAN = math.nan
_START = datetime(1970, 1, 1)  # noqa: DTZ001 - times are compared in UTC without a zone


def usable(name: str, column: dict[str, Any], value: Any) -> Any:
    """A value as FlowML takes it: a text by the notation of its column. None for a missing one, as which NaN counts.
    Raises ValueError naming the column of a value of the wrong kind."""
    role, sent = column["role"], value
    if isinstance(value, str) and column["notation"] is not None:
        try:
            reader: Any = cell_reader
            value = reader(column["kind"], Notation(column["notation"]))(value)
        except (ValueError, OverflowError):
            raise wrong(name, role, sent) from None
    if value is None or value == "" or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, (dict, list, tuple)):
        raise wrong(name, role, sent)
    if role in ("numeric", "boolean"):
        number = number_of(value)
        word = isinstance(value, bool) or (isinstance(value, str) and not any(map(str.isdigit, value)))
        if math.isnan(number) or (word and role == "numeric"):
            raise wrong(name, role, sent)
        return number
    if isinstance(value, float) and not math.isfinite(value):
        raise wrong(name, role, sent)
    if role == "datetime":
        if math.isnan(days_of(value)):
            raise wrong(name, role, sent)
        return value
    return label_of(value)


def wrong(name: str, role: str, value: Any) -> ValueError:
    return ValueError(f"the column {name!r} takes {role} values, and {str(value)[:40]!r} is none")


def usable_row(columns: dict[str, Any], row: Any) -> dict[str, Any]:
    """The columns of a model, with what a row, {column: value}, has of them."""
    return {name: usable(name, column, row.get(name)) for name, column in columns.items()}


def label_of(value: Any) -> Any:
    """The value as a person would type it; None for a missing one."""
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def number_of(value: Any) -> float:
    """The value as a number, yes and true as 1; NaN for a missing one, or a text that is no number."""
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _TRUE or text in _FALSE:
            return float(text in _TRUE)
        value = None if "_" in text else text
    if isinstance(value, (date, time, timedelta)):
        return days_of(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return _NAN
    return number if abs(number) <= LARGEST else _NAN


def days_of(value: Any) -> float:
    """A date or time, or its text as ISO 8601 has it, as days since 1970 in UTC; NaN for what is none."""
    if isinstance(value, str):
        text = value.strip()
        for kind in (datetime, time):
            try:
                value = kind.fromisoformat(text)
                break
            except ValueError:
                continue
    if isinstance(value, datetime):
        since = value.replace(tzinfo=None) - _START - (value.utcoffset() or timedelta())
    elif isinstance(value, date):
        since = value - date(1970, 1, 1)
    elif isinstance(value, time):
        since = timedelta(0, value.hour * 3600 + value.minute * 60 + value.second, value.microsecond)
    elif isinstance(value, timedelta):
        since = value
    else:
        return _NAN
    days = since // timedelta(microseconds=1) / 86_400e6
    return days if FIRST_DAY <= days < DAY_AFTER_LAST else _NAN


def beginning_of(text: str) -> str:
    """A first word of at most four letters, else the first letter; `#` for a digit."""
    letters = _LETTERS.match(text)
    if letters:
        whole = len(text) == letters.end() or not text[letters.end()].isalpha()
        return letters[0].upper() if whole else text[0].upper()
    return "#" if text[:1].isdigit() else text[:1]


def parts_of(derivation: dict[str, Any], value: Any) -> list[Any]:
    """The simple columns inside a value."""
    kind = derivation["kind"]
    if kind == "number":
        return [number_of(value)]
    if kind == "moment":
        days = days_of(value)
        if math.isnan(days):
            return [_NAN] * 7
        whole = math.floor(days)
        day = date.fromordinal(whole + date(1970, 1, 1).toordinal())
        of_year = day.toordinal() - date(day.year, 1, 1).toordinal() + 1
        return [days, day.year, day.month, day.day, of_year, (whole + 3) % 7, (days - whole) * 24]
    label = label_of(value)
    if kind == "category":
        return [label]
    if kind == "many_categories":
        return [label, None if label is None else beginning_of(label)]
    words = derivation["words"]
    if label is None:
        return [_NAN, _NAN, _NAN, None, *[_NAN] * len(words), None]
    digits, found = _DIGITS.findall(label[:1000]), set(_WORDS.findall(label[:1000].lower()))
    sizes = [float(len(label)), label.count(" ") + 1.0, float(digits[-1]) if digits else _NAN]
    return [*sizes, beginning_of(label), *[float(word in found) for word in words], label]


def number_columns(encoder: dict[str, Any], number: float) -> list[float]:
    missing = not math.isfinite(number)
    filled = (_NAN if encoder["fill"] is None else encoder["fill"]) if missing else number
    if encoder["period"]:
        angle = filled * (2 * math.pi / encoder["period"])
        answer = [math.sin(angle), math.cos(angle)]
    else:
        if encoder["log_unit"]:
            filled = math.copysign(math.log1p(abs(filled) / encoder["log_unit"]), filled)
        scaled = (filled - encoder["centre"]) / encoder["scale"]
        answer = [min(max(scaled, -12.0), 12.0) if encoder["bounded"] else scaled]
    if encoder["mark_missing"]:
        answer.append(1.0 if missing else 0.0)
    return answer


def category_columns(encoder: dict[str, Any], label: Any) -> list[float]:
    if "lines" not in encoder:
        encoder["lines"] = dict(zip(encoder["levels"], encoder["table"], strict=False))
    line = encoder["table"][-1] if label is None else encoder["lines"].get(label, encoder["table"][-2])
    return [_NAN if value is None else value for value in line]


def text_columns(encoder: dict[str, Any], text: Any) -> list[float]:
    if text is None:
        return [_NAN if value is None else value for value in encoder["absent"]]
    if "places" not in encoder:
        encoder["places"] = {term: index for index, term in enumerate(encoder["terms"])}
    places, sums, before = encoder["places"], [0] * len(encoder["scale"]), ""
    words = _WORDS.findall(text[:1000].lower())
    for word in words:
        padded = "<" + word[:24] + ">"
        terms = [word, before + " " + word] if before else [word]
        if not word.isdecimal():
            terms += ["~" + padded[at : at + n] for n in (3, 4, 5) for at in range(len(padded) - n + 1)]
        for term in terms:
            if term in places:
                sums = [a + b for a, b in zip(sums, encoder["table"][places[term]], strict=False)]
        before = word
    root = math.sqrt(max(len(words), 1))
    return [a * b / root - c for a, b, c in zip(sums, encoder["scale"], encoder["centre"], strict=False)]


_COLUMNS = {"number": number_columns, "category": category_columns, "text": text_columns}


def combined(how: dict[str, Any], first: Any, second: Any) -> Any:
    """One value out of two: arithmetic, an angle, what differs from a group's mean, or two categories as one."""
    kind = how["kind"]
    if kind == "cross":
        cells = [cell(value, edges) for value, edges in zip((first, second), how["edges"], strict=False)]
        return None if None in cells else f"{len(cells[0])} {cells[0]} {cells[1]}"
    if kind == "deviation":
        if "mean" not in how:
            how["mean"] = dict(zip(how["levels"], how["means"], strict=False))
        answer = first - how["mean"].get(second, how["overall"])
    elif kind == "rotation":
        answer = first * how["weights"][0] + second * how["weights"][1]
    elif how["operation"] == "ratio":
        answer = first / second if second != 0.0 else _NAN
    elif how["operation"] == "product":
        answer = first * second
    else:
        answer = first + second if how["operation"] == "sum" else first - second
    return answer if abs(answer) <= LARGEST else _NAN


def cell(value: Any, edges: Any) -> Any:
    if edges is None:
        return value
    return str(bisect_right(edges, value)) if math.isfinite(value) else None


def encode(encoder: dict[str, Any], row: Any) -> list[float]:
    """The numbers that a row becomes, in single precision."""
    found, every = [], []
    for column in encoder["columns"]:
        parts = parts_of(column["derivation"], row.get(column["derivation"]["name"]))
        for one in column["encoders"]:
            found += _COLUMNS[one["kind"]](one, parts[one["part"]])
        every += parts
    for item in encoder["combined"]:
        first, second = item["combination"]["sources"]
        value = combined(item["combination"], every[first], every[second])
        found += _COLUMNS[item["encoder"]["kind"]](item["encoder"], value)
    return array("f", found).tolist()
