"""Small conversions between rows and the domain."""

import json
import math
import secrets
import sqlite3
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

_GREATEST = "\U0010ffff"
Read = TypeVar("Read")


def new_id() -> str:
    """An opaque identifier, 16 characters."""
    return secrets.token_hex(8)


def names_from(connection: sqlite3.Connection, table: str, beginning: str) -> set[str]:
    """The names in a table that begin like this."""
    # A range, which the index on names answers; LIKE would take any case and has signs of its own.
    query = f"SELECT name FROM {table} WHERE name >= ? AND name < ?"
    return {row[0] for row in connection.execute(query, (beginning, beginning + _GREATEST))}


def to_json(value: Any) -> str:
    """Compact JSON; NaN and infinity become null, numpy scalars plain numbers."""
    return json.dumps(_plain(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_once(most: int, longest: int = 4_000) -> Callable[[Callable[[str], Read]], Callable[[str], Read]]:
    """Reads a text that stands in very many rows, of which lists are read again and again, and keeps what is in the
    `most` latest ones: a value that nobody changes. Texts above `longest` characters are read each time."""

    def decorated(read: Callable[[str], Read]) -> Callable[[str], Read]:
        kept = lru_cache(most)(read)
        return lambda text: kept(text) if len(text) <= longest else read(text)

    return decorated


def from_json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        return _plain(value.item())
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
