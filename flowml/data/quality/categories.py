"""Categories that are one in several spellings, or too rare to learn from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from flowml.data.quality.examined import ColumnView, Found, found
from flowml.domain import wording
from flowml.domain.datasets import Role, Severity

_MOST_DIFFERENT = 2_000
_MOST_COMPARED = 300
_SHORTEST_COMPARED = 5
# In short words another letter makes another word: island and inland.
_LONG = 8
_RARE_TO_FREQUENT = 0.02
_RARE, _FEWEST_ROWS = 10, 500
_BETWEEN_LETTERS = re.compile(r"(?<=[^\W_])[\W_]+(?=[^\W_])")
_AROUND = " \t\n\u00a0.,;:!?'\"’“”()[]_"


def spellings(column: ColumnView) -> Iterator[Found]:
    """The same category in other letters: capitals, blanks, accents, punctuation."""
    if not _has_categories(column):
        return
    counts = dict(column.texts.iter_rows())
    groups: dict[str, list[str]] = {}
    for text in counts:
        groups.setdefault(_plain(text), []).append(text)
    merged = {text: same[0] for key, same in groups.items() if key and len(same) > 1 for text in same[1:]}
    if not merged:
        return
    rows = sum(counts[text] for text in merged)
    differ = f"{wording.plural(len(merged), 'spelling')} {'differs' if len(merged) == 1 else 'differ'}"
    yield found(
        "spellings",
        Severity.WARNING,
        [column.name],
        f"In “{column.name}”, {differ} from a more frequent one only in "
        f"capitals, blanks, accents or punctuation ({_examples(merged, counts)}): to a model they are different "
        "categories.",
        "Write them alike.",
        [{"op": "map_values", "column": column.name, "values": merged}],
        size=column.share(rows),
    )


def near_spellings(column: ColumnView) -> Iterator[Found]:
    """Rare categories that are one typing error away from a frequent one."""
    if not _has_categories(column):
        return
    counts = dict(column.texts.head(_MOST_COMPARED).iter_rows())
    slips: dict[str, str] = {}
    by_length: dict[int, list[str]] = {}
    for text, count in counts.items():
        if len(text) >= _SHORTEST_COMPARED and not any(character.isdigit() for character in text):
            for length in (len(text) - 1, len(text), len(text) + 1):
                for frequent in by_length.get(length, []):
                    if count <= max(1, _RARE_TO_FREQUENT * counts[frequent]) and _is_slip(text, frequent):
                        slips.setdefault(text, frequent)
            # Only what is no slip itself is something to be meant.
            if text not in slips:
                by_length.setdefault(len(text), []).append(text)
    if not slips:
        return
    yield found(
        "possible-typos",
        Severity.INFO,
        [column.name],
        f"In “{column.name}”, {wording.plural(len(slips), 'rare value')} {'is' if len(slips) == 1 else 'are'} one "
        f"letter away from a frequent one ({_examples(slips, counts)}).",
        "Write them alike, if they are typing errors.",
        [{"op": "map_values", "column": column.name, "values": slips}],
        size=column.share(sum(counts[text] for text in slips)),
    )


def rare_categories(column: ColumnView) -> Iterator[Found]:
    """Categories with too few rows to learn anything about."""
    if not _has_categories(column) or column.is_target or column.table.n_rows < _FEWEST_ROWS:
        return
    rare = column.texts.filter(column.texts["count"] < _RARE)
    if rare.height < 2 or column.stats.role is not Role.CATEGORICAL:
        return
    rows = int(rare["count"].sum())
    yield found(
        "rare-categories",
        Severity.INFO,
        [column.name],
        f"{rare.height:,} of the {column.stats.n_unique:,} categories of “{column.name}” occur in fewer than {_RARE} "
        f"rows each ({wording.plural(rows, 'row')} in all): too few to learn what they mean.",
        "Merge them into one, or into larger categories that make sense.",
        [{"op": "merge_categories", "column": column.name, "min_count": _RARE, "to": _unused("other", column)}],
        size=column.share(rows),
    )


def _unused(name: str, column: ColumnView) -> str:
    """A category that is not there yet."""
    texts = set(column.texts["value"].to_list())
    while name in texts:
        name = f"{name} (rare)"
    return name


def _has_categories(column: ColumnView) -> bool:
    return (
        column.is_text
        and column.stats.role in (Role.CATEGORICAL, Role.BOOLEAN)
        and column.stats.n_unique <= _MOST_DIFFERENT
    )


def _plain(text: str) -> str:
    """Without what spellings differ in: capitals, accents, what stands between words and quotes around them. Other
    signs at an end stay, and so does all that stands between digits.

    >>> [_plain(text) for text in (" New-York.", "new york", "Köln", "A+", "C++", "5 - 10")]
    ['newyork', 'newyork', 'koln', 'a+', 'c++', '5 - 10']
    """
    letters = "".join(
        character
        for character in unicodedata.normalize("NFKD", text.casefold())
        if not unicodedata.combining(character)
    ).strip(_AROUND)
    if any(character.isdigit() for character in letters):
        return " ".join(letters.split())
    return _BETWEEN_LETTERS.sub("", letters)


def _examples(pairs: Mapping[str, str], counts: Mapping[str, int]) -> str:
    shown = sorted(pairs, key=lambda text: -counts[text])[:3]
    return "; ".join(
        f"{wording.value(text)} in {wording.plural(counts[text], 'row')} beside {wording.value(pairs[text])} in "
        f"{counts[pairs[text]]:,}"
        for text in shown
    )


def _is_slip(text: str, other: str) -> bool:
    """Whether one letter was left out or added, two neighbours swapped, or in a long word one replaced.

    >>> [_is_slip(text, other) for text, other in (("Brelin", "Berlin"), ("Berlin", "Berlins"), ("ISLAND", "INLAND"))]
    [True, True, False]
    """
    if abs(len(text) - len(other)) > 1 or text == other:
        return False
    start = 0
    while start < min(len(text), len(other)) and text[start] == other[start]:
        start += 1
    rest, rest_of_other = text[start:], other[start:]
    if len(rest) == len(rest_of_other):
        swapped = rest[:2] == rest_of_other[:2][::-1] and rest[2:] == rest_of_other[2:]
        return swapped or (len(text) >= _LONG and rest[1:] == rest_of_other[1:])
    longer, shorter = sorted((rest, rest_of_other), key=len, reverse=True)
    return longer[1:] == shorter
