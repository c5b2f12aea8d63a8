"""Builds dist/flowml.pyz, the whole product in one file, as shiv.toml says.

    python scripts/build_pyz.py                    with XGBoost's CUDA build
    python scripts/build_pyz.py --variant lean     for CPUs

Run by `make pyz` in an environment that has requirements-build.txt. The locked packages are staged once per lock file
and kept in build/; FlowML's own wheel is made anew each time. The same input gives the same bytes.
"""

import argparse
import fnmatch
import gzip
import hashlib
import importlib.util
import json
import os
import py_compile
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import brotli

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
# They say what pip did here and where, which is not true of the finished file.
UNTRUE = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}
# Formats that are compressed already gain nothing.
COMPRESS_SUFFIXES = {".css", ".csv", ".html", ".js", ".json", ".map", ".mjs", ".svg", ".txt", ".xml"}

LIST_LOADED = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    print(getattr(module, "__file__", None))
"""


def stage_packages(variant: dict[str, Any], strip: dict[str, list[str]], folder: Path) -> None:
    """Install the locked packages into `folder` and strip them, unless it holds exactly that already."""
    requirements = ROOT / variant["requirements"]
    recipe = json.dumps([requirements.read_text(), strip, sys.version, sysconfig.get_platform()], sort_keys=True)
    stamp = folder.with_suffix(".stamp")
    digest = hashlib.sha256(recipe.encode()).hexdigest()
    if folder.is_dir() and stamp.is_file() and stamp.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    stamp.unlink(missing_ok=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    locked = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)]
    subprocess.run([*pip, *locked, "--target", str(folder)], check=True)
    strip_packages(folder, strip)
    stamp.write_text(digest)


def strip_packages(folder: Path, strip: dict[str, list[str]]) -> None:
    """Remove what never runs: tests, sources of compiled parts, packages that nothing imports."""
    for pattern in strip["paths"]:
        for path in folder.glob(pattern):
            remove(path)
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        for name in [name for name in folders if name in strip["folders"]]:
            folders.remove(name)
            remove(here / name)
        for name in files:
            if Path(name).suffix in strip["suffixes"] or name in UNTRUE:
                (here / name).unlink()


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def build_wheel() -> Path:
    """FlowML's own wheel, with its pages inside."""
    folder = BUILD / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("flowml-*.whl"))


def add_flowml(wheel: Path, site: Path) -> None:
    """Unpack the wheel, compress its static files for browsers, and say what this build runs on."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not fnmatch.fnmatch(name, "*.dist-info/RECORD")]
        archive.extractall(site, names)
    for path in sorted((site / "flowml" / "_static").rglob("*")):
        if path.is_file() and path.suffix in COMPRESS_SUFFIXES:
            precompress(path)
    built = {
        "python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "platform": sysconfig.get_platform(),
        "wheel": wheel.name,
    }
    (site / "flowml_build.json").write_text(json.dumps(built), encoding="utf-8")


def precompress(path: Path) -> None:
    """Write the .gz and .br that WhiteNoise looks for, where they save something."""
    content = path.read_bytes()
    packed = {".gz": gzip.compress(content, 9, mtime=0), ".br": brotli.compress(content, quality=11)}
    for suffix, smaller in packed.items():
        if len(smaller) < 0.95 * len(content):
            path.with_name(path.name + suffix).write_bytes(smaller)


def call_shiv(zipapp: dict[str, str], site: Path, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [
        # The children that train are fresh interpreters: PYTHONPATH tells them where this one's packages are.
        *(sys.executable, "-m", "shiv", "--reproducible", "--compressed", "--extend-pythonpath"),
        *("--site-packages", str(site), "--entry-point", zipapp["entry_point"]),
        *("--python", zipapp["interpreter"], "--preamble", str(ROOT / zipapp["preamble"])),
        *("--output-file", str(output)),
    ]
    # Warnings off: shiv itself calls what newer Pythons deprecate, and nobody building FlowML can do anything about it.
    subprocess.run(command, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})


def add_bytecode(modules: list[str], site: Path, output: Path) -> None:
    """Put in the compiled form of what starting these modules loads.

    Without it a machine that writes no bytecode (PYTHONDONTWRITEBYTECODE, as in many containers) would compile
    everything at every start. It is read without a look at the source beside it, which nobody edits there.
    """
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-S", "-c", LIST_LOADED, *modules]
    loaded = subprocess.run(command, check=True, env=environment, cwd=site, stdout=subprocess.PIPE, text=True).stdout
    own = {str(path) for path in (site / "flowml").rglob("*.py")}
    sources = sorted(
        own | {path for path in loaded.splitlines() if path.startswith(f"{site}/") and path.endswith(".py")}
    )
    with zipfile.ZipFile(output, "a", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "module.pyc"
        for path in sources:
            name = Path(path).relative_to(site).as_posix()
            unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(path, str(compiled), dfile=name, doraise=True, invalidation_mode=unchecked)
            entry = zipfile.ZipInfo(f"site-packages/{importlib.util.cache_from_source(name)}")
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, compiled.read_bytes(), zipfile.ZIP_DEFLATED)


def main() -> None:
    settings = tomllib.loads((ROOT / "shiv.toml").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=sorted(settings["variants"]), default="full")
    parser.add_argument("--output", type=Path, help=f"default: {settings['zipapp']['output']}")
    arguments = parser.parse_args()
    variant = settings["variants"][arguments.variant]
    output = arguments.output or ROOT / settings["zipapp"]["output"]

    BUILD.mkdir(exist_ok=True)
    packages = BUILD / f"packages-{arguments.variant}"
    stage_packages(variant, settings["strip"], packages)
    site = BUILD / f"site-{arguments.variant}"
    shutil.rmtree(site, ignore_errors=True)
    # Hard links: the staged packages are a gigabyte, and nothing below writes to them.
    shutil.copytree(packages, site, copy_function=os.link)
    add_flowml(build_wheel(), site)
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    call_shiv(settings["zipapp"], site, unfinished)
    add_bytecode(settings["bytecode"]["modules"], site, unfinished)
    unfinished.rename(output)
    shutil.rmtree(site)

    megabytes = output.stat().st_size / 1e6
    print(f"{output}: {megabytes:.0f} MB ({arguments.variant}, at most {variant['max_megabytes']})")
    if megabytes > variant["max_megabytes"]:
        raise SystemExit(f"{output.name} is larger than shiv.toml allows")


if __name__ == "__main__":
    main()
