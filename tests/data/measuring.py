"""Reading a file as the server does, with what it took."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = """
import json, resource, sys, time
from flowml.data.child import Child
from flowml.domain.errors import FlowMLError
request = json.load(sys.stdin)
started = time.monotonic()
try:
    with Child() as process:
        process.perform("import", request, timeout_seconds=60, memory_bytes=8 << 30)
    error = detail = hint = None
except FlowMLError as raised:
    error, detail, hint = type(raised).__name__, raised.detail, raised.hint
print(json.dumps({
    "error": error, "detail": detail, "hint": hint, "seconds": time.monotonic() - started,
    "peak_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
}))
"""


@dataclass(frozen=True)
class Measured:
    """`error` is the name of what was raised, None when the file was read; the peak is that of the child process."""

    error: str | None
    detail: str | None
    hint: str | None
    seconds: float
    peak_bytes: int


def import_measured(path: Path, filename: str, options: dict[str, Any] | None = None) -> Measured:
    """Read the file in a child of a fresh process, whose only child it is."""
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
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], input=json.dumps(request), capture_output=True, text=True, check=True
    )
    return Measured(**json.loads(done.stdout))
