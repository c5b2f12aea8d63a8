"""Lines of the log: events of the room `logs`, so that they have one order with everything else that is told live.

They are bounded in number and bytes: the oldest go, of whoever has most. So nobody can have another's lines go by
saying much; what this server says itself and what is a warning or worse have a part of the room for themselves. How
much is whose is counted where a line comes and goes (the table `log_shares`, by triggers), so to know it costs nothing.
"""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import NamedTuple

from flowml.domain.logs import LogEntry, LogLevel
from flowml.store.database import Database
from flowml.store.rows import from_json, to_json

ROOM, TYPE = "logs", "log"
MOST_ENTRIES = 20_000
MOST_BYTES = 12_000_000
_AT_ONCE = 500
_LOOK_EVERY = 100
# When there is too much a little more goes, so that not every line has another one go.
_SPARE = 0.03
# Parts of the room: none has to make place for others while it is not full.
_RESERVED = {"this server": 0.25, "warnings": 0.25, "other": 0.5}


class _Share(NamedTuple):
    owner: str
    worker_id: str
    matters: int
    n_lines: int
    n_bytes: int

    @property
    def room(self) -> str:
        """Which part of the room it is in."""
        return "this server" if not self.owner else "warnings" if self.matters else "other"

    def part(self, most: int, most_bytes: int) -> float:
        """How much of the room it has."""
        return max(self.n_lines / max(most, 1), self.n_bytes / max(most_bytes, 1))


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
        if self._n_untrimmed >= _LOOK_EVERY:
            self._n_untrimmed = 0
            self.trim()

    def trim(self, most: int = MOST_ENTRIES, most_bytes: int = MOST_BYTES, spare: float = _SPARE) -> int:
        """Forget the oldest ones of those who have most, while it is more than these bounds; returns how many. A part
        at a time, so that nobody waits long."""
        removed = 0
        found = self._too_much(most, most_bytes, most, most_bytes)
        while found:
            with self._database.write() as connection:
                removed += connection.execute(
                    "DELETE FROM events WHERE id IN (SELECT value FROM json_each(?))", (to_json(found),)
                ).rowcount
            found = self._too_much(most, most_bytes, int(most * (1 - spare)), int(most_bytes * (1 - spare)))
        return removed

    def _too_much(self, most: int, most_bytes: int, lines_left: int, bytes_left: int) -> list[int]:
        """The ids of lines that are to go next until no more are left than so many."""
        shares = [_Share(*row) for row in self._database.read().execute("SELECT * FROM log_shares")]
        n_lines = sum(share.n_lines for share in shares) - lines_left
        n_bytes = sum(share.n_bytes for share in shares) - bytes_left
        if n_lines <= 0 and n_bytes <= 0:
            return []
        share, too_full = _largest(shares, most, most_bytes)
        rows = self._database.read().execute(
            f"""SELECT id, length(CAST(data AS BLOB)) FROM events WHERE room = ? AND {_field("worker_id")} = ?
                AND ({_field("level")} <> 'info') = ? ORDER BY id LIMIT ?""",
            (ROOM, share.worker_id, share.matters, min(_AT_ONCE, max(1, share.n_lines // 2))),
        )
        found, taken = list[int](), 0.0
        for number, size in rows:
            if (n_lines <= 0 and n_bytes <= 0) or taken >= too_full - 1e-9:
                break
            found.append(number)
            n_lines -= 1
            n_bytes -= size
            taken += max(1 / max(most, 1), size / max(most_bytes, 1))
        return found

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


def _largest(shares: Sequence[_Share], most: int, most_bytes: int) -> tuple[_Share, float]:
    """Whose lines are the next to go: in the room that is the most too full, the owner that has most there, and of its
    machines the same. And by how much that room is too full."""
    rooms = dict.fromkeys(_RESERVED, 0.0)
    owners: dict[tuple[str, str], float] = {}
    for share in shares:
        part = share.part(most, most_bytes)
        rooms[share.room] += part
        owners[share.room, share.owner] = owners.get((share.room, share.owner), 0.0) + part
    # What one room does not need is another's.
    fullest = max((room for room in rooms if rooms[room]), key=lambda room: rooms[room] - _RESERVED[room])
    owner = max((key for key in owners if key[0] == fullest), key=lambda key: owners[key])
    mine = [share for share in shares if (share.room, share.owner) == owner]
    return max(mine, key=lambda share: share.part(most, most_bytes)), rooms[fullest] - _RESERVED[fullest]


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
    if entry.owner is None:
        del data["owner"]
    return data


def _entry(row: sqlite3.Row) -> LogEntry:
    data = from_json(row["data"])
    return LogEntry(id=row["id"], at=row["at"], **data | {"level": LogLevel(data["level"])})
