"""What a confined process is started with, and what it must not have from who started it: secrets in its environment,
connections, open files."""

import contextlib
import os
import time
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


def keep_times_of_files() -> None:
    """Have Python set no times of files: Landlock does not look at them, so nobody may set any, also not of what is
    open, which may be what is read. xlsxwriter does so with each part of a workbook, for the archive that it puts them
    into, which is told instead."""
    told: dict[str, float] = {}

    def utime(path: Any, times: Any = None, **_: Any) -> None:
        # Of one that is not there it fails as ever: `Path.touch` makes it then.
        os.stat(path)  # noqa: PTH116 - or a descriptor
        if times is not None and not isinstance(path, int):
            if not told:
                _tell_archives(told)
            told[os.fspath(path)] = times[1]

    os.utime = utime


def _tell_archives(times: Mapping[str, float]) -> None:
    # What sets no times needs none of it.
    import zipfile

    from_file = zipfile.ZipInfo.from_file

    def with_time(filename: Any, *given: Any, **named: Any) -> zipfile.ZipInfo:
        info = from_file(filename, *given, **named)
        if (seconds := times.get(os.fspath(filename))) is not None:
            info.date_time = time.localtime(seconds)[:6]
        return info

    zipfile.ZipInfo.from_file = with_time  # type: ignore[method-assign]


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
