"""Runs inside flowml.pyz before anything of FlowML is imported: refuses a Python that the file was not built for, and
removes what earlier builds unpacked.

shiv gives `site_packages`, the folder that this build was unpacked into: ~/.shiv/<name>_<build>/site-packages.
"""

import contextlib
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

unpacked = Path(globals()["site_packages"])


def refuse_wrong_python(built: dict[str, str]) -> None:
    """The compiled libraries inside are for one version of Python and one kind of machine."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    platform = sysconfig.get_platform()
    if (python, platform) != (built["python"], built["platform"]):
        raise SystemExit(
            f"flowml: this file was built for Python {built['python']} on {built['platform']}, and this is "
            f"Python {python} on {platform}. Start it with that Python, or build it here with `make pyz`."
        )


def remove_older_builds(own: Path) -> None:
    """Each running FlowML holds a shared lock on its own folder; a folder that nobody holds is removed."""
    import fcntl

    holder = os.open(own / ".in-use", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(holder, fcntl.LOCK_SH)  # held, by keeping it open, until this process ends
    name = own.name.rpartition("_")[0]
    for other in own.parent.glob(f"{name}_*"):
        if other == own or not (other / ".in-use").is_file():
            continue
        lock = os.open(other / ".in-use", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # First out of the way, so that a start of that build unpacks it anew instead of meeting half of it.
            away = other.with_name(f".{other.name}.removed-{os.getpid()}")
            other.rename(away)
            shutil.rmtree(away, ignore_errors=True)
        finally:
            os.close(lock)


refuse_wrong_python(json.loads((unpacked / "flowml_build.json").read_text(encoding="utf-8")))
# Tidying is a courtesy: no file locks here, or a folder of another user, must never keep FlowML from starting.
with contextlib.suppress(ImportError, OSError):
    remove_older_builds(unpacked.parent)
