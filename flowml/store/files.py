"""Big bytes: files in the home folder named by the SHA-256 of their content.

The same content is stored once; a file is complete or not there, because it is renamed into place.
"""

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path

from flowml.domain.errors import NotFound
from flowml.domain.stored import damaged, hash_file

_SHA256 = re.compile(r"[0-9a-f]{64}")


def name_of(path: Path) -> str:
    """The hash by which a stored file is known."""
    return path.parent.name + path.name


class Files:
    """Content-addressed files below one folder; beside it, files on their way, and files that can be made again."""

    def __init__(self, root: Path, temporary: Path, cache: Path):
        self._root = root
        self._temporary = temporary
        self._cache = cache
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
        os.replace(path, target)
        return sha256

    def put_bytes(self, content: bytes) -> str:
        """Store bytes; returns their hash."""
        sha256 = hashlib.sha256(content).hexdigest()
        target = self._place(sha256)
        try:
            # Young again, so that the housekeeping leaves it to whoever is about to refer to it.
            os.utime(target)
        except FileNotFoundError:
            temporary = self.new_temp()
            temporary.write_bytes(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary, target)
        return sha256

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

    def remove_unused(self, used: set[str], older_than: float) -> int:
        """Delete files that nothing refers to and that were last written before `older_than`; returns how many."""
        removed = 0
        for path in self._root.glob("??/*"):
            sha256 = name_of(path)
            if sha256 not in used and path.stat().st_mtime < older_than:
                path.unlink(missing_ok=True)
                removed += 1
        for path in (*self._temporary.iterdir(), *self._cache.iterdir()):
            if path.stat().st_mtime >= older_than:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        return removed

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:]
