"""The rooms of ARCHITECTURE.md: who may import whom, which library lives where, and what start-up may cost."""

import ast
import itertools
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "flowml"

# room → rooms it may import, besides itself. Files beside the rooms (cli, server) wire everything.
ROOMS = {
    "domain": set(),
    "machine": {"domain"},
    "data": {"domain", "machine"},
    "automl": {"domain", "machine", "data"},
    "library": {"domain", "machine", "data", "automl"},
    "assistant": {"domain", "machine", "data"},
    "store": {"domain"},
    "training": {"domain", "machine", "data", "automl"},
    "worker": {"domain", "machine", "data", "automl", "training", "assistant"},
    "services": {"domain", "machine", "data", "automl", "assistant", "store", "training"},
    "web": {"domain", "services"},
}
WIRING = {"__init__", "__main__", "children", "cli", "server"}

# library → the rooms that may import it, and why it is there. "wiring" is the files beside the rooms.
LIBRARIES = {
    "annotated_types": ({"web"}, "what a broken schema rule is called"),
    "backports": ({"data"}, "Zstandard for Pythons before 3.14"),
    "anyio": ({"web"}, "files and threads beside the event loop"),
    "catboost": ({"automl"}, "one of the algorithms"),
    "compression": ({"data"}, "Zstandard in Python 3.14 and later"),
    "defusedxml": ({"data"}, "XML from outside, without entities"),
    "distributed": ({"worker"}, "Dask clusters; not installed with FlowML"),
    "fastexcel": ({"data"}, "reads XLSX, XLS, XLSB and ODS"),
    "httpx": ({"worker", "assistant"}, "a worker's way to its server, and the server's to a language model"),
    "huey": ({"training", "wiring"}, "the queue of local work"),
    "icalendar": ({"data"}, "knows the time zones of Windows"),
    "jinja2": ({"web"}, "pages"),
    "joblib": ({"automl", "library"}, "the export that scikit-learn users know"),
    "lightgbm": ({"automl"}, "one of the algorithms"),
    "markupsafe": ({"web"}, "escaping in pages"),
    "multipart": ({"web"}, "parses uploads"),
    "numpy": ({"data", "automl", "library", "training", "services"}, "matrices and predictions"),
    "ofxtools": ({"data"}, "knows the elements of bank statements"),
    "olefile": ({"data"}, "the streams of XLS workbooks"),
    "optuna": ({"automl"}, "the search within one family"),
    "pandas": ({"automl", "library"}, "what catboost and scikit-learn users pass in"),
    "polars": ({"assistant", "data", "automl", "library", "training", "services", "wiring"}, "tables"),
    "psutil": ({"machine", "services"}, "memory and processors of this machine"),
    "pydantic": ({"services", "web", "worker", "wiring"}, "settings, and the schemas of requests and answers"),
    "pydantic_core": ({"web"}, "writes JSON, and names what is wrong in a request"),
    "pydantic_settings": ({"services"}, "settings from the environment"),
    "pynvml": ({"machine"}, "GPUs of this machine"),
    "pyorc": ({"data"}, "reads ORC"),
    "python_multipart": ({"web"}, "parses uploads"),
    "ray": ({"worker"}, "Ray clusters; not installed with FlowML"),
    "scipy": ({"data", "automl", "library"}, "sparse matrices and statistics"),
    "sklearn": ({"automl", "library"}, "algorithms, and what makes their features"),
    "sqlite3": (
        {"store", "data", "machine", "automl"},
        "the tables of this server, databases that people upload, and trying a model that was written as a query",
    ),
    "starlette": ({"web", "wiring"}, "HTTP"),
    "threadpoolctl": ({"automl", "library", "training"}, "holds a fit to its threads"),
    "uvicorn": ({"web", "wiring"}, "serves HTTP"),
    "uvloop": ({"web"}, "a faster event loop"),
    "whitenoise": ({"web"}, "static files"),
    "xgboost": ({"automl"}, "one of the algorithms"),
    "xlsxwriter": ({"data"}, "writes XLSX"),
    "yaml": ({"data"}, "reads YAML"),
}

# Loading these takes seconds and hundreds of megabytes; the serving process never does at start-up.
HEAVY = ("catboost", "lightgbm", "numpy", "optuna", "pandas", "polars", "scipy", "sklearn", "xgboost")

LONGEST_MODULE = 700
MOST_FILES_IN_A_FOLDER = 25

MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 and parts[0] not in WIRING else "wiring"


@dataclass(frozen=True)
class Source:
    """What the tests look at in a file, so that each is parsed once."""

    imports: tuple[ast.Import | ast.ImportFrom, ...]
    docstring: str | None
    n_lines: int


@cache
def source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = tuple(node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))
    return Source(found, ast.get_docstring(tree), len(text.splitlines()))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a file imports, wherever in it."""
    for node in source(path).imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        else:
            assert node.level == 0, f"{path.relative_to(ROOT)}:{node.lineno}: a relative import"
            assert node.module is not None
            yield node.lineno, node.module
            # `from flowml import data` names a room only in what it takes.
            if node.module == "flowml":
                yield from ((node.lineno, f"flowml.{alias.name}") for alias in node.names)


def test_each_room_imports_only_the_rooms_it_may() -> None:
    breaches = []
    for path in MODULES:
        room = room_of(path)
        if room == "wiring":
            continue
        for line, name in imports(path):
            if not name.startswith("flowml."):
                continue
            other = name.split(".")[1]
            if other != room and other not in ROOMS[room] and other != "__version__":
                breaches.append(f"{path.relative_to(ROOT)}:{line}: {room} may not import {name}")
    assert not breaches, "\n".join(breaches)


@cache
def imported_modules() -> dict[str, set[str]]:
    """Of each module the others that it imports, wherever: in a function, or for types alone."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in MODULES
    }
    needs: dict[str, set[str]] = {}
    for name, path in modules.items():
        taken = [node for node in source(path).imports if isinstance(node, ast.ImportFrom)]
        named = {(str(node.module), f"{node.module}.{alias.name}") for node in taken for alias in node.names}
        wanted = {longer if longer in modules else shorter for shorter, longer in named} - {name, "flowml"}
        needs[name] = wanted & set(modules)
    return needs


def assert_nothing_goes_round(needs: Mapping[str, Collection[str]]) -> None:
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in sorted(needs.get(name, ())):
                visit(other, (*way, name))
            done.add(name)

    for name in needs:
        visit(name, ())


def test_no_module_imports_itself_by_way_of_others() -> None:
    """What goes round has no order to be read in."""
    assert_nothing_goes_round(imported_modules())


def test_no_folder_imports_itself_by_way_of_those_beside_it() -> None:
    beside: dict[str, set[str]] = {}
    for name, others in imported_modules().items():
        for other in others:
            ways = zip(name.split(".")[:-1], other.split(".")[:-1], strict=False)
            common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], ways))
            here, there = (".".join(path.split(".")[: common + 1]) for path in (name, other))
            if name != here and other != there:
                beside.setdefault(here, set()).add(there)
    assert "flowml.data.delimited.outline" in beside["flowml.data.delimited.rows"]
    assert_nothing_goes_round(beside)


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    counts = Counter(path.parent.relative_to(ROOT) for path in MODULES)
    full = {str(folder): count for folder, count in counts.items() if count > MOST_FILES_IN_A_FOLDER}
    assert not full, f"more than {MOST_FILES_IN_A_FOLDER} files: {full}"


def test_each_library_is_used_only_in_its_room() -> None:
    breaches = []
    for path in MODULES:
        room = room_of(path)
        for line, name in imports(path):
            library = name.partition(".")[0]
            if library == "flowml" or (library in sys.stdlib_module_names and library not in LIBRARIES):
                continue
            rooms, reason = LIBRARIES.get(library, (set(), "not in the table"))
            if room not in rooms:
                breaches.append(f"{path.relative_to(ROOT)}:{line}: {library} ({reason}) may not be imported in {room}")
    assert not breaches, "\n".join(breaches)


def test_only_the_known_rooms_exist() -> None:
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"} == {*ROOMS, "cli"}
    assert {path.stem for path in PACKAGE.glob("*.py")} <= WIRING


@pytest.mark.parametrize(
    "start", ["import flowml.cli", "import flowml.server, flowml.web.application", "import flowml"]
)
def test_start_up_loads_nothing_heavy(start: str) -> None:
    program = f"import sys; {start}; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    loaded = set(result.stdout.split())
    assert not loaded & set(HEAVY), f"`{start}` loads {sorted(loaded & set(HEAVY))}"


def test_no_command_waits_for_what_others_import() -> None:
    program = "import sys; from flowml.cli import build_parser; build_parser(); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    commands = {name for name in result.stdout.split() if name.startswith("flowml.cli.")}
    assert commands == {"flowml.cli.parser", "flowml.cli.started"}


def test_what_is_compiled_into_the_zipapp_is_there() -> None:
    listed = tomllib.loads((ROOT / "shiv.toml").read_text(encoding="utf-8"))["bytecode"]["modules"]
    assert listed
    known = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in MODULES}
    assert set(listed) <= known


def test_modules_say_what_they_are_and_stay_readable() -> None:
    silent = [path for path in MODULES if path.stat().st_size and not source(path).docstring]
    assert not silent, f"without a docstring: {[str(path.relative_to(ROOT)) for path in silent]}"
    giants = {path: lines for path in MODULES if (lines := source(path).n_lines) > LONGEST_MODULE}
    assert not giants, f"longer than {LONGEST_MODULE} lines, so usually two ideas: {giants}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import numpy.linalg", ["numpy.linalg"]),
        ("def fit():\n    from sklearn.svm import SVC", ["sklearn.svm"]),
        ("from flowml import store", ["flowml", "flowml.store"]),
    ],
)
def test_imports_are_found_wherever_they_stand(tmp_path: Path, source: str, expected: list[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert [name for _, name in imports(path)] == expected
