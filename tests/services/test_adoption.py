"""What a lost database knew of its files is gone; what is in them is taken in again, and nothing is deleted."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.automl.model import foreign
from flowml.cli.parser import main
from flowml.domain.errors import NoRoom
from flowml.domain.jobs import JobStatus
from flowml.services import datasets, system
from flowml.services.adoption import adopt
from flowml.services.context import Context
from flowml.services.serving import predicting
from flowml.services.settings import Settings
from flowml.store.store import Store
from tests.services.records import QuietTrainers, add_job
from tests.services.trained import ROW, add_trained

CSV = "a,b\n" + "".join(f"{at},{at % 3}\n" for at in range(50))


def opened(home: Path) -> Context:
    store = Store(home, now=time.time())
    store.look_over(seconds=10)
    return Context(Settings(home=home), store, time.time, QuietTrainers())


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    """A new database in a folder in which another one has stored a file with its table, two models of a run, what one
    of them answered, and what nobody can read."""
    before = opened(tmp_path / "home")
    path = tmp_path / "numbers.csv"
    path.write_text(CSV)
    datasets.import_file(before, path, filename="numbers.csv", name=None, options={})
    job = add_job(before.store, target="bought")
    for model_id, algorithm in (("m1", "logistic_regression"), ("m2", "gaussian_nb")):
        add_trained(before.store, job, model_id, "bought", algorithm)
    before.store.files.put_bytes(b"\x93NUMPY and so on")
    before.store.files.put_bytes(b"PK\x03\x04 and no more")
    before.store.close()
    for file in (tmp_path / "home").glob("flowml.sqlite*"):
        file.unlink()
    context = opened(tmp_path / "home")
    yield context
    context.store.close()


def test_a_server_says_what_it_found_and_keeps_it(context: Context) -> None:
    (notice,) = system.notices(context)
    assert notice.startswith("FlowML's folder holds 7 files (")
    assert notice.endswith(f"flowml doctor --home {context.settings.home} --adopt")
    assert context.store.files.remove_unused(older_than=1e12) == 0


def test_tables_and_models_are_taken_in_and_the_rest_is_set_aside(context: Context) -> None:
    found = adopt(context)
    assert (found.n_datasets, found.n_models, found.n_set_aside) == (1, 2, 3)
    (dataset,), _ = datasets.list_datasets(context, 10, 0)
    assert (dataset.format, dataset.n_rows, [column.name for column in dataset.columns]) == ("csv", 50, ["a", "b"])
    (job,), _ = context.store.jobs.page(10, 0)
    assert (job.status, job.spec.target, job.metric) == (JobStatus.COMPLETED, "bought", "accuracy")
    best, other = context.store.models.of_job(job.id)
    assert job.best_model_id == best.id and job.best_score == best.score >= other.score > 0.8
    assert predicting.predict(context, job.id, [ROW])[0].prediction == "yes"
    assert len(list(context.store.home.set_aside.iterdir())) == 3
    assert context.store.files.strays().files == ()
    assert context.store.files.remove_unused(older_than=1e12) == 0


def test_a_model_that_another_process_could_not_try_is_set_aside(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreign, "_TASK", f"{foreign._TASK}_missing")
    found = adopt(context)
    assert (found.n_datasets, found.n_models, found.n_set_aside) == (1, 0, 5)


def test_the_command_does_it_while_no_server_runs(context: Context, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(context.settings.home)
    assert main(["doctor", "--home", home, "--adopt"]) == 0
    assert "Taken in: 1 data set and 2 models." in capsys.readouterr().out
    assert main(["doctor", "--home", home]) == 0
    assert capsys.readouterr().out == "The database and the files of this folder are whole and belong together.\n"


def test_a_full_disk_ends_it_and_the_next_one_goes_on(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise NoRoom("The disk that holds FlowML's folder is full.")

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "tell_system", full)
        with pytest.raises(NoRoom):
            adopt(context)
    assert not context.store.home.set_aside.exists() or len(list(context.store.home.set_aside.iterdir())) < 3
    # Which files it had come to before goes by their hashes.
    assert adopt(context).n_datasets == 1 and context.store.models.count() == 2
