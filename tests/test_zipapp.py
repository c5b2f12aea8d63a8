"""The built zipapp, alone: copied into an empty folder, with an empty home and nothing else of this checkout in sight.

FLOWML_PYZ names the file; FLOWML_PYZ_MEGABYTES may say how large it may be. `.ci/run` sets both.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyorc
import pytest

from benchmarks import tables
from benchmarks.server import Server

if sys.version_info >= (3, 14):
    from compression.zstd import compress
else:
    from backports.zstd import compress

pytestmark = pytest.mark.zipapp

ROOT = Path(__file__).resolve().parent.parent
TABLE = tables.passengers(600)
OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><BANKID>1<ACCTID>2<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20240102<TRNAMT>-3.50<FITID>x1<NAME>Bakery</STMTTRN></BANKTRANLIST>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
ICS = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:Lunch
DTSTART;TZID=W. Europe Standard Time:20240102T120000
END:VEVENT
END:VCALENDAR
"""
PASSENGER = {name: value for name, value in TABLE[0].items() if name != "Survived"}


class Alone:
    """The file in a folder of its own, and an environment that knows nothing of this checkout."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.pyz = Path(shutil.copy(os.environ["FLOWML_PYZ"], folder / "flowml.pyz"))
        home = folder / "home"
        home.mkdir()
        self.environment = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), "/usr/bin", "/bin"]),
        }
        self.table = tables.write_csv(TABLE, folder / "passengers.csv")

    def run(self, *arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(self.pyz), *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False
        )


@pytest.fixture(scope="module")
def alone() -> Iterator[Alone]:
    with tempfile.TemporaryDirectory(prefix="flowml-zipapp-") as name:
        yield Alone(Path(name))


def test_it_starts_by_itself_and_says_its_version(alone: Alone) -> None:
    assert os.access(alone.pyz, os.X_OK)
    result = alone.run("--version")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("flowml ")
    direct = subprocess.run([alone.pyz, "--version"], env=alone.environment, capture_output=True, text=True, check=True)
    assert direct.stdout == result.stdout


def test_a_file_becomes_predictions_without_a_server(alone: Alone) -> None:
    model = alone.folder / "model.flowml"
    arguments = ("train", alone.table, "--target", "Survived", "--budget", "10s", "--out", model, "--json")
    trained = alone.run(*arguments)
    assert trained.returncode == 0, trained.stderr
    assert json.loads(trained.stdout)["leaderboard"][0]["score"] > 0.65
    predicted = alone.run("predict", model, alone.table, "-o", alone.folder / "predicted.csv")
    assert predicted.returncode == 0, predicted.stderr
    header, first = (alone.folder / "predicted.csv").read_text().splitlines()[:2]
    assert header.endswith("prediction,probability_0,probability_1")
    assert first.split(",")[-3] in ("0", "1")


def test_the_server_takes_a_file_to_a_prediction(alone: Alone) -> None:
    home = alone.folder / "home" / "served"
    command = [sys.executable, str(alone.pyz)]
    with Server(home, command, folder=alone.folder, clean_environment=alone.environment) as server:
        page = server.request("GET", "/").decode()
        assert "FlowML" in page
        dataset = server.upload(alone.table)
        assert dataset["n_rows"] == len(TABLE)
        job = server.wait(server.train(dataset["id"], "Survived", 10)["id"], timeout=60)
        assert job["status"] == "completed", job
        answer = server.predict(job["id"], PASSENGER)
        assert answer["prediction"] in (0, 1, "0", "1")
        assert sum(answer["probabilities"].values()) == pytest.approx(1)
        family = server.family()
    assert not [process for process in family if process.is_running()]


def test_the_same_file_joins_a_server_and_trains(alone: Alone) -> None:
    home = alone.folder / "home" / "coordinating"
    made = alone.run("token", "create", "--kind", "worker", "--name", "far", "--home", home)
    assert made.returncode == 0, made.stderr
    command = [sys.executable, str(alone.pyz)]
    apart = {**alone.environment, "FLOWML_LOCAL_SLOTS": "0"}
    with Server(home, command, folder=alone.folder, clean_environment=apart) as server:
        joins = ["worker", "--server", f"http://127.0.0.1:{server.port}", "--name", "far", "--slots", "1"]
        knowing = {**alone.environment, "FLOWML_TOKEN": made.stdout.strip()}
        worker = subprocess.Popen([*command, *joins], cwd=alone.folder, env=knowing, stdout=subprocess.PIPE, text=True)
        try:
            started = server.train(server.upload(alone.table)["id"], "Survived", 60, max_trials=2)
            job = server.wait(started["id"], timeout=90)
            by = {trial["worker_name"] for trial in server.trials(job["id"]) if trial["status"] == "finished"}
            assert (job["status"], by) == ("completed", {"far"})
        finally:
            worker.terminate()
            said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0 and "Joined" in said


def test_the_libraries_that_read_and_write_files_are_inside(alone: Alone) -> None:
    pl.read_csv(alone.table).write_excel(alone.folder / "passengers.xlsx")
    with pyorc.Writer((alone.folder / "t.orc").open("wb"), "struct<n:int,s:string>") as writer:
        writer.writerows([(1, "a"), (2, None)])
    (alone.folder / "t.ofx").write_text(OFX)
    (alone.folder / "t.csv.zst").write_bytes(compress(b"a,b\n1,2\n"))
    (alone.folder / "t.yaml").write_text("- {a: 1, b: x}\n- {a: 2, b: y}\n")
    (alone.folder / "t.xml").write_text("<rows><row><a>1</a></row><row><a>2</a></row></rows>")
    (alone.folder / "t.ics").write_text(ICS)
    home = alone.folder / "home" / "files"
    command = [sys.executable, str(alone.pyz)]
    with Server(home, command, folder=alone.folder, clean_environment=alone.environment) as server:
        for name, n_rows in {
            "passengers.xlsx": 600, "t.orc": 2, "t.ofx": 1, "t.csv.zst": 1, "t.yaml": 2, "t.xml": 2, "t.ics": 1
        }.items():  # fmt: skip
            assert server.upload(alone.folder / name)["n_rows"] == n_rows, name
        dataset = server.upload(alone.table)
        fill = {"op": "fill", "column": "Age", "with": "median"}
        changed = server.post(f"/api/datasets/{dataset['id']}/transform", {"operations": [fill], "preview": False})
        assert changed["parent_id"] == dataset["id"]
        assert server.get(f"/api/datasets/{changed['id']}/quality?target=Survived")["issues"]
        for format in ("csv", "parquet", "arrow", "jsonl", "xlsx"):
            assert server.request("GET", f"/api/datasets/{changed['id']}/download?format={format}")


def test_pages_come_packed_and_the_browser_libraries_are_inside(alone: Alone) -> None:
    names = set(zipfile.ZipFile(alone.pyz).namelist())
    vendored = [name for name in names if "/flowml/_static/vendor/" in name and name.endswith(".js")]
    assert vendored
    assert all(f"{name}.br" in names and f"{name}.gz" in names for name in vendored)


def test_it_holds_nothing_of_the_machine_that_built_it(alone: Alone) -> None:
    archive = zipfile.ZipFile(alone.pyz)
    own = [name for name in archive.namelist() if name.startswith(("site-packages/flowml", "environment.json"))]
    assert any(name.endswith(".pyc") for name in own)
    assert not [name for name in own if str(ROOT).encode() in archive.read(name)]


def test_it_holds_nothing_that_never_runs(alone: Alone) -> None:
    names = zipfile.ZipFile(alone.pyz).namelist()
    assert not [name for name in names if name.endswith("direct_url.json") or "/tests/" in name]
    assert not [name for name in names if name.startswith(("site-packages/matplotlib/", "site-packages/nvidia/"))]


def test_it_is_no_larger_than_promised(alone: Alone) -> None:
    limit = float(os.environ.get("FLOWML_PYZ_MEGABYTES", "390"))
    assert alone.pyz.stat().st_size / 1e6 <= limit


def test_a_new_build_removes_what_an_older_one_unpacked(alone: Alone) -> None:
    unpacked = alone.folder / "home" / ".shiv"
    older = unpacked / "flowml.pyz_0123abcd"
    foreign = unpacked / "other.pyz_0123abcd"
    for folder in (older, foreign):
        folder.mkdir(parents=True)
        (folder / ".in-use").touch()
    assert alone.run("--version").returncode == 0
    assert not older.exists()
    assert foreign.exists()
