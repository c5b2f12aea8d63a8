"""Values as people and files write them, with which an export is compared with its model."""

import math
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from flowml.automl.schema.feature import Feature
from flowml.data.conversion.cells import cell_reader
from flowml.data.conversion.missing import MISSING, MISSING_AMONG_NUMBERS
from flowml.data.conversion.notation import Notation
from flowml.domain.datasets import Role

EVERYTHING = frozenset({"numbers", "dates", "booleans", "labels", "blanks"})
WHITE_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What is cut off from the ends of texts: Unicode's White_Space."""
_SPELLED, _MISSING = 0.4, 0.06
_YES, _NO = ("true", "TRUE", "yes", "Y", "on", "t", "1"), ("false", "False", "no", "N", "off", "f", "0")
_KINDS = {Role.NUMERIC: "numbers", Role.DATETIME: "dates", Role.BOOLEAN: "booleans"}


def missing_spellings(feature: Feature) -> tuple[str, ...]:
    """The texts that count as missing in a column, beside the empty one."""
    notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
    if notation is None or (notation.literal and feature.kind == "text"):
        return ()
    if notation.missing is not None:
        return tuple(text for text in notation.missing if text)
    usual = MISSING if feature.kind == "text" else (*MISSING, *MISSING_AMONG_NUMBERS)
    return tuple(dict.fromkeys(text for text in usual if text))


def is_stripped(feature: Feature) -> bool:
    """Whether blanks at the ends of a label do not count."""
    notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
    return notation is not None and not (notation.literal and feature.kind == "text")


def spell(feature: Feature, values: list[Any], spelled: Collection[str], generator: np.random.Generator) -> list[Any]:
    """The values, some of them as texts that mean the same, or missing. `spelled`: which of EVERYTHING."""
    if _KINDS.get(feature.role, "labels") not in spelled:
        return values
    notation = None if feature.notation is None else feature.notation.for_values(feature.kind)
    read = (lambda text: text) if notation is None else cell_reader(feature.kind, notation)
    missing = missing_spellings(feature)
    chances, places = generator.random(len(values)), generator.integers(0, 1_000, len(values)).tolist()
    found = []
    for value, chance, place in zip(values, chances.tolist(), places, strict=True):
        text = None
        if missing and chance < _MISSING:
            text = missing[place % len(missing)]
        elif chance < _SPELLED and value is not None:
            text = _written(feature, notation, value, place)
            if text is not None and "blanks" in spelled and notation is not None and place % 4 == 0:
                text = f"{WHITE_SPACE[place // 4 % len(WHITE_SPACE)]}{text}{WHITE_SPACE[place % len(WHITE_SPACE)]} "
        found.append(text if text is not None and _is_readable(read, text) else value)
    return found


def _is_readable(read: Callable[[str], Any], text: str) -> bool:
    """Not what its notation leaves open, such as 1,234 where nothing proves a decimal sign; nor infinite."""
    try:
        value = read(text)
    except (ValueError, OverflowError):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _written(feature: Feature, notation: Notation | None, value: Any, place: int) -> str | None:
    if feature.role is Role.BOOLEAN:
        words: Sequence[str] = _YES if value else _NO
        return words[place % len(words)]
    if feature.role is Role.NUMERIC:
        if notation is None:
            return repr(value)
        text = f"{value:,}" if notation.thousands and abs(value) < 1e15 else repr(value)
        if notation.thousands:
            text = text.replace(",", "_")
        if notation.decimal == ",":
            text = text.replace(".", ",")
        text = text.replace("_", notation.thousands)
        return f"{text}{'%' if notation.percent else notation.currency}" if place % 3 == 0 else text
    if feature.role is Role.DATETIME:
        moment = datetime.fromisoformat(value)
        forms = {"day_first": "%d/%m/%Y", "month_first": "%m/%d/%Y"}
        form = forms.get("" if notation is None else notation.order or "")
        return value if form is None else f"{moment:{form} %H:%M:%S}"
    return str(value)
