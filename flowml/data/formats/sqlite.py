"""SQLite databases, one of their tables, opened so that nothing in the file can do anything.

SQLite's own advice for files from strangers (sqlite.org/security.html) is followed: read-only and immutable, the
schema not trusted, an authorizer that lets nothing but reading pass, bounded lengths and time.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowml.data.format import CERTAIN, NO, Format, Option, Reading, Source
from flowml.data.names import unique_names
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, decision

if TYPE_CHECKING:
    import polars as pl

    from flowml.data.nested.records import Column

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_MOST_TABLES = 5000
_ROWS_AT_ONCE = 20_000
_LONGEST_VALUE = 100_000_000
_STEPS_BETWEEN_LOOKS = 200_000
_QUICK_SECONDS = 1.5
# So much time at least, and more for a large file: a view may multiply rows without end.
_LEAST_SECONDS, _BYTES_PER_SECOND = 2.0, 2_000_000
# What views may compute: functions of their arguments alone. Others could be made to take memory without end.
_FUNCTIONS = (
    "abs avg changes char coalesce count date datetime ifnull iif instr julianday length like lower ltrim max min"
    " nullif round rtrim sign strftime substr substring sum time total trim typeof unixepoch upper"
)
_ALLOWED = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    getattr(sqlite3, "SQLITE_RECURSIVE", 33),
}


@dataclass(frozen=True)
class _Table:
    name: str
    is_view: bool


def sniff(head: bytes, path: Path) -> float:
    return CERTAIN if head.startswith(_MAGIC) else NO


def read(source: Source) -> Reading:
    _check_header(source.path)
    try:
        return _read(source)
    except sqlite3.Error as error:
        raise _damaged(error, "the description of its tables") from error


def _read(source: Source) -> Reading:
    with closing(_opened(source.path)) as database:
        tables = _tables(database)
        remarks: list[Remark] = []
        table = _chosen(database, tables, source, remarks)
        frame, typed, given = _frame(database, table, source, remarks)
    names = [each.name for each in tables]
    choices = {"table": names[:200]} if len(names) > 1 else {}
    decided = {"table": table.name}
    return Reading(frame, "sqlite", typed=typed, remarks=remarks, decided=decided, choices=choices, given=given)


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    size = path.stat().st_size
    page = int.from_bytes(header[16:18], "big")
    page = 65_536 if page == 1 else page
    if len(header) < _HEADER_BYTES or page < 512 or page & (page - 1):
        raise UnreadableFile("The SQLite database is damaged: its header makes no sense.", hint=_AGAIN)
    # The size in the header counts only where the last writer kept it up to date.
    pages = int.from_bytes(header[28:32], "big")
    if header[24:28] == header[92:96] and pages and size < pages * page:
        raise UnreadableFile(
            f"The SQLite database is cut off: {pages * page:,} bytes are announced, {size:,} are there.", hint=_AGAIN
        )


_AGAIN = "Copy the database again while no program is using it, or export the table as CSV."


def _opened(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    except sqlite3.Error as error:
        raise UnreadableFile("The SQLite database cannot be opened.", hint=_AGAIN) from error
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    database.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
    database.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50)
    for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "temp_store=MEMORY", "cache_size=-8192"):
        database.execute(f"PRAGMA {pragma}")
    database.text_factory = _text
    database.set_authorizer(_authorize)
    size = path.stat().st_size
    ends_at = time.monotonic() + max(_LEAST_SECONDS, size / _BYTES_PER_SECOND)
    database.set_progress_handler(lambda: time.monotonic() > ends_at, _STEPS_BETWEEN_LOOKS)
    return database


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _authorize(action: int, _: str | None, second: str | None, *_rest: object) -> int:
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and str(second).lower() in _FUNCTIONS.split():
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _damaged(error: sqlite3.Error, what: str) -> UnreadableFile:
    """What SQLite says about a file or a table, in words."""
    reason = str(error)
    if "interrupted" in reason:
        return UnreadableFile(
            f"Reading {what} took far longer than a database of this size should need.",
            hint="If it is a view, export its rows as CSV; otherwise choose another with the option “table”.",
        )
    if "prohibited" in reason or "not authorized" in reason or "unsafe use" in reason or "no such module" in reason:
        return UnreadableFile(
            f"Reading {what} would run more than a plain look-up ({reason[:200]}), which FlowML does not do for files.",
            hint="Choose another table with the option “table”, or export its rows as CSV.",
        )
    if "malformed" in reason or "not a database" in reason or "disk I/O" in reason:
        return UnreadableFile(
            f"The SQLite database is damaged: {what} could not be read ({reason[:200]}).",
            hint="The command “sqlite3 FILE .recover” may save its rows.",
        )
    return UnreadableFile(f"{what[:1].upper()}{what[1:]} could not be read: {reason[:200]}.", hint=_AGAIN)


def _tables(database: sqlite3.Connection) -> list[_Table]:
    try:
        rows = database.execute(
            "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') LIMIT ?", (_MOST_TABLES + 1,)
        ).fetchall()
    except sqlite3.Error as error:
        raise _damaged(error, "the list of its tables") from error
    if len(rows) > _MOST_TABLES:
        raise UnreadableFile(
            f"The SQLite database has more than {_MOST_TABLES:,} tables.", hint="Export the one that matters as CSV."
        )
    # Virtual tables are computed by a module rather than stored; what they store has their name in front.
    virtual = tuple(str(name) for name, _, sql in rows if str(sql).upper().lstrip().startswith("CREATE VIRTUAL"))
    hidden = ("sqlite_", *(f"{name}_" for name in virtual))
    found = [
        _Table(str(name), kind == "view")
        for name, kind, _ in rows
        if str(name) not in virtual and not str(name).startswith(hidden)
    ]
    if not found:
        raise UnreadableFile("The SQLite database has no table.", hint="Check that it is the right file.")
    return found


def _chosen(database: sqlite3.Connection, tables: list[_Table], source: Source, remarks: list[Remark]) -> _Table:
    names = [table.name for table in tables]
    asked = source.choice_option("table", names)
    if asked is not None:
        return tables[names.index(asked)]
    stored = [table for table in tables if not table.is_view]
    if not stored:
        best = tables[0]
    else:
        sizes = _sizes(database, stored)
        best = max(stored, key=lambda table: sizes.get(table.name, -1))
    if len(tables) > 1:
        others = ", ".join(f"“{name}”" for name in names if name != best.name)
        which = f"“{best.name}”, the largest one," if len(stored) > 1 else f"“{best.name}”"
        said = f"The table {which} was read; the database also has {others[:400]}. The option “table” chooses."
        remarks.append(decision("table_chosen", said))
    return best


def _sizes(database: sqlite3.Connection, tables: list[_Table]) -> dict[str, int]:
    """Cells of the tables, as far as they can be counted in a moment. By rows alone, a table that only links others
    would come first."""
    ends_at = time.monotonic() + _QUICK_SECONDS
    sizes = {}
    for table in tables:
        if time.monotonic() > ends_at:
            break
        try:
            (n_rows,) = database.execute(_select("COUNT(*)", table)).fetchone()
            sizes[table.name] = n_rows * len(database.execute(_select("*", table) + " LIMIT 0").description)
        except sqlite3.Error as error:
            # A damaged table is no reason not to read a whole one, but is said if it is the only one.
            if len(tables) == 1:
                raise _damaged(error, f"the table “{table.name}”") from error
    if not sizes:
        raise UnreadableFile("The SQLite database is damaged: none of its tables can be read.", hint=_AGAIN)
    return sizes


def _select(what: str, table: _Table) -> str:
    doubled = table.name.replace('"', '""')
    return f'SELECT {what} FROM "{doubled}"'  # noqa: S608 — the name is quoted, and nothing but reading is allowed


def _frame(
    database: sqlite3.Connection, table: _Table, source: Source, remarks: list[Remark]
) -> tuple[pl.DataFrame, bool, dict[str, pl.Series]]:
    """The rows of a table, whether they have types of their own, and the values of columns of several kinds."""
    import polars as pl

    from flowml.data.nested.records import Column

    what = f"the {'view' if table.is_view else 'table'} “{table.name}”"
    try:
        cursor = database.execute(_select("*", table))
        names = [description[0] for description in cursor.description]
        source.limits.check(0, len(names))
        gathered = [Column(for_model=bool(source.expected)) for _ in names]
        height = 0
        for rows in _batches(cursor):
            height += len(rows)
            source.limits.check(height, len(names))
            for column, values in zip(gathered, zip(*rows, strict=True), strict=True):
                column.values = list(values)
                column.pack(height)
    except sqlite3.Error as error:
        raise _damaged(error, what) from error
    if not height:
        raise UnreadableFile(f"{what[:1].upper()}{what[1:]} has no rows.", hint="The option “table” chooses another.")
    titles, of_names = unique_names([str(name) for name in names])
    remarks += of_names
    frame = pl.DataFrame([column.typed(title, remarks) for column, title in zip(gathered, titles, strict=True)])
    given = {title: column.given(title) for title, column in zip(titles, gathered, strict=True)}
    return frame, not _is_all_text(gathered), {title: of for title, of in given.items() if of is not None}


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while rows := cursor.fetchmany(_ROWS_AT_ONCE):
        yield rows


def _is_all_text(gathered: list[Column]) -> bool:
    """As when a CSV file was imported: the types are still to be found out."""
    return all(column.kinds <= {str} for column in gathered)


FORMAT = Format(
    name="sqlite",
    title="SQLite",
    extensions=("sqlite", "sqlite3", "db", "db3"),
    sniff=sniff,
    read=read,
    options=(Option("table", "the name of the table or view to read"),),
)
