"""What is wrong with a model file is said in words, before anything of it is believed."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flowml.automl.model import modelfile
from flowml.domain.errors import InvalidInput
from tests.automl.model.test_modelfile import rehash

FILE = Path(__file__).parent / "model_files" / f"version-{modelfile.FORMAT}-classes.flowml"
Entries = dict[str, bytes]


def written(entries: list[tuple[str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return buffer.getvalue()


def entries() -> Entries:
    with zipfile.ZipFile(FILE) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def refused(content: bytes, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason) as problem:
        modelfile.read_bytes(content, "m.flowml")
    # In words, and none of Python's own.
    assert "Error" not in problem.value.detail and "Traceback" not in problem.value.detail


def manifest(found: Entries) -> Any:
    return json.loads(found["manifest.json"])


def _array(found: Entries, part: str) -> str:
    return next(name for name in found if name.endswith(f"/{part}.npy"))


def _blob(found: Entries) -> str:
    return next(name for name in found if name.endswith(".bin"))


def _other_bytes(found: Entries) -> None:
    found[_blob(found)] += b"\n"


def _nan(found: Entries) -> None:
    array = np.load(io.BytesIO(found[_array(found, "coefficients")]))
    array[0] = np.nan
    file = io.BytesIO()
    np.save(file, array)
    found[_array(found, "coefficients")] = file.getvalue()
    rehash(found)


def _huge(found: Entries) -> None:
    name = _array(found, "coefficients")
    found[name] = found[name].replace(b"'shape': (", b"'shape': (9", 1).replace(b" \n", b"\n", 1)
    rehash(found)


def _circle(found: Entries) -> None:
    lines = found[_blob(found)].decode().split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("left_child=") and " " in line)
    lines[at] = "left_child=" + " ".join("0" for _ in lines[at].split())
    found[_blob(found)] = "\n".join(lines).encode()
    rehash(found)


def _wide(found: Entries) -> None:
    """A split on codes, of which it names as many as there can be no column of; each takes room in what is made of
    trees, and little in a file."""
    lines = found[_blob(found)].decode().split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("cat_threshold="))
    words = lines[at].removeprefix("cat_threshold=").split()
    lines[at] = "cat_threshold=" + " ".join([*words, *["4294967295"] * 700])
    bounds = lines[at - 1].split()
    lines[at - 1] = " ".join([*bounds[:-1], str(len(words) + 700)])
    found[_blob(found)] = "\n".join(lines).encode()
    rehash(found)


def _no_booster(found: Entries) -> None:
    found[_blob(found)] = b"tree\nversion=v4\n"
    rehash(found)


def _twice(found: Entries) -> None:
    found["manifest.json"] = found["manifest.json"].replace(b'{"format":', b'{"format":1,"format":', 1)


def _no_number(found: Entries) -> None:
    found["manifest.json"] = found["manifest.json"].replace(b'"temperature":0.8', b'"temperature":NaN', 1)


def _more(found: Entries) -> None:
    found["parts/9-9/more.npy"] = b"?"


def _less(found: Entries) -> None:
    del found[_blob(found)]


def _no_manifest(found: Entries) -> None:
    del found["manifest.json"]


def _no_json(found: Entries) -> None:
    found["manifest.json"] = b"\xff\xfe{"


def _deep(found: Entries) -> None:
    found["manifest.json"] = b"[" * 100_000


def _no_hashes(found: Entries) -> None:
    found["manifest.json"] = found["manifest.json"].replace(b'"entries":{', b'"others":{', 1)


def _no_members(found: Entries) -> None:
    document = manifest(found)
    del document["members"]
    found["manifest.json"] = json.dumps(document).encode()


def _no_version(found: Entries) -> None:
    found["manifest.json"] = b'["format"]'


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_other_bytes, r"the content of “parts/.*bin” is not what its description says \(another hash\)"),
        (_nan, "“coefficients” of linear holds a value that is not a number"),
        (_huge, r"“parts/.*coefficients\.npy” is not as large as its header says"),
        (_circle, "one of its LightGBM trees is not a tree"),
        (_wide, "one of its LightGBM trees asks for a category that no column has"),
        (_no_booster, "its LightGBM part"),
        (_twice, "its description says twice what “format” is"),
        (_no_number, "its description holds NaN, which is no number"),
        (_more, "its description knows nothing of the entry “parts/9-9/more.npy”"),
        (_less, r"it lacks the entry “parts/.*bin”"),
        (_no_manifest, r"it has no manifest\.json"),
        (_no_json, "its description is no JSON"),
        (_deep, "its description is nested deeper"),
        (_no_hashes, "its description does not say which entries it has"),
        (_no_members, "its description lacks, or this version does not know, “members”"),
        (_no_version, "its description does not say of which version it is"),
    ],
)
def test_the_reason_is_said(change: Callable[[Entries], None], reason: str) -> None:
    found = entries()
    change(found)
    refused(written(list(found.items())), reason)


@pytest.mark.parametrize(
    "name", ["../../outside.npy", "/etc/passwd", "a\\b.npy", "parts/../x.npy", ".hidden", "a//b", ""]
)
def test_names_that_lead_elsewhere(name: str) -> None:
    refused(written([*entries().items(), (name or "x/", b"?")]), "an entry of a name that FlowML never gives")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_a_name() -> None:
    found = list(entries().items())
    refused(written([*found, found[0]]), "two entries of the name")


def test_no_zip_and_a_broken_one() -> None:
    whole = FILE.read_bytes()
    refused(b"PK" + bytes(500), "it is no zip archive")
    refused(whole[:-30] + whole[-29:], "it is no zip archive|does not fit together|cannot be unpacked")
    # A pickle is none of ours, whatever its name.
    refused(b"\x80\x04cos\nsystem\n(S'true'\ntR.", "it is no zip archive")
    at = whole.index(b"PK\x01\x02") // 2
    flipped = bytearray(whole)
    flipped[at] ^= 0xFF
    refused(
        bytes(flipped), "does not fit its checksum|cannot be unpacked|is not what its description says|no zip archive"
    )


def test_reading_takes_neither_server_nor_what_the_model_does_not_use() -> None:
    code = (
        "import sys; from flowml import load_model; "
        f"load_model({str(FILE.with_name(f'version-{modelfile.FORMAT}-recipe.flowml'))!r}); "
        "print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    loaded = set(run.stdout.split())
    assert not loaded & {"starlette", "uvicorn", "huey", "pydantic", "optuna", "sklearn", "joblib"}
    assert not loaded & {"lightgbm", "xgboost", "catboost", "torch"}
