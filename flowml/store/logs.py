"""Lines of the log: events of the room `logs`, so that they have one order with everything else that is told live.

They are bounded in number and bytes: the oldest go.
"""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import asdict

from flowml.domain.logs import LogEntry, LogLevel
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

ROOM, TYPE = "logs", "log"
MOST_ENTRIES = 20_000
MOST_BYTES = 12_000_000
_AT_ONCE = 500
# Looking for what is too much takes some milliseconds.
_TRIM_EVERY = 500


class Logs:
    """What was said lately."""

    def __init__(self, database: Database):
        self._database = database
        self._n_untrimmed = 0

    def append(self, entries: Sequence[LogEntry]) -> None:
        """Keep these; their ids are given here. Now and then the oldest go for it."""
        rows = [(ROOM, TYPE, entry.at, to_json(_data(entry))) for entry in entries]
        with self._database.write() as connection:
            connection.executemany("INSERT INTO events (room, type, at, data) VALUES (?, ?, ?, ?)", rows)
        self._n_untrimmed += len(rows)
        if self._n_untrimmed >= _TRIM_EVERY:
            self._n_untrimmed = 0
            self.trim()

    def trim(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES) -> int:
        """Forget the oldest ones above these bounds; returns how many. A part at a time, so that nobody waits long."""
        size = "SELECT COUNT(*), SUM(length(CAST(data AS BLOB))) FROM events WHERE room = ?"
        n_entries, n_bytes = self._database.read().execute(size, (ROOM,)).fetchone()
        if n_entries <= most and (n_bytes or 0) <= most_bytes:
            return 0
        found = (
            self._database.read()
            .execute(
                """SELECT MAX(id) FROM (SELECT id, ROW_NUMBER() OVER newest AS number,
                    SUM(length(CAST(data AS BLOB))) OVER newest AS bytes
                    FROM events WHERE room = ? WINDOW newest AS (ORDER BY id DESC)) WHERE number > ? OR bytes > ?""",
                (ROOM, most, most_bytes),
            )
            .fetchone()[0]
        )
        removed = 0
        while found is not None:
            with self._database.write() as connection:
                n_rows = connection.execute(
                    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE room = ? AND id <= ? LIMIT ?)",
                    (ROOM, found, _AT_ONCE),
                ).rowcount
            removed += n_rows
            if n_rows < _AT_ONCE:
                break
        return removed

    def page(
        self,
        limit: int,
        *,
        levels: Collection[LogLevel] = tuple(LogLevel),
        search: str = "",
        worker_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
        until: int | None = None,
    ) -> list[LogEntry]:
        """Those that match, in the order in which they came: with `after` the first ones behind that id, else the
        latest, of those `before` an id where one is given, and up to the id `until`."""
        where, values = _where(levels, search, worker_id, after, before, until)
        order = "ASC" if after is not None else "DESC"
        rows = self._reader(search).execute(
            f"SELECT id, at, data FROM events WHERE {where} ORDER BY id {order} LIMIT ?", (*values, limit)
        )
        found = [_entry(row) for row in rows]
        return found if after is not None else found[::-1]

    def count(
        self,
        *,
        levels: Collection[LogLevel] = tuple(LogLevel),
        search: str = "",
        worker_id: str | None = None,
        after: int | None = None,
        before: int | None = None,
    ) -> int:
        """How many match."""
        where, values = _where(levels, search, worker_id, after, before, None)
        return int(self._reader(search).execute(f"SELECT COUNT(*) FROM events WHERE {where}", values).fetchone()[0])

    def machines(self) -> list[tuple[str, str]]:
        """Id and latest name of those that have said something."""
        rows = self._database.read().execute(
            f"""SELECT {_field("worker_id")} AS worker_id, {_field("machine")} AS machine, MAX(id) FROM events
                WHERE room = ? GROUP BY 1 ORDER BY 2""",
            (ROOM,),
        )
        return [(row["worker_id"], row["machine"]) for row in rows]

    def _reader(self, search: str) -> sqlite3.Connection:
        connection = self._database.read()
        if search:
            # SQLite's own comparison knows of letters no more than ASCII has.
            connection.create_function("folded", 1, str.casefold, deterministic=True)
        return connection


def _field(name: str) -> str:
    return f"json_extract(data, '$.{name}')"


def _where(
    levels: Collection[LogLevel],
    search: str,
    worker_id: str | None,
    after: int | None,
    before: int | None,
    until: int | None,
) -> tuple[str, list[object]]:
    conditions, values = ["room = ?"], list[object]([ROOM])
    for condition, value in (("id > ?", after), ("id < ?", before), ("id <= ?", until)):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if len(set(levels)) < len(LogLevel):
        conditions.append(f"{_field('level')} IN ({','.join('?' * len(levels))})")
        values += levels
    if worker_id is not None:
        conditions.append(f"{_field('worker_id')} = ?")
        values.append(worker_id)
    if search:
        texts = " || char(10) || ".join(
            f"COALESCE({_field(n)}, '')" for n in ("source", "machine", "message", "detail")
        )
        conditions.append(f"instr(folded({texts}), ?) > 0")
        values.append(search.casefold())
    return " AND ".join(conditions), values


def _data(entry: LogEntry) -> dict[str, object]:
    data = asdict(entry)
    del data["id"], data["at"]
    return data


def _entry(row: sqlite3.Row) -> LogEntry:
    data = from_json(row["data"])
    return LogEntry(id=row["id"], at=row["at"], **data | {"level": LogLevel(data["level"])})
