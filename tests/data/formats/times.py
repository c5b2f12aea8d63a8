"""Times as tables hold them: in UTC, without saying so."""

from datetime import datetime


def at(*parts: int) -> datetime:
    """Year, month, day, and as much of the time of day as is not zero."""
    year, month, day, *clock = parts
    return datetime(year, month, day, *clock)  # noqa: DTZ001
