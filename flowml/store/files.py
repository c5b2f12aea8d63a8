"""Big bytes: files in the home folder named by the SHA-256 of their content.

The same content is stored once; a file is complete or not there, because it is renamed into place.
"""

import contextlib
import hashlib
import math
import os
import re
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from flowml.domain.errors import Damaged, NotFound
from flowml.domain.stored import damaged, gone, hash_file
from flowml.store.database import Database
from flowml.store.home import MADE_AGAIN, ON_ITS_WAY

_USES = (
    ("datasets", "table_file"),
    ("datasets", "source_file"),
    ("datasets", "root_table_file"),
    ("trials", "out_of_fold_file"),
    ("trials", "model_file"),
    ("models", "file"),
    ("models", "out_of_fold_file"),
    ("handed_over", "sha256"),
)
_IS_USED = " OR ".join(f"EXISTS (SELECT 1 FROM {table} WHERE {column} = files.sha256)" for table, column in _USES)
# So that nobody waits long to write.
_AT_ONCE = 500
# A trigger notes 0.
_DELETED_BEFORE = 1.0
_MOST_KNOWN_WHOLE = 1_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ON_ITS_WAY = re.compile(ON_ITS_WAY)
_MADE_AGAIN = re.compile(MADE_AGAIN)


def _unnamed(_: str) -> None:
    """The row comes in the transaction that stands around this."""


def name_of(path: Path) -> str:
    """The hash by which a stored file is known."""
    return path.parent.name + path.name


@dataclass(frozen=True)
class Strays:
    """Files that a database does not know to have stored, by their hashes, and what they take."""

    files: tuple[str, ...] = ()
    n_bytes: int = 0


class Files:
    """Content-addressed files below one folder; beside it, files on their way, and files that can be made again.

    The database keeps which of them it has stored: only such it deletes. Others are of another history, of which this
    database is too old or too new to know. Since when a file may be nobody's stands with it (`loose_since`): since now
    when it is stored, and 0 when a row that names it was deleted, which triggers see to; it is NULL once somebody was
    found to need it. The times of the files themselves say nothing: a copy has others.

    Whoever stores a file adds the row that names it in the same change (`naming`): somebody may delete the only other
    row that does at any moment, and the file with it.
    """

    def __init__(self, root: Path, temporary: Path, cache: Path, database: Database):
        self._root = root
        self._temporary = temporary
        self._cache = cache
        self._database = database
        self._known_whole: dict[str, tuple[int, ...]] = {}
        self._latest = root / "latest"
        for folder in (root, temporary, cache):
            folder.mkdir(parents=True, exist_ok=True)

    def new_temp(self) -> Path:
        """A path that does not exist yet, on the same file system."""
        return self._temporary / secrets.token_hex(12)

    def cached(self, name: str) -> Path:
        """The path of a file that can be made again, whether it is there or not; as long as somebody asks for it, it
        stays young."""
        path = self._cache / name
        with contextlib.suppress(FileNotFoundError):
            file = os.open(path, os.O_RDONLY)
            try:
                # Confined processes may do so with what they can open.
                os.utime(file if os.utime in os.supports_fd else path)
            finally:
                os.close(file)
        return path

    def forget_cached(self, pattern: str) -> None:
        """Delete those files that can be made again whose names are like this (`*` for anything)."""
        for path in self._cache.glob(pattern):
            path.unlink(missing_ok=True)

    def put_path(self, path: Path, sha256: str | None = None, naming: Callable[[str], object] = _unnamed) -> str:
        """Take over a finished file (it is moved); returns its hash, which the caller may know already. `naming` adds
        the row that names it: with what it raises, the file is not stored."""
        sha256 = sha256 or hash_file(path)
        target = self._place(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        is_new = False
        announced = self.announce([sha256])
        try:
            with self._database.write() as connection:
                # Not before nobody else stores the same: what they have stored is not ours to delete.
                is_new = not target.exists()
                _note(connection, sha256, time.time())
                naming(sha256)
                # Last of all: whoever is killed before has stored neither.
                os.replace(path, target)
        except BaseException:
            if is_new:
                self.withdraw([sha256], announced)
            raise
        return sha256

    def announce(self, hashes: Iterable[str]) -> float:
        """Have the database know of these files before they are there; returns by what they can be withdrawn. Who is
        killed when a file is placed, and what names it is not yet stored, leaves one that house-keeping deletes.
        Inside a transaction it is of no use: that is not stored either."""
        at = time.time()
        with self._database.write() as connection:
            for sha256 in hashes:
                _note(connection, sha256, at)
        return at

    def withdraw(self, hashes: Iterable[str], announced: float) -> None:
        """Delete those of these files that were announced and that nobody else has stored since: what was to name them
        was not stored."""
        with self._database.write() as connection:
            for sha256 in hashes:
                gone = connection.execute(
                    f"DELETE FROM files WHERE sha256 = ? AND loose_since = ? AND NOT ({_IS_USED})", (sha256, announced)
                )
                if gone.rowcount:
                    self._place(sha256).unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Whether there is such a file."""
        return self._place(sha256).is_file()

    def put_bytes(self, content: bytes, naming: Callable[[str], object] = _unnamed) -> str:
        """Store bytes as `put_path` does; returns their hash. Where a file of that name is damaged, they take its
        place."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.adopt(sha256, naming):
            temporary = self.new_temp()
            try:
                temporary.write_bytes(content)
                self.put_path(temporary, sha256, naming)
            finally:
                temporary.unlink(missing_ok=True)
        return sha256

    def adopt(self, sha256: str, naming: Callable[[str], object] = _unnamed) -> bool:
        """Have a file that is there as if it had been stored now, as `put_path` does; False where there is none, or a
        damaged one."""
        try:
            self.whole(sha256, "file behind this")
        except (NotFound, Damaged):
            return False
        with self._database.write() as connection:
            is_there = self.has(sha256)
            if is_there:
                _note(connection, sha256, time.time())
                naming(sha256)
        return is_there

    def path(self, sha256: str) -> Path:
        """Where a stored file lies. Raises NotFound when there is none."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("There is no such file.")
        place = self._place(sha256)
        if not place.is_file():
            raise gone()
        return place

    def content(self, sha256: str) -> bytes:
        """What a stored file holds, known to be what was stored. Raises NotFound when there is none, Damaged when
        somebody or something has changed it since."""
        found = self.path(sha256).read_bytes()
        if hashlib.sha256(found).hexdigest() != sha256:
            raise damaged("file behind this")
        return found

    def whole(self, sha256: str, what: str) -> Path:
        """Where a stored file lies that is what was stored; it is read through once, and then when it has changed.
        `what` it is to people. Raises NotFound when there is none, Damaged."""
        path = self.path(sha256)
        found = path.stat()
        state = (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if self._known_whole.get(sha256) != state:
            if hash_file(path) != sha256:
                raise damaged(what)
            if len(self._known_whole) >= _MOST_KNOWN_WHOLE:
                self._known_whole.clear()
            self._known_whole[sha256] = state
        return path

    def knows(self, sha256: str) -> bool:
        """Whether this database has stored this file."""
        query = "SELECT 1 FROM files WHERE sha256 = ?"
        return self._database.read().execute(query, (sha256,)).fetchone() is not None

    def strays(self) -> Strays:
        """The files that this database does not know to have stored."""
        known = {row[0] for row in self._database.read().execute("SELECT sha256 FROM files")}
        found = [path for path in self._root.glob("??/*") if _SHA256.fullmatch(name_of(path))]
        strays = [path for path in found if name_of(path) not in known]
        return Strays(tuple(map(name_of, strays)), sum(path.stat().st_size for path in strays))

    def set_aside(self, sha256: str, folder: Path) -> None:
        """Move a file out of the way, to be found under its hash."""
        folder.mkdir(mode=0o700, exist_ok=True)
        os.replace(self.path(sha256), folder / sha256)

    def forget_future(self, now: float) -> None:
        """What was stored while the clock was ahead is as if it had been stored now: it would else never be old."""
        found = self._database.read().execute("SELECT 1 FROM files WHERE loose_since > ? LIMIT 1", (now,))
        if found.fetchone() is not None:
            with self._database.write() as connection:
                connection.execute("UPDATE files SET loose_since = ? WHERE loose_since > ?", (now, now))
        for path in self._cache.iterdir():
            if _changed_at(path) > now:
                # It may go at any moment.
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path)

    def remove_unused(self, older_than: float) -> int:
        """Delete files that this database has stored and to which nothing has referred since before `older_than`;
        returns how many. What is on its way or can be made again goes as well when it is as old."""
        self._remove_old(self._temporary, _ON_ITS_WAY, older_than)
        self._remove_old(self._cache, _MADE_AGAIN, older_than)
        return self._remove_loose(older_than)

    def remove_deleted(self) -> int:
        """Delete the files that only what was deleted has referred to; returns how many."""
        return self._remove_loose(_DELETED_BEFORE)

    def remove_temporary(self) -> None:
        """Delete all that was on its way: at the start of a server nothing is."""
        self._remove_old(self._temporary, _ON_ITS_WAY, math.inf)

    def settle(self, latest: int) -> None:
        """At the start of a server: where the files have been told of a later event than this one, the latest of the
        database, it is older than they are. What it takes for nobody's may be somebody's by now, and is none of its
        files any more."""
        with contextlib.suppress(OSError, ValueError):
            if int(self._latest.read_text()) > latest:
                with self._database.write() as connection:
                    connection.execute(f"DELETE FROM files WHERE loose_since IS NOT NULL AND NOT ({_IS_USED})")

    def tell(self, latest: int) -> None:
        """Keep beside the files which event was the latest."""
        with contextlib.suppress(FileNotFoundError):
            if self._latest.read_text() == f"{latest:020}":
                return
        # In place: a full disk has room for that.
        with os.fdopen(os.open(self._latest, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(f"{latest:020}")

    def _remove_loose(self, before: float) -> int:
        removed = 0
        due = "FROM files WHERE loose_since < ?"
        while self._database.read().execute(f"SELECT 1 {due}", (before,)).fetchone() is not None:
            # Nobody stores the same content meanwhile, or begins to refer to it.
            with self._database.write() as connection:
                found = connection.execute(f"SELECT sha256, {_IS_USED} {due} LIMIT {_AT_ONCE}", (before,)).fetchall()
                unused = [(sha256,) for sha256, is_used in found if not is_used]
                # First of all: on a full disk the database needs their room. It knows of them until they are gone.
                for (sha256,) in unused:
                    self._place(sha256).unlink(missing_ok=True)
                connection.executemany("DELETE FROM files WHERE sha256 = ?", unused)
                connection.executemany(
                    "UPDATE files SET loose_since = NULL WHERE sha256 = ?",
                    [(sha256,) for sha256, is_used in found if is_used],
                )
            removed += len(unused)
        return removed

    def _remove_old(self, folder: Path, ours: re.Pattern[str], older_than: float) -> None:
        for path in folder.iterdir():
            if not ours.fullmatch(path.name) or _changed_at(path) >= older_than:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:]


def _note(connection: sqlite3.Connection, sha256: str, at: float) -> None:
    # Young, so that the housekeeping leaves it to whoever is about to refer to it.
    connection.execute(
        "INSERT INTO files (sha256, loose_since) VALUES (?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET loose_since = excluded.loose_since",
        (sha256, at),
    )


def _changed_at(path: Path) -> float:
    """When something was last done to a file, or to anything in a folder. Its time of modification is no help: programs
    date files as they like, those in a workbook to 1980."""
    latest = 0.0
    # A folder may go while it is listed.
    with contextlib.suppress(FileNotFoundError):
        latest = path.stat().st_ctime
        for one in path.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                latest = max(latest, one.stat().st_ctime)
    # What has gone meanwhile is nobody's to delete.
    return latest or math.inf
