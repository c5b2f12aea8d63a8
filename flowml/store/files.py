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
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flowml.domain.errors import NotFound
from flowml.domain.stored import damaged, hash_file
from flowml.store.database import Database

_USED = (
    "SELECT table_file AS sha256 FROM datasets UNION SELECT source_file FROM datasets"
    " UNION SELECT root_table_file FROM datasets UNION SELECT out_of_fold_file FROM trials"
    " UNION SELECT model_file FROM trials UNION SELECT file FROM models"
)
# File systems keep times more coarsely than they were given.
_SAME_SECONDS = 2.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


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

    The database keeps which of them it has stored and when: only such it deletes. Others are of another history, of
    which this database is too old or too new to know.
    """

    def __init__(self, root: Path, temporary: Path, cache: Path, database: Database):
        self._root = root
        self._temporary = temporary
        self._cache = cache
        self._database = database
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
            os.utime(path)
        return path

    def put_path(self, path: Path, sha256: str | None = None) -> str:
        """Take over a finished file (it is moved); returns its hash, which the caller may know already."""
        sha256 = sha256 or hash_file(path)
        target = self._place(sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        is_new = False
        try:
            with self._database.write() as connection:
                # Not before nobody else stores the same: what they have stored is not ours to delete.
                is_new = not target.exists()
                os.replace(path, target)
                _note(connection, sha256, target)
        except BaseException:
            if is_new:
                target.unlink(missing_ok=True)
            raise
        return sha256

    def forget_unknown(self, hashes: Iterable[str]) -> None:
        """Delete those of these files of which the database does not know: what was to know of them was not stored."""
        with self._database.write() as connection:
            for sha256 in hashes:
                if connection.execute("SELECT 1 FROM files WHERE sha256 = ?", (sha256,)).fetchone() is None:
                    self._place(sha256).unlink(missing_ok=True)

    def has(self, sha256: str) -> bool:
        """Whether there is such a file."""
        return self._place(sha256).is_file()

    def put_bytes(self, content: bytes) -> str:
        """Store bytes; returns their hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        if not self.adopt(sha256):
            temporary = self.new_temp()
            try:
                temporary.write_bytes(content)
                self.put_path(temporary, sha256)
            finally:
                temporary.unlink(missing_ok=True)
        return sha256

    def adopt(self, sha256: str) -> bool:
        """Have a file that is there as if it had been stored now; False where there is none."""
        target = self._place(sha256)
        with self._database.write() as connection:
            try:
                _note(connection, sha256, target)
            except FileNotFoundError:
                return False
        return True

    def path(self, sha256: str) -> Path:
        """Where a stored file lies. Raises NotFound when there is none."""
        if not _SHA256.fullmatch(sha256):
            raise NotFound("There is no such file.")
        place = self._place(sha256)
        if not place.is_file():
            raise NotFound("The file behind this is no longer on this server.")
        return place

    def content(self, sha256: str) -> bytes:
        """What a stored file holds, known to be what was stored. Raises NotFound when there is none, Damaged when
        somebody or something has changed it since."""
        found = self.path(sha256).read_bytes()
        if hashlib.sha256(found).hexdigest() != sha256:
            raise damaged("file behind this")
        return found

    def size(self, sha256: str) -> int:
        """Bytes of a stored file."""
        return self.path(sha256).stat().st_size

    def used(self) -> set[str]:
        """The hashes that some row refers to."""
        return {row[0] for row in self._database.read().execute(_USED) if row[0]}

    def knows(self, sha256: str) -> bool:
        """Whether this database has stored this file."""
        query = "SELECT 1 FROM files WHERE sha256 = ?"
        return self._database.read().execute(query, (sha256,)).fetchone() is not None

    def strays(self) -> Strays:
        """The files that this database does not know to have stored."""
        known = {row[0] for row in self._database.read().execute("SELECT sha256 FROM files")}
        strays = [path for path in self._root.glob("??/*") if name_of(path) not in known]
        return Strays(tuple(map(name_of, strays)), sum(path.stat().st_size for path in strays))

    def set_aside(self, sha256: str, folder: Path) -> None:
        """Move a file out of the way, to be found under its hash."""
        folder.mkdir(mode=0o700, exist_ok=True)
        os.replace(self.path(sha256), folder / sha256)

    def remove_unused(self, older_than: float) -> int:
        """Delete files that this database has stored before `older_than` and to which nothing refers any more; returns
        how many. What is on its way or can be made again goes as well when it is as old."""
        self._remove_old(self._temporary, older_than)
        self._remove_old(self._cache, older_than)
        unused = f"sha256 NOT IN (SELECT sha256 FROM ({_USED}) WHERE sha256 IS NOT NULL)"
        query = f"SELECT sha256, modified_at FROM files WHERE {unused}"
        if self._database.read().execute(f"{query} AND ifnull(modified_at, 0) < ?", (older_than,)).fetchone() is None:
            return 0
        removed = 0
        # Nobody stores the same content meanwhile, or begins to refer to it.
        with self._database.write() as connection:
            for sha256, modified_at in connection.execute(query).fetchall():
                place = self._place(sha256)
                found = place.stat().st_mtime if place.exists() else None
                if found is not None and found >= older_than:
                    continue
                if found is not None and (modified_at is None or abs(found - modified_at) < _SAME_SECONDS):
                    place.unlink()
                    removed += 1
                # Written at another time than it was stored by this database, it is none of its files any more.
                connection.execute("DELETE FROM files WHERE sha256 = ?", (sha256,))
        return removed

    def remove_temporary(self) -> None:
        """Delete all that was on its way: at the start of a server nothing is."""
        self._remove_old(self._temporary, math.inf)

    def _remove_old(self, folder: Path, older_than: float) -> None:
        for path in folder.iterdir():
            if _changed_at(path) >= older_than:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:]


def _note(connection: sqlite3.Connection, sha256: str, place: Path) -> None:
    # Young, so that the housekeeping leaves it to whoever is about to refer to it.
    os.utime(place)
    connection.execute(
        "INSERT INTO files (sha256, modified_at) VALUES (?, ?)"
        " ON CONFLICT (sha256) DO UPDATE SET modified_at = excluded.modified_at",
        (sha256, place.stat().st_mtime),
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
