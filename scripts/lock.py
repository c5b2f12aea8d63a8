"""Writes the hash-locked requirements files from pyproject.toml, for every platform and Python it supports.

    python scripts/lock.py             keeps the locked versions where they still fit
    python scripts/lock.py --upgrade   takes the newest that pyproject.toml allows

Needs uv on the PATH or beside this interpreter. The files are installed with `pip install --no-deps
--require-hashes`: they are complete, and hold no address.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ROOT / "requirements.txt"

# file → arguments of uv. The runtime comes first: the others are held to its versions.
FILES = {
    "requirements.txt": ["pyproject.toml"],
    "requirements-gpu.txt": ["pyproject.toml", "--constraints", "requirements.txt"],
    "requirements-build.txt": ["--group", "build", "--constraints", "requirements.txt"],
    "requirements-node.txt": ["--group", "node"],
    "requirements-test.txt": ["--group", "test", "--constraints", "requirements.txt"],
    "requirements-engines.txt": [
        *("--group", "engines", "--constraints", "requirements.txt", "--constraints", "requirements-test.txt")
    ],
    "requirements-bench.txt": [
        *("--group", "bench", "--constraints", "requirements.txt", "--constraints", "requirements-test.txt")
    ],
}


def uv() -> str:
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.exists() else shutil.which("uv")
    if not found:
        raise SystemExit("scripts/lock.py needs uv: python -m pip install uv")
    return found


def compile_file(name: str, arguments: list[str], *, upgrade: bool) -> None:
    """Resolve one file. Sources and addresses of the environment are used and never written."""
    command = [
        *(uv(), "pip", "compile", *arguments, "--output-file", name, "--universal", "--python-version", "3.11"),
        *("--fork-strategy", "fewest"),
        *("--generate-hashes", "--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header"),
        *("--no-strip-markers", "--quiet"),
    ]
    with tempfile.TemporaryDirectory() as folder:
        if name == "requirements-gpu.txt":
            overrides = Path(folder) / "overrides.txt"
            overrides.write_text("xgboost>=3.2,<3.3\n")
            excludes = Path(folder) / "excludes.txt"
            excludes.write_text("xgboost-cpu\n")
            command += ["--overrides", str(overrides), "--excludes", str(excludes)]
        if upgrade:
            command.append("--upgrade")
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "UV_NO_PROGRESS": "1"})
    print(f"{name}: {sum(line[:1].isalnum() for line in (ROOT / name).read_text().splitlines())} packages")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that pyproject.toml allows")
    upgrade = parser.parse_args().upgrade
    for name, arguments in FILES.items():
        compile_file(name, arguments, upgrade=upgrade)


if __name__ == "__main__":
    main()
