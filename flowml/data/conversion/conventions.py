"""What the owner of a file says of how its values are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Conventions:
    """How the owner of a file says its values are written; None where they said nothing.

    `missing` replaces the spellings of missing that are known; `thousands` is “none” for numbers without separators.
    """

    decimal: str | None = None
    thousands: str | None = None
    missing: tuple[str, ...] | None = None
    date_order: str | None = None


NO_CONVENTIONS = Conventions()
