"""Names that somebody has given, and those that there are."""

from __future__ import annotations

from collections.abc import Sequence

_LONGEST = 200
"""No name that is longer is one that was mistyped; and comparing takes the square of the length."""
_MOST_COMPARED = 5_000
_MOST_LISTED = 20


def closest(name: str, names: Sequence[str]) -> str | None:
    """The one of these names that was probably meant.

    >>> closest("Survivd", ["Survived", "Age"]), closest("age", ["Survived", "Age"]), closest("x" * 1000, ["x"])
    ('Survived', 'Age', None)
    """
    import difflib

    if len(name) > _LONGEST:
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
