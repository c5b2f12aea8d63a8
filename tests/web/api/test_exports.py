"""Models are downloaded as files of every kind; what cannot be one says why."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.domain.models import EnsembleMember, ModelDetails
from flowml.services.context import Context
from flowml.services.serving import exports
from tests.services.records import add_job
from tests.services.trained import ROW, add_trained, store_table, trained
from tests.web.serving import Served, serve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home")) as served:
        store_table(served.store)
        job = add_job(served.store)
        add_trained(served.store, job, "classes", "bought", "logistic_regression")
        add_trained(served.store, job, "numbers", "spent", "ridge")
        add_trained(served.store, job, "rows", "bought", "knn")
        yield served


def test_a_program_is_made_once_and_answers(served: Served) -> None:
    first = served.client.get("/api/results/model/classes/download?format=python")
    assert first.status_code == 200, first.text
    assert first.headers["content-disposition"].startswith('attachment; filename="model.py"')
    assert first.headers["content-type"] == "text/x-python; charset=utf-8"
    scope = {"__name__": "model"}
    exec(first.text, scope)
    answer = scope["predict"](ROW)  # type: ignore[operator]
    body = {"model_id": "classes", "features": ROW}
    assert answer["prediction"] == served.client.post("/api/results/predict", json=body).json()["prediction"]
    again = served.client.get("/api/results/model/classes/download?format=python")
    assert (again.headers["etag"], again.content) == (first.headers["etag"], first.content)


def test_a_refusal_is_kept_and_names_the_fast_twin(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    true = exports.run_task

    def run(context: Context, task: str, *given: Any, **more: Any) -> dict[str, Any]:
        made.append(task)
        return true(context, task, *given, **more)

    monkeypatch.setattr(exports, "run_task", run)
    address = "/api/results/model/rows/download?format=sql"
    answer = served.client.get(address)
    assert answer.status_code == 409
    first = answer.json()
    assert "only linear models and sums of trees" in first["detail"]
    assert first["hint"] == "The .flowml file of this one holds all of it."
    with served.store._database.write() as connection:
        connection.execute("UPDATE jobs SET fast_model_id = 'classes'")
    second = served.client.get(address).json()
    assert second["detail"] == first["detail"] and second["hint"].startswith("Its fast twin “")
    assert made == ["export_model"]


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from flowml.automl.model import modelfile
    from flowml.cli import main

    file = tmp_path / "m.flowml"
    file.write_bytes(modelfile.write(trained("spent", "ridge")))
    for out in (tmp_path, tmp_path / "none" / "m.md"):
        assert main(["export", str(file), "--format", "card", "-o", str(out)]) == 1
        assert "cannot be written" in capsys.readouterr().err
    assert main(["export", str(file), "--format", "card"]) == 0
    text = (tmp_path / "m.md").read_text()
    assert "# Predicts spent" in text and "true, false" in text and "made rows" not in capsys.readouterr().err
    assert "version of numpy" in text and "version of catboost" not in text


def test_the_command_writes_beside_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from flowml.automl.model import modelfile
    from flowml.cli import main

    file = tmp_path / "m.flowml"
    file.write_bytes(modelfile.write(trained("spent", "ridge")))
    assert main(["export", str(file), "--format", "joblib"]) == 0
    assert (tmp_path / "m.joblib").exists()
    assert "differ from the model's by" in capsys.readouterr().err
    assert main(["export", str(tmp_path / "none.flowml"), "--format", "joblib"]) == 1
    assert "There is no file" in capsys.readouterr().err
    assert "m" not in sys.modules


@pytest.mark.parametrize("format", ["sql", "onnx", "joblib"])
def test_other_kinds(served: Served, format: str) -> None:
    answer = served.client.get(f"/api/results/model/numbers/download?format={format}")
    assert answer.status_code == 200, answer.text
    if format == "sql":
        assert "Days since 1970-01-01 (UTC), with fractions, are in place of the dates in: joined." in answer.text
    else:
        assert answer.headers["content-type"] == "application/octet-stream"


def test_the_card_says_what_is_known(served: Served) -> None:
    answer = served.client.get("/api/results/model/classes/card")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/markdown")
    text = answer.text
    assert "predicts bought" in text and "“no”, “yes”" in text
    assert served.client.get("/api/results/model/classes/download?format=card").text.startswith("# Predicts bought")
    assert "| age | numeric |" in text and "| version of numpy |" in text
    assert "**0.9**" in text and "240 rows" in text
    assert served.client.get("/api/results/model/nowhere/card").status_code == 404
    members = ModelDetails(members=(EnsembleMember("random_forest", 0.75), EnsembleMember("knn", 0.25)))
    served.store.models.set_details("numbers", members.record())
    text = served.client.get("/api/results/model/numbers/card").text
    # A name is escaped once, however far it goes.
    assert r"random\_forest 75%, knn 25%" in text


@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("python", [sys.executable, "-I", "-"]),
        ("curl", ["sh", "-s"]),
        ("javascript", ["node", "--input-type=module", "-"]),
    ],
)
def test_code_runs_as_it_is_pasted(served: Served, language: str, command: list[str]) -> None:
    if shutil.which("curl" if language == "curl" else command[0]) is None:
        pytest.skip(f"there is no {language} here")
    answer = served.client.get(f"/api/results/model/classes/code?language={language}")
    assert answer.status_code == 200, answer.text
    environment = {**os.environ, "FLOWML_TOKEN": "", "NO_PROXY": "*", "no_proxy": "*"}
    run = subprocess.run(command, input=answer.text, env=environment, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["prediction"] in ("yes", "no")
