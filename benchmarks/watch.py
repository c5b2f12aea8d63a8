"""Run a command and watch what it takes."""

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Watched:
    """`wall_seconds` from process start to end; `peak_bytes` resident, summed over the process and its children."""

    output: str
    wall_seconds: float
    peak_bytes: int


def run_watched(
    command: Sequence[str], *, limit_seconds: float, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Watched:
    """Raises RuntimeError with the last lines when it fails or takes longer than the limit."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.monotonic()
        child = psutil.Popen(list(command), stdout=output, stderr=errors, stdin=subprocess.DEVNULL, cwd=cwd, env=env)
        peak = 0
        while child.poll() is None:
            peak = max(peak, _resident(child))
            if time.monotonic() - started > limit_seconds:
                for one in [*child.children(recursive=True), child]:
                    one.kill()
                raise RuntimeError(f"not done after {limit_seconds:g} s: {' '.join(command[:4])}")
            time.sleep(POLL_SECONDS)
        wall = time.monotonic() - started
        output.seek(0)
        errors.seek(0)
        if child.returncode:
            raise RuntimeError(errors.read()[-1500:].strip())
        return Watched(output.read(), wall, peak)


def _resident(process: psutil.Process) -> int:
    total = 0
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.Error:
        return 0
    for one in family:
        try:
            total += one.memory_info().rss
        except psutil.Error:
            continue
    return total
