"""What Python and its libraries read by themselves, whatever they work on: modules that are imported late, libraries of
the system, time zones, and how large this machine is."""

import os
import site
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]
_OF_PACKAGES = ("site-packages", "dist-packages")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/etc/ld.so.cache")
_ZONES = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo", "/etc/localtime")
_MACHINE = (
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
    "/sys/fs/cgroup",
    "/sys/kernel/mm/transparent_hugepage",
    # Its own, and nobody else's.
    "/proc/self",
)
_DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")
WRITABLE = (Path(os.devnull), Path("/proc/self/autogroup"))
"""Where nothing is kept, and how nice its session is."""


@cache
def of_python() -> tuple[Path, ...]:
    """Files and folders that may be read."""
    return tuple(dict.fromkeys(path for path in _found() if path != Path(path.anchor)))


def _found() -> Iterator[Path]:
    yield _PACKAGE
    paths = sysconfig.get_paths()
    yield from (Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    yield from (Path(prefix) / "lib" for prefix in (sys.base_prefix, sys.base_exec_prefix))
    yield from map(Path, site.getsitepackages())
    # A folder of modules, and not one of somebody's work that happens to be on the path.
    yield from (Path(entry) for entry in sys.path if Path(entry).name in _OF_PACKAGES or entry.endswith(".zip"))
    zones = os.environ.get("PYTHONTZPATH", "").split(os.pathsep)
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    yield from (Path(entry) for entry in (*zones, *libraries) if Path(entry).is_absolute())
    yield from map(Path, (*_LIBRARIES, *_ZONES, *_MACHINE, *_DEVICES))
