"""Answers of web services saved one after another: pages, or a list of records behind a record about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flowml.domain.remarks import Remark, loss

_LISTS = frozenset(
    {
        "data",
        "items",
        "records",
        "results",
        "result",
        "rows",
        "entries",
        "hits",
        "values",
        "value",
        "objects",
        "content",
        "elements",
        "list",
    }
)
# No “pages”: books have them too.
_PAGING = re.compile(
    r"(?i)^(page|page_?(no|num|number|index|size|count)|current_?page|per_?page|page_?token|offset|cursor"
    r"|(next|prev|previous)(_?(page|url|link|cursor|token|page_?token))?|has_?(more|next)|total_?(count|pages|results))$"
)


def list_of_page(record: Any) -> str | None:
    """The name of the list in a record that is a page of a longer answer; None for other records."""
    if not isinstance(record, dict):
        return None
    lists = [name for name, value in record.items() if isinstance(value, list)]
    if len(lists) != 1 or lists[0].lower() not in _LISTS or not any(_PAGING.match(name) for name in record):
        return None
    return lists[0] if all(isinstance(item, dict) for item in record[lists[0]]) else None


def joined_pages(items: list[Any], remarks: list[Remark]) -> list[Mapping[str, Any]] | None:
    """The records of all pages; None when the items are not all pages with the same list."""
    name = list_of_page(items[0]) if items else None
    if name is None or not all(list_of_page(item) == name for item in items[1:]):
        return None
    pages = "1 page of records" if len(items) == 1 else f"{len(items):,} pages of records, which were joined"
    said = f"The file holds {pages}: the table was taken from “{name}”, and what else the pages say was left out."
    remarks.append(loss("around_table_left_out", said))
    return [record for page in items for record in page[name]]


def behind_its_description(items: list[Any], remarks: list[Remark]) -> list[Mapping[str, Any]] | None:
    """The records of [about, [record, …]], as the World Bank's service answers; None for other lists."""
    if len(items) != 2 or not isinstance(items[0], dict) or not isinstance(items[1], list) or not items[1]:
        return None
    if not all(isinstance(record, dict) for record in items[1]):
        return None
    about = ", ".join(f"“{name}”" for name in list(items[0])[:8])
    said = "The table was taken from the list of records that is the second entry of the file; the first, which"
    said += f" describes it{f' ({about})' if about else ''}, was left out."
    remarks.append(loss("around_table_left_out", said))
    return items[1]
