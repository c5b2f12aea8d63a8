"""What a confined process is started with, and what it must not have from who started it: secrets in its environment,
connections, open files."""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

_DESCRIPTORS = Path("/proc/self/fd")
_MOST_DESCRIPTORS = 65_536
_PLAIN = frozenset(
    (
        "PATH",
        "HOME",
        "LANG",
        "LANGUAGE",
        "TZ",
        "TMPDIR",
        "TEMP",
        "TMP",
        "SYSTEMROOT",
        "LD_LIBRARY_PATH",
        "DYLD_LIBRARY_PATH",
    )
)
_PLAIN_STARTS = (
    *("LC_", "PYTHON", "RUST_", "POLARS_", "TOKIO_", "RAYON_", "MALLOC_", "_RJEM_", "COVERAGE"),
    *("OMP_", "OPENBLAS_", "MKL_", "KMP_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_", "CUDA_", "NVIDIA_"),
)
_SECRET = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")


def plain(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment says how to run: no settings, and no secrets."""
    return {name: value for name, value in environment.items() if _is_plain(name)}


def _is_plain(name: str) -> bool:
    known = name in _PLAIN or name.startswith(_PLAIN_STARTS)
    return known and not any(word in name for word in _SECRET)


def forget_environment() -> None:
    """Have no settings and no secrets in the environment of this process."""
    for name in list(os.environ):
        if not _is_plain(name):
            del os.environ[name]
    # It would try to make a semaphore, and warn that it works alone: that is all it is to do here.
    os.environ["JOBLIB_MULTIPROCESSING"] = "0"


def touch_what_can_be_opened() -> None:
    """Have Python set the times of a file by opening it: Landlock does not look at times, so by a path nobody may set
    any. xlsxwriter does so with each part of a workbook."""
    if os.utime not in os.supports_fd:
        return
    by_descriptor = os.utime

    def utime(path: Any, times: Any = None, *, dir_fd: int | None = None, **given: Any) -> None:
        if isinstance(path, int):
            by_descriptor(path, times, **given)
            return
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=dir_fd)
        try:
            given.pop("follow_symlinks", None)
            by_descriptor(file, times, **given)
        finally:
            os.close(file)

    os.utime = utime


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor but standard input, output and errors, and these."""
    stay = {0, 1, 2, *kept}
    try:
        found = {int(entry.name) for entry in _DESCRIPTORS.iterdir()}
    except OSError:
        found = set(range(_most()))
    for descriptor in found - stay:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _most() -> int:
    try:
        return min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS)
    except (AttributeError, OSError, ValueError):
        return _MOST_DESCRIPTORS
