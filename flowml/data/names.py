"""Column names that can be told apart."""

import re
from collections.abc import Sequence

_LONGEST = 200
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def unique_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names made unique and not empty, and a sentence for each kind of change.

    >>> unique_names(["a", "", "a "])[0]
    ['a', 'column_2', 'a_2']
    """
    cleaned = [_literal(_readable(name)) for name in names]
    taken = {name for name in cleaned if name}
    seen: set[str] = set()
    last: dict[str, int] = {}
    result: list[str] = []
    doubled: list[str] = []
    unnamed = 0
    for position, name in enumerate(cleaned, start=1):
        if not name:
            unnamed += 1
            name = f"column_{position}"
            if name in taken:
                name = _numbered(name, taken, last)
            taken.add(name)
        elif name in seen:
            doubled.append(name)
            name = _numbered(name, taken, last)
            taken.add(name)
        seen.add(name)
        result.append(name)
    warnings = []
    if doubled:
        shown = ", ".join(f"“{name}”" for name in dict.fromkeys(doubled[:10]))
        warnings.append(f"Several columns have the same name ({shown}); the later ones were numbered.")
    if unnamed and unnamed < len(names):
        warnings.append(
            f"{unnamed:,} {'column has' if unnamed == 1 else 'columns have'} no name and got one by position."
        )
    return result, warnings


def _readable(name: str) -> str:
    # Nobody reads further, and a hostile name has millions of letters.
    beginning = name[: 10 * _LONGEST]
    visible = "".join(character for character in beginning if character.isprintable() or character.isspace())
    return " ".join(visible.split())[:_LONGEST]


def _literal(name: str) -> str:
    """Polars takes some names for patterns that stand for several columns."""
    return f"_{name}" if name == "*" or (name.startswith("^") and name.endswith("$")) else name


def _numbered(name: str, taken: set[str], last: dict[str, int]) -> str:
    number = last.get(name, 1) + 1
    while f"{name}_{number}" in taken:
        number += 1
    last[name] = number
    return f"{name}_{number}"


def named_after(name: str, other: str) -> bool:
    """Whether the words of another name are the beginning or the end of this longer one.

    >>> [named_after(name, "churn") for name in ("churn_date", "IsChurn", "churn", "churned", "return")]
    [True, True, False, False, False]
    """
    words, wanted = _words(name), _words(other)
    if sum(map(len, wanted)) < 3 or len(words) <= len(wanted):
        return False
    return words[: len(wanted)] == wanted or words[-len(wanted) :] == wanted


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", name).replace("_", " "))]
