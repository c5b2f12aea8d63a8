"""Names: those that somebody has given, those that there are, and which one is free."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Set
from itertools import count

LONGEST_NAME = 200
"""No name that is longer is one that was mistyped; and comparing takes the square of the length."""
_MOST_COMPARED = 500
_MOST_LISTED = 20
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def closest(name: str, names: Sequence[str]) -> str | None:
    """The one of these names that was probably meant.

    >>> closest("Survivd", ["Survived", "Age"]), closest("age", ["Survived", "Age"]), closest("x" * 1000, ["x"])
    ('Survived', 'Age', None)
    """
    import difflib

    if len(name) > LONGEST_NAME:
        return None
    folded = {known.casefold(): known for known in names}
    if name.casefold() in folded:
        return folded[name.casefold()]
    near = difflib.get_close_matches(name.casefold(), list(folded)[:_MOST_COMPARED], n=1)
    return folded[near[0]] if near else None


def did_you_mean(name: str, names: Sequence[str], what: str = "columns") -> str:
    """What to say to whoever named something that is not there.

    >>> did_you_mean("Survivd", ["Survived", "Age"]), did_you_mean("Price", ["Survived", "Age"])
    ('Did you mean “Survived”?', 'The columns are: Survived, Age.')
    """
    near = closest(name, names)
    if near is not None:
        return f"Did you mean “{near}”?"
    return f"The {what} are: {', '.join(names[:_MOST_LISTED])}{', …' if len(names) > _MOST_LISTED else ''}."


def shown(name: str, limit: int = LONGEST_NAME) -> str:
    """A name as it may be shown: without line breaks, control and other invisible characters, at most so long.

    >>> shown(" May\\n and June\\u202e ")
    'May and June'
    """
    visible = "".join(character for character in name if unicodedata.category(character) not in _INVISIBLE)
    return unicodedata.normalize("NFC", visible).strip()[:limit].rstrip()


def numbered(name: str, taken: Set[str]) -> str:
    """This name, or where that is taken the first one with a number that is not.

    >>> numbered("train", {"test"}), numbered("train", {"train"}), numbered("train", {"train", "train 2"})
    ('train', 'train 2', 'train 3')
    """
    if name not in taken:
        return name
    endings = (f" {number}" for number in count(2))
    return next(found for ending in endings if (found := name[: LONGEST_NAME - len(ending)] + ending) not in taken)
