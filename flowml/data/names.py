"""Column names: made so that they can be told apart, and what they say of their column."""

import re
from collections.abc import Sequence

from flowml.domain.remarks import Remark, note

_LONGEST = 200
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Names that end in "id" as a word of their own, not "paid" or "humid".
_ID_NAME = re.compile(
    r"(^|[\s_\-.])(id|uuid|guid|key|index|idx|rowname|rownames|row|sno|nr|no)$|^unnamed: 0$", re.IGNORECASE
)
_CAMEL_ID = re.compile(r"[a-z](Id|ID|Key|Index)$")
# Names of numbers that nobody calculates with. Where each row has another one, they identify it.
_CODE_NAME = re.compile(
    r"(?:^|[^a-z])(phone|telephone|mobile|fax|iban|bic|ssn|isbn|ean|barcode|imei|serial|zip|zipcode|postcode|plz"
    r"|postal|code|fips)(?:$|[^a-z])"
)


def unique_names(names: Sequence[str]) -> tuple[list[str], list[Remark]]:
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
    remarks = []
    if doubled:
        shown = ", ".join(f"“{name}”" for name in dict.fromkeys(doubled[:10]))
        said = f"Several columns have the same name ({shown}); the later ones were numbered."
        remarks.append(note("same_names", said))
    if unnamed and unnamed < len(names):
        said = f"{unnamed:,} {'column has' if unnamed == 1 else 'columns have'} no name and got one by position."
        remarks.append(note("no_names", said))
    return result, remarks


def named_like_identifier(name: str) -> bool:
    """Whether a column's name ends in “id” or its kin.

    >>> [named_like_identifier(name) for name in ("PassengerId", "user_id", "humid", "paid", "ID")]
    [True, True, False, False, True]
    """
    return bool(_ID_NAME.search(name.strip()) or _CAMEL_ID.search(name.strip()))


def named_like_code(name: str) -> bool:
    """Whether a column's name says that its numbers are codes, with which nobody calculates.

    >>> [named_like_code(name) for name in ("zip_code", "PhoneNumber", "encoded", "Postcode")]
    [True, True, False, True]
    """
    return bool(_CODE_NAME.search(_CAMEL.sub("_", name.strip()).lower()))


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
