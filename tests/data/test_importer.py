"""The child process answers, whatever the file does to it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flowml
from flowml.data import child
from flowml.data.profiling.profile import profile
from flowml.domain.errors import InvalidInput, NotReady, TooLarge, UnreadableFile, UnsupportedFormat


def request(folder: Path, content: bytes, filename: str = "t.csv", **changes: Any) -> dict[str, Any]:
    path = folder / "upload"
    path.write_bytes(content)
    (folder / "scratch").mkdir()
    return {
        "path": str(path),
        "filename": filename,
        "options": {},
        "table": str(folder / "table"),
        "scratch": str(folder / "scratch"),
        "max_rows": 1000,
        "max_columns": 50,
        **changes,
    }


def run(wanted: dict[str, Any], timeout_seconds: float = 60, memory_bytes: int = 4 << 30) -> Any:
    with child.Child() as process:
        answer = process.perform("import", wanted, timeout_seconds=timeout_seconds, memory_bytes=memory_bytes)
    return child.ingested(answer)


def test_it_answers_what_the_table_is(tmp_path: Path) -> None:
    found = run(request(tmp_path, "id,größe\n1,ä\n2,\n".encode()))
    stored = pl.read_parquet(tmp_path / "table")
    assert stored.to_dict(as_series=False) == {"id": [1, 2], "größe": ["ä", None]}
    assert (found.format, found.n_rows, found.remarks) == ("csv", 2, ())
    assert (found.columns, found.stats) == (profile(stored).columns, profile(stored).stats)
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("content", "changes", "error"),
    [
        (b"", {}, UnreadableFile),
        (b"PAR1 not really", {}, UnreadableFile),
        (b"%PDF-1.4", {}, UnsupportedFormat),
        (b"a,b\n1,2\n" * 600, {"max_rows": 1000}, TooLarge),
        (b"a,b\n1,2\n", {"options": {"encoding": "nope"}}, InvalidInput),
        (b"a,b\n1,2\n", {"table": "/nonexistent/folder/table"}, NotReady),
    ],
)
def test_what_it_refuses_arrives_as_the_same_error(
    tmp_path: Path, content: bytes, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        run(request(tmp_path, content, **changes))
    assert raised.type is error
    if changes.get("options"):
        assert isinstance(raised.value, InvalidInput)
        assert raised.value.fields[0].field == "options.encoding"


def test_too_slow_and_too_hungry_are_stopped(tmp_path: Path) -> None:
    wanted = request(tmp_path, b"a,b\n1,2\n")
    started = time.monotonic()
    with pytest.raises(UnreadableFile, match=r"longer than 0\.05 seconds"):
        run(wanted, timeout_seconds=0.05)
    with pytest.raises(TooLarge, match="memory"):
        run(wanted, memory_bytes=20 << 20)
    assert time.monotonic() - started < 30


def test_a_crash_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UnreadableFile, match="crash"):
        run(request(tmp_path, b"a,b\n1,2\n"))


def test_it_needs_no_installation_only_the_package_folder(tmp_path: Path) -> None:
    """As inside the zipapp: nothing but PYTHONPATH says where the packages are; the working folder is not one."""
    wanted = request(tmp_path, b"a,b\n1,2\n3,4\n")
    (tmp_path / "polars.py").write_text("raise SystemExit('imported from the working folder')")
    paths = [str(Path(flowml.__path__[0]).parent), *(entry for entry in sys.path if entry.endswith("site-packages"))]
    result = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "flowml.data.tasks"],
        input=json.dumps({"task": "import", **wanted}),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)["n_rows"] == 2


def test_it_loads_no_engine(tmp_path: Path) -> None:
    program = (
        "import json, sys; from flowml.data.importer import import_table; "
        f"import_table(json.loads({json.dumps(json.dumps(request(tmp_path, b'a,b' + bytes([10]) + b'1,x')))})); "
        "print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "polars" in loaded
    assert not {"sklearn", "scipy", "pandas", "fastexcel", "starlette", "pydantic", "optuna"} & set(loaded)
