"""The command line says in one line what is wrong, with the right exit code."""

import contextlib
import io
import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path
from unittest.mock import patch

import httpx
import numpy as np
import polars as pl
import psutil
import pytest

from flowml.cli import main
from flowml.machine import capabilities
from tests.assistant.stand_in import StandIn

MEASURED = ("fit_seconds", "predict_ms")


def flowml(*arguments: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `flowml` says of these arguments, in a process of its own. However it ends, it leaves no other behind."""
    mark = f"FLOWML_TEST_MARK_{os.getpid()}"
    done = subprocess.run(
        [sys.executable, "-m", "flowml", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env={**os.environ, **environment, mark: "1"},
    )
    assert not processes_with(mark), "a command that has ended left a process behind"
    return done


def processes_with(variable: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if variable in process.environ() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def called(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `flowml` says of these arguments, in this process: for all that does not start a server or end a run."""
    output, errors = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment),
        patch.object(warnings, "showwarning", warnings.showwarning),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            code = main(arguments)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        finally:
            signal.signal(signal.SIGINT, on_interrupt)
    return subprocess.CompletedProcess(arguments, code, output.getvalue(), errors.getvalue())


def refused(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("flowml: "), result.stderr
    for word in words:
        assert word in lines[0]


def test_a_file_that_unpacks_without_end_is_stopped_as_by_the_server(tmp_path: Path) -> None:
    # A few kilobytes of numbers that are all alike become a gigabyte.
    frame = pl.DataFrame({"c": pl.repeat(7.5, 10_000_000, eager=True)})
    frame.select(pl.col("c").alias(f"c{index}") for index in range(12)).write_parquet(tmp_path / "t.parquet")
    assert (tmp_path / "t.parquet").stat().st_size < 2_000_000
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    refused(flowml("inspect", str(tmp_path / "t.parquet"), TMPDIR=str(temporary)), "far more memory")
    assert not list(temporary.iterdir())


def test_the_limits_of_the_server_hold_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,c\n" + "1,2,3\n" * 10)
    refused(called("inspect", str(tmp_path / "t.csv"), FLOWML_MAX_ROWS="9"), "10 rows", "9 are allowed")
    refused(called("inspect", str(tmp_path / "t.csv"), FLOWML_MAX_COLUMNS="2"), "3 columns")


def test_version_and_usage() -> None:
    assert flowml("--version").stdout.startswith("flowml ")
    assert called("no-such-command").returncode == 2
    assert called("train", "x.csv").returncode == 2
    assert called("train", "x.csv", "--target", "y", "--budget", "2 days").returncode == 2


def test_every_setting_is_in_the_help() -> None:
    from flowml.services.settings import Settings

    shown = flowml("serve", "--help").stdout
    assert all(f"FLOWML_{name.upper()}" in shown for name in Settings.model_fields)


def test_a_taken_port_is_said_so(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(called("serve", "--port", str(port), "--home", str(tmp_path)), f"Port {port}", "--port")


def test_a_home_that_cannot_be_used_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(called("serve", "--port", "0", "--home", str(tmp_path / "file" / "home")), "home folder", "--home")


def test_a_home_that_cannot_be_written_to_is_said_so() -> None:
    refused(called("serve", "--port", "0", "--home", "/proc/self/home"), "home folder", "--home")


def test_listening_on_the_network_is_refused(tmp_path: Path) -> None:
    """Unless somebody could log in; the line says what makes that so, and it does."""
    home = ("--home", str(tmp_path / "a home"))
    for arguments, name in (
        (("--host", "0.0.0.0"), "0.0.0.0"),
        (("--host", "::"), "::"),
        (("--allowed-hosts", "https://ml.example.com"), "https://ml.example.com"),
    ):
        said = called("serve", *arguments, "--port", "0", *home)
        refused(said, name, "no admin token", "127.0.0.1")
        command = said.stderr.split("`")[1].partition("flowml ")[2]
        assert command == f"token create --kind admin --name admin --home '{tmp_path / 'a home'}'"
    for kind in ("api", "worker"):
        assert called("token", "create", "--kind", kind, "--name", kind, *home).returncode == 0
    assert called(*shlex.split(command)).returncode == 0
    called("token", "revoke", "admin", *home)
    refused(called("serve", "--host", "0.0.0.0", "--port", "0", *home), "no admin token")


def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    refused(called("serve", "--home", str(tmp_path), FLOWML_MAX_UPLOAD_MB="lots"), "FLOWML_MAX_UPLOAD_MB")
    for hosts in (
        "*",
        "*.example.com",
        "ftp://ml.example.com",
        "ml.example.com/path",
        "a b",
        "user@a",
        "[1.2.3.4]",
        "a:x",
    ):
        said = called("serve", "--home", str(tmp_path), FLOWML_ALLOWED_HOSTS=f"fine.example.com, {hosts}")
        refused(said, "FLOWML_ALLOWED_HOSTS", hosts, "no name of a machine")


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path / "home"))
    refused(called("token", "list", *home), "no FlowML folder", "--home")
    made = called("token", "create", "--kind", "api", "--name", "shop", "--expires", "30d", *home)
    assert made.returncode == 0
    secret = made.stdout.strip()
    assert re.fullmatch(r"flowml_api_[0-9A-Za-z]{43}", secret)
    assert "shop" in made.stderr and secret not in made.stderr
    refused(called("token", "create", "--kind", "admin", "--name", "shop", *home), "shop", "revoke")
    refused(called("token", "create", "--kind", "api", "--name", "a", "--model", "none", *home), "no model", "none")
    for_machines = json.loads(called("token", "create", "--kind", "worker", "--name", "w", "--json", *home).stdout)
    assert for_machines["token"].startswith("flowml_worker_") and for_machines["expires_at"] is None

    listed = json.loads(called("token", "list", "--json", *home).stdout)
    assert [(item["name"], item["kind"], item["state"]) for item in listed["items"]] == [
        ("shop", "api", "valid"),
        ("w", "worker", "valid"),
    ]
    assert listed["total"] == 2 and listed["items"][0]["expires_at"] > listed["items"][0]["created_at"]
    assert called("token", "revoke", "shop", *home).stdout.startswith("The api token “shop”")
    assert called("token", "revoke", listed["items"][1]["id"], *home).returncode == 0
    refused(called("token", "revoke", "shop", *home), "shop", "flowml token list")
    (tmp_path / "secret").write_text("flowml_admin_" + "a" * 43 + "\n")
    from_file = ("token", "create", "--kind", "admin", "--name", "chart", "--secret-file")
    for _ in range(2):
        taken = called(*from_file, str(tmp_path / "secret"), *home)
        assert taken.returncode == 0 and "a" * 43 not in taken.stdout + taken.stderr
    refused(called(*from_file, str(tmp_path / "none"), *home), "none", "No such file")
    table = called("token", "list", *home).stdout
    assert table.splitlines()[1].split()[1:4] == ["api", "shop", "revoked"]
    assert secret not in table


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("create", "--kind", "api"),
        ("create", "--kind", "root", "--name", "a"),
        ("create", "--kind", "api", "--name", "a", "--expires", "soon"),
        ("create", "--kind", "api", "--name", "a", "--expires", "9999d"),
        ("create", "--kind", "worker", "--name", "a", "--model", "m"),
        ("create", "--kind", "worker", "--name", "a", "--secret-file", "f", "--expires", "1h"),
        ("revoke",),
    ],
    ids=" ".join,
)
def test_wrong_usage_of_tokens_is_said_to_be_that(arguments: tuple[str, ...]) -> None:
    assert called("token", *arguments).returncode == 2


def test_what_a_machine_has_is_said_with_a_server_and_without(tmp_path: Path) -> None:
    found = {"gpus": [], "has_gpu": False, "gpu_libraries": None, "language_model": None, "cpu_count": 2}
    with patch("flowml.cli.worker.capabilities.probe", lambda **_: found):
        for server in ((), ("--server", "http://far:8000")):
            done = called("worker", *server, "--probe", "--home", str(tmp_path))
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["cpu_count"] == 2


def test_a_worker_without_a_server_is_wrong_usage(tmp_path: Path) -> None:
    done = called("worker", "--home", str(tmp_path), FLOWML_TOKEN="x")
    assert done.returncode == 2 and "--server is missing" in done.stderr


def test_the_second_server_of_a_home_ends_at_once(tmp_path: Path) -> None:
    """The first one listens on the network, for whoever has a token."""
    secret = called("token", "create", "--kind", "admin", "--name", "me", "--home", str(tmp_path)).stdout.strip()
    first = subprocess.Popen(
        [sys.executable, "-m", "flowml", "serve", "--host", "0.0.0.0", "--port", "0", "--home", str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert first.stdout is not None
        ready, where, log_in = (first.stdout.readline() for _ in range(3))
        port = int(ready.rpartition(":")[2])
        assert "is ready at http://" in ready and str(tmp_path) in where
        assert f":{port}/login" in log_in and "flowml token create --kind admin" in log_in and secret not in log_in
        url = f"http://127.0.0.1:{port}/api/stats"
        assert httpx.get(url, trust_env=False).status_code == 401
        assert httpx.get(url, trust_env=False, headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        started = time.monotonic()
        refused(called("serve", "--port", "0", "--home", str(tmp_path)), "Another FlowML server", "--home")
        assert time.monotonic() - started < 10
    finally:
        first.terminate()
        assert first.wait(timeout=20) == 0


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    refused(called("inspect", str(tmp_path / "none.csv")), "none.csv")
    refused(called("train", str(tmp_path / "none.csv"), "--target", "y"), "none.csv")
    refused(called("predict", str(tmp_path / "none.flowml"), str(tmp_path / "none.csv")), "none.flowml")


def test_a_place_for_the_model_is_looked_for_before_training(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{index},{index % 2}\n" for index in range(40)))
    started = time.monotonic()
    refused(
        called("train", str(table), "--target", "b", "--budget", "60", "--out", str(tmp_path / "no" / "m.flowml")),
        "cannot be written",
    )
    refused(called("train", str(table), "--target", "b", "--budget", "60", "--out", str(tmp_path)), "folder")
    refused(called("train", str(table), "--target", "c", "--budget", "60"), "no column")
    assert time.monotonic() - started < 40
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_fast_twin_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    rows = [f"{index % 17},{index % 5},{'yes' if index % 17 > 8 else 'no'}" for index in range(300)]
    table.write_text("a,b,y\n" + "\n".join(rows) + "\n")
    best, fast = tmp_path / "best.flowml", tmp_path / "fast.flowml"
    arguments = ["--budget", "60", "--max-trials", "1", "--algorithms", "lightgbm", "--metric", "log_loss", "--json"]
    done = flowml("train", str(table), "--target", "y", "--out", str(best), "--fast-out", str(fast), *arguments)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["fast_twin"]["model"] == str(fast) and told["fast_twin"]["algorithm"] == "lightgbm"
    assert told["estimate"]["low"] <= told["estimate"]["score"] <= told["estimate"]["high"]
    assert told["best_score"] == told["estimate"]["score"] and told["best_score_low"] == told["estimate"]["low"]
    assert told["best_score"] < told["baseline_score"], "a loss below that of a constant guess"
    assert fast.stat().st_size < best.stat().st_size
    scored = called("predict", str(fast), str(table))
    assert scored.returncode == 0 and "probability_yes" in scored.stdout.splitlines()[0]


def test_a_row_alone_gets_the_prediction_that_it_gets_among_others(tmp_path: Path) -> None:
    table, model, alone = tmp_path / "train.csv", tmp_path / "m.flowml", tmp_path / "alone.csv"
    codes = ("TRUE", "007", "x")
    rows = [
        f'{at % 28 + 1:02}/{at % 12 + 1:02}/2017,"{at * 37 % 90 + 10},250",{codes[at % 3]},{at * 37 % 90}'
        for at in range(120)
    ]
    table.write_text("\n".join(["day,size,code,y", *rows]))
    arguments = ["--target", "y", "--algorithms", "decision_tree", "--max-trials", "1", "--out", str(model)]
    assert flowml("train", str(table), *arguments).returncode == 0
    whole = called("predict", str(model), str(table))
    assert whole.returncode == 0 and "missing" not in whole.stderr
    assert len({line.split(",")[-3] for line in whole.stdout.splitlines()}) > 5
    alone.write_text(f"day,size,code,y\n{rows[3]}\n")
    one = called("predict", str(model), str(alone))
    assert one.stdout.splitlines() == [whole.stdout.splitlines()[place] for place in (0, 4)] and one.stderr == ""
    # What cannot be read so is named; a file of other columns is refused.
    alone.write_text("day,size,code\nsoon,lots,007\n30/04/2017,5,y\n")
    said = called("predict", str(model), str(alone))
    assert said.returncode == 0 and len(said.stdout.splitlines()) == 3
    assert "“soon” (line 2)" in said.stderr and "“lots” (line 2)" in said.stderr and "“y” (line 3)" in said.stderr
    alone.write_text("A,B\n1,2\n")
    refused(called("predict", str(model), str(alone)), "none of the columns", "day, size and code", "A and B")


def flowers(path: Path) -> Path:
    """A table with numbers, categories and holes, as a file."""
    generator = np.random.default_rng(0)
    kind = generator.integers(0, 2, 120)
    lengths, colours = generator.normal(kind * 2.0, 0.8), np.array(["red", "blue"])[kind]
    hidden = generator.random(120) < 0.3
    rows = [
        f"{'' if hole else round(length, 2)},{'green' if hole else colour},k{number}"
        for length, colour, number, hole in zip(lengths, colours, kind, hidden, strict=True)
    ]
    path.write_text("\n".join(["length,colour,kind", *rows]))
    return path


def test_the_same_seed_and_number_of_trials_give_the_same_leaderboard_in_every_process(tmp_path: Path) -> None:
    table = flowers(tmp_path / "t.csv")
    # Fewer rows: it is not their number that orders of rows, threads and hashes could change anything by.
    table.write_text("\n".join(table.read_text().splitlines()[:61]))
    arguments = ["train", str(table), "--target", "kind", "--max-trials", "12", "--budget", "10m", "--json"]
    # As many trials at once as there are cores.
    program = (
        "import os, sys; cores = sorted(os.sched_getaffinity(0))[:int(sys.argv[1])]; "
        "os.sched_setaffinity(0, cores); from flowml.cli import main; main(sys.argv[2:])"
    )
    # Both at the same time, so that neither has the machine for itself.
    runs = {
        tmp_path / f"{cores}.flowml": subprocess.Popen(
            [sys.executable, "-c", program, cores, *arguments, "--seed", "5", "--out", tmp_path / f"{cores}.flowml"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        for cores, hash_seed in (("1", "0"), ("2", "1"))
    }
    leaderboards, models = [], []
    for out, run in runs.items():
        said, complaints = run.communicate(timeout=300)
        assert run.returncode == 0, complaints
        entries = json.loads(said)["leaderboard"]
        assert len(entries) >= 10
        leaderboards.append(
            json.dumps([{key: value for key, value in entry.items() if key not in MEASURED} for entry in entries])
        )
        models.append(zipfile.ZipFile(out).read("manifest.json"))
    assert leaderboards[0] == leaderboards[1]
    assert models[0] == models[1]


def test_interrupted_it_keeps_the_best_so_far(tmp_path: Path) -> None:
    table, out = flowers(tmp_path / "t.csv"), tmp_path / "m.flowml"
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowml", "train", str(table), "--target", "kind", "--budget", "10m", "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=slave,
        text=True,
    )
    os.close(slave)
    shown = b""
    while b"best" not in shown:
        shown += os.read(master, 4096)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    os.close(master)
    assert process.returncode == 130
    assert "The best model is in" in said and out.stat().st_size > 0


def test_train_says_how_models_are_tested_and_what_gives_the_answer_away(tmp_path: Path) -> None:
    table = tmp_path / "visits.csv"
    lines = [
        f"{index % 30 + 500},{index * 7 % 11},{index % 3 + 1},{index * 7 % 11 + index % 30}" for index in range(240)
    ]
    table.write_text("patient_id,pulse,share,health\n" + "\n".join(lines) + "\n")
    command = ["train", str(table), "--target", "health", "--max-trials", "1", "--algorithms", "ridge"]
    done = flowml(*command, "--cv", "group:patient_id", "--weight", "share", "--metric", "mae", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["validation"]["kind"] == "group" and found["validation"]["column"] == "patient_id"
    assert found["problem_type"] == "regression"
    assert "note: You chose to keep rows of the same “patient_id” together" in done.stderr
    assert found["notes"][0] in done.stderr
    refused(called(*command, "--cv", "group:nobody"), "nobody", "The columns are: patient_id")
    refused(called(*command, "--weight", "nothing"), "nothing")


def test_the_doctor_says_which_language_models_there_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ollama: StandIn
) -> None:
    monkeypatch.setattr(capabilities, "probe", lambda **_: {"cpu_count": 2, "gpus": [], "gpu_libraries": {}})
    for address, words in (
        (ollama.url, "stand-in:3b (Ollama 0.12.6)"),
        (f"{ollama.url}/api", "none: FLOWML_OLLAMA_URL cannot be used: The address goes without “/api”"),
        ("http://127.0.0.1:9", "none: No Ollama server answers at http://127.0.0.1:9"),
    ):
        monkeypatch.setenv("FLOWML_OLLAMA_URL", address)
        assert main(["doctor"]) == 0
        assert words in capsys.readouterr().out
    monkeypatch.setenv("FLOWML_OLLAMA_URL", ollama.url)
    assert main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["language_models"] == ["stand-in:3b"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://me:s3cret@host", "no address of a server"),
        ("http://me:s3cret@host/v1", "goes without “/v1”"),
        ("http://me:s3cret@a b", "no address of a server"),
    ],
)
def test_an_address_of_ollama_that_cannot_be_one_ends_the_start_in_words(
    address: str, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWML_OLLAMA_URL", address)
    assert main(["serve", "--home", str(tmp_path), "--port", "0"]) == 1
    said = capsys.readouterr().err
    assert "FLOWML_OLLAMA_URL cannot be used" in said and words in said
    assert "s3cret" not in said
