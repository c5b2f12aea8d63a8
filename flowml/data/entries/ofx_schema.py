"""What the elements of OFX are, by the models of ofxtools: dates, amounts, yes or no; and how they are written."""

from __future__ import annotations

import inspect
import re
from datetime import datetime, timedelta
from functools import cache

from ofxtools import Types, models
from ofxtools.models.base import Aggregate

from flowml.data.entries.moments import parse_moment, shifted, wall_time

_DATE = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ]?(\d\d):?(\d\d):?(\d\d)?(?:[.:,]\d+)?)?\s*"
    r"(?:\[\s*([-+]?\d{1,2}(?:[.,]\d{1,2})?)\s*(?::[^\]]*)?\])?$",
    re.ASCII,
)
# Dates and amounts that banks add of their own.
_ADDED = {"valuedate": "date", "yield": "amount", "balance": "amount", "acctbal": "amount"}


@cache
def kinds() -> dict[str, str]:
    """“date”, “amount” or “flag” by an element's name in lower case; any other is text."""
    found: dict[str, str] = dict(_ADDED)
    for model in _models():
        for name, converter in model.spec.items():
            if isinstance(converter, Types.Decimal):
                found[name] = "amount"
            elif isinstance(converter, Types.DateTime):
                found[name] = "date"
            elif isinstance(converter, Types.Bool):
                found[name] = "flag"
    return found


@cache
def leaves() -> frozenset[str]:
    """The tags that never have elements inside."""
    aggregates = {model.__name__.upper() for model in _models()}
    names = {
        name.upper()
        for model in _models()
        for name, converter in model.spec.items()
        if not isinstance(converter, Types.SubAggregate | Types.ListAggregate | Types.Unsupported)
    }
    return frozenset(names - aggregates)


def _models() -> list[type[Aggregate]]:
    return [value for value in vars(models).values() if inspect.isclass(value) and issubclass(value, Aggregate)]


def parse_date(text: str) -> datetime | None:
    """A date of OFX in UTC; one without an offset stands as it is.

    >>> parse_date("20240323000000[-3:GMT]"), parse_date("20050824")
    (datetime.datetime(2024, 3, 23, 3, 0), datetime.datetime(2005, 8, 24, 0, 0))
    """
    match = _DATE.match(text.strip()[:60])
    if match is None:
        moment = parse_moment(text)
        return shifted(moment.time, -(moment.offset or timedelta())) if moment else None
    time = wall_time(*(int(part or 0) for part in match.groups()[:6]))
    offset = float((match[7] or "0").replace(",", "."))
    return shifted(time, timedelta(hours=-offset)) if time else None
