"""Values of a table as JSON has them."""

import math
from datetime import date
from typing import Any


def plain(value: Any) -> Any:
    """Missing and non-finite as None, dates as ISO 8601 text, everything else as it is.

    >>> plain(float("nan")), plain(date(2020, 1, 2)), plain("a")
    (None, '2020-01-02', 'a')
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value
