"""Reading a file as the server does, with what it took."""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from flowml.data.child import Child
from flowml.domain.errors import FlowMLError
from flowml.services.tables import FORKSERVER

_EVERY_SECONDS = 0.005


@dataclass(frozen=True)
class Measured:
    """`error` is the name of what was raised, None when the file was read; the peak is that of the child process."""

    error: str | None
    detail: str | None
    hint: str | None
    seconds: float
    peak_bytes: int


class _Peak:
    """The most memory that a process has held so far, asked for again and again while it runs."""

    def __init__(self, pid: int):
        self.bytes = 0
        self._status = Path(f"/proc/{pid}/status")
        self._over = Event()
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(_EVERY_SECONDS):
            with contextlib.suppress(OSError, StopIteration):
                lines = self._status.read_text().splitlines()
                line = next(line for line in lines if line.startswith("VmHWM"))
                self.bytes = max(self.bytes, int(line.split()[1]) * 1024)

    def end(self) -> int:
        self._over.set()
        self._thread.join()
        return self.bytes


def import_measured(path: Path, filename: str, options: dict[str, Any] | None = None) -> Measured:
    """Read the file in a child process."""
    folder = path.parent / "imported"
    folder.mkdir()
    request = {
        "path": str(path),
        "filename": filename,
        "options": options or {},
        "table": str(folder / "table"),
        "scratch": str(folder),
        "max_rows": 20_000_000,
        "max_columns": 20_000,
    }
    started = time.monotonic()
    error = detail = hint = None
    with Child(starter=FORKSERVER.start) as process:
        peak = _Peak(process.pid)
        try:
            process.perform("import", request, timeout_seconds=60, memory_bytes=8 << 30)
        except FlowMLError as raised:
            error, detail, hint = type(raised).__name__, raised.detail, raised.hint
        finally:
            peak_bytes = peak.end()
    return Measured(error, detail, hint, time.monotonic() - started, peak_bytes)
