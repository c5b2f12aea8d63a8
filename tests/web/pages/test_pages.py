"""Pages: each renders from what its class declares, escapes what people typed, and keeps to the security policy."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import meta, nodes
from markupsafe import escape

from flowml.domain.jobs import JobStatus
from flowml.domain.logs import LogEntry, LogLevel
from flowml.domain.trials import Needs, Offer, TrialReport, TrialSpec, TrialStatus
from flowml.domain.workers import Share
from flowml.services.datasets import import_file
from flowml.services.dispatch.ledger import finish_job
from flowml.services.examples import Example
from flowml.services.serving import predicting
from flowml.web.assets import templates_root
from flowml.web.pages import (
    datasets,
    deploy,
    errors,
    home,
    jobs,
    login,
    logs,
    models,
    playground,
    results,
    settings,
    train,
    workers,
)
from flowml.web.pages.insight import curves, mistakes, search, slices
from flowml.web.templating import Page, environment
from tests.services.records import add_dataset, add_job, add_model
from tests.services.trained import add_trained, table
from tests.web.serving import Served, serve, until

PAGES: tuple[type[Page], ...] = (
    home.HomePage,
    datasets.DatasetsPage,
    datasets.DatasetPage,
    train.TrainPage,
    jobs.JobsPage,
    jobs.JobPage,
    jobs.LeaderboardPart,
    results.ResultsPage,
    models.ModelPage,
    curves.CurvesPart,
    slices.SlicesPart,
    mistakes.MistakesPage,
    search.SearchPart,
    search.ComparePage,
    playground.PlaygroundPage,
    deploy.DeployPage,
    errors.ErrorPage,
    errors.RefusedPage,
    login.LoginPage,
    workers.WorkersPage,
    logs.LogsPage,
    logs.LogLinesPart,
    settings.SettingsPage,
)
NASTY = "<script>alert(1)</script>' x=\""
HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A table, a finished run with two models and a failed trial, a running one, and names that want to break out."""
    with serve(tmp_path_factory.mktemp("home")) as server:
        store = server.store
        file = tmp_path_factory.mktemp("files") / "customers.csv"
        table().write_csv(file)
        dataset = import_file(server.context, file, filename=file.name, name=None, options={})
        done = add_job(store, dataset_id=dataset.id, target="bought")
        store.jobs.claim(1, 1.7e9, 1.7e9)
        for number, (algorithm, status) in enumerate((("ridge", TrialStatus.FAILED), ("knn", TrialStatus.FINISHED))):
            trial = store.trials.add(done.id, TrialSpec(number, algorithm, {"alpha": 0.5}), Needs(), 2e9, 1.7e9)
            lease = store.trials.claim("owner", "w1", NASTY, Offer(), 60, 1.7e9, 1.7e9)
            assert lease and lease.trial_id == trial.id
            report = TrialReport(status, 0.9, (0.8, 1.0), {"accuracy": 0.9}, 0.2, 0.1, error=NASTY)
            store.trials.finish(lease, report, 1.7e9 + 1, 1.7e9 + 1)
            store.trials.looked_at(store.trials.get(trial.id))
        store.trials.add(done.id, TrialSpec(2, "svm", {}), Needs(), 2e9, 1.7e9)
        assert store.trials.claim("owner", "w1", NASTY, Offer(), 60, 1.7e9, 1.7e9)
        add_trained(store, done, "champion", "bought", "logistic_regression")
        add_trained(store, done, "second", "bought", "decision_tree")
        store.models.set_details("champion", DETAILS)
        store.jobs.update(done.id, best_model_id="champion", best_score=0.9, metric="accuracy", name=NASTY)
        finish_job(store, done.id, JobStatus.COMPLETED, 1.7e9 + 9)
        add_job(store, dataset_id=dataset.id, target="spent")
        store.logs.append(
            [LogEntry(0, 1.7e9, level, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY, NASTY) for level in LogLevel]
        )
        yield server


DETAILS = {
    "score_std": 0.02,
    "confusion_matrix": {"labels": ["no", NASTY], "matrix": [[9, 1], [2, 8]], "normalized": [[0.9, 0.1], [0.2, 0.8]]},
    "permutation_importance": {"method": "permutation", "items": [{"feature": NASTY, "importance": 0.2, "std": 0.01}]},
    "members": [{"algorithm": "knn", "weight": 0.6, "model_id": "second"}],
}


def addresses(server: Served) -> list[str]:
    listed = server.client.get("/api/training").json()["items"]
    done = next(job["id"] for job in listed if job["status"] == "completed")
    waiting = next(job["id"] for job in listed if job["status"] == "queued")
    dataset = listed[0]["dataset_id"]
    return [
        "/",
        "/datasets",
        f"/datasets/{dataset}",
        "/train",
        f"/train?dataset={dataset}",
        f"/train?dataset={dataset}&target=bought",
        f"/train?dataset={dataset}&target=nothing",
        "/jobs",
        f"/jobs/{done}",
        f"/jobs/{waiting}",
        f"/jobs/{done}?part=leaderboard",
        f"/jobs/{done}/results",
        f"/jobs/{waiting}/results",
        "/models/champion",
        "/models/second",
        "/models/champion/curves",
        "/models/champion/slices",
        "/models/champion/mistakes",
        f"/jobs/{done}/search",
        f"/jobs/{waiting}/search",
        f"/jobs/{done}/compare?model=champion&model=second",
        "/models/champion/playground",
        "/models/champion/deploy",
        "/nowhere",
        "/datasets/nowhere",
        "/workers",
        "/logs",
        "/logs?level=error&search=%3Cscript%3E&machine=nobody",
        "/logs?part=lines",
        "/settings",
    ]


class Markup(HTMLParser):
    """Everything in a page that the policy or the templates' rules forbid."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.found.append(f"inline {tag}")
        for name, value in given.items():
            if name == "style" or name.startswith("on"):
                self.found.append(f"{tag} {name}={value}")
            if name in ("src", "href", "action") and not (value or "").startswith(("/", "#", "?")):
                self.found.append(f"{tag} {name}={value}")
            # Alpine's build without eval reads property paths, calls and the like; anything more belongs in a file.
            if name.startswith(("x-", "@", ":")) and re.search(r"=>|[`;]", value or ""):
                self.found.append(f"{tag} {name}={value}")


def test_who_comes_for_the_first_time_finds_the_reader_of_files_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(home.datasets, "expect_work", lambda: asked.append("ready"))
    with serve(tmp_path) as server:
        assert "Drop a table here" in server.client.get("/", headers=HTML).text and asked == ["ready"]
        add_dataset(server.store)
        assert "Drop a table here" not in server.client.get("/", headers=HTML).text and asked == ["ready"]


def test_every_page_of_a_filled_server(filled: Served) -> None:
    for address in addresses(filled):
        answer = filled.client.get(address, headers=HTML)
        assert answer.status_code == (404 if "nowhere" in address else 200), address
        assert answer.headers["content-type"].startswith("text/html"), address
        assert NASTY not in answer.text, address
        assert "<script>alert" not in answer.text, address
        assert Markup(answer.text).found == [], address


def test_every_page_of_an_empty_server(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        for address in ("/", "/datasets", "/train", "/jobs", "/workers"):
            answer = server.client.get(address, headers=HTML)
            assert answer.status_code == 200
            assert Markup(answer.text).found == []
        assert "Choose files" in server.client.get("/", headers=HTML).text


def test_pages_say_where_the_data_is_to_whoever_looks_from_anywhere(tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        server.store.workers.register_local("here", ("cpu",), 2, {}, 1.0)
        page = server.client.get("/").text
        assert "your data stays on this server ·" in page and "It stays on this server." in page
        assert "this machine" not in page
        server.store.workers.register("far", ("cpu",), Share(2, 1, 0), {}, 1.0, owner="o")
        assert "your data stays on this server and its workers ·" in server.client.get("/").text


def test_a_page_is_useful_before_any_script(filled: Served) -> None:
    every = addresses(filled)
    wanted = (every[0], every[2], every[5], every[8], every[11], "/models/champion", "/models/champion/playground")
    texts = (filled.client.get(address, headers=HTML).text for address in wanted)
    home_page, dataset, train_page, job, result, model, play = texts
    assert "customers" in home_page
    assert "Ulm" in dataset and "categorical" in dataset
    assert "classification" in train_page and "yes" in train_page
    assert "90.00 %" in job and "finished: 90.00 %" in job
    assert result.count("/models/") >= 2 and "90.00 %" in result
    assert "Confusion matrix" in model or "Where it errs" in model
    assert 'value="Ulm"' in play and 'type="date"' in play


def test_how_a_file_was_read_stands_above_its_table(filled: Served, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(f"a report;;\n\nid;city;amount\n1;{NASTY};1,5\n2;Ulm;2,5\n3;Bonn;x\n", encoding="utf-8")
    dataset = import_file(filled.context, file, filename="orders.csv", name=None, options={"delimiter": ";"})
    text = filled.client.get(f"/datasets/{dataset.id}", headers=HTML).text
    filled.store.datasets.delete(dataset.id)

    assert "How this file was read" in text and "data-read-again" in text
    assert re.search(r"<dt>Delimiter</dt><dd>semicolon ; \(as you said\)</dd>", text)
    assert all(escape(warning) in text for warning in dataset.warnings)
    places = [text.index(escape(remark.text)) for remark in sorted(dataset.remarks, key=lambda one: one.severity.rank)]
    assert places == sorted(places) and len({remark.severity for remark in dataset.remarks}) > 1
    formats = re.findall(rf"/api/datasets/{dataset.id}/download\?format=(\w+)", text)
    assert formats == ["csv", "xlsx", "parquet", "arrow", "jsonl"]
    assert NASTY not in text and Markup(text).found == []


def test_a_version_says_where_it_comes_from(filled: Served, tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    table().write_csv(file)
    first = import_file(filled.context, file, filename=file.name, name="people", options={})
    operations = [{"op": "rename", "column": "city", "to": NASTY}, {"op": "drop", "columns": [first.columns[0].name]}]
    answer = filled.client.post(
        f"/api/datasets/{first.id}/transform", json={"operations": operations, "preview": False}
    )
    second = answer.json()["id"]
    texts = [filled.client.get(f"/datasets/{one}", headers=HTML).text for one in (first.id, second)]
    for one in (second, first.id):
        filled.store.datasets.delete(one)

    assert "1 later version" in texts[0] and f'href="/datasets/{second}"' in texts[0]
    assert "data-read-again" in texts[0] and "data-read-again" not in texts[1]
    assert f'version of <a href="/datasets/{first.id}" data-name-of="dataset:{first.id}">people</a>' in texts[1]
    assert "Done so far" in texts[1] and "Done so far" not in texts[0]
    assert texts[1].count("and 1 more") == 1
    for text in texts:
        assert NASTY not in text and Markup(text).found == []


def test_what_is_good_to_know_is_no_warning(filled: Served, tmp_path: Path) -> None:
    file = tmp_path / "numbered.csv"
    table().with_row_index("CustomerId", offset=1).write_csv(file)
    dataset = import_file(filled.context, file, filename=file.name, name=None, options={})
    text = filled.client.get(f"/train?dataset={dataset.id}&target=bought", headers=HTML).text
    filled.store.datasets.delete(dataset.id)

    note = re.search(r'<div class="([^"]*)"><svg[^>]*><use href="#i-info"/></svg><div><p>([^<]*)', text)
    assert note and note[1] == "callout" and note[2].endswith("CustomerId.")


def test_the_playground_has_its_model_in_memory(filled: Served) -> None:
    filled.client.get("/models/second/playground", headers=HTML)

    assert until(lambda: predicting.ready(filled.context, "second") is not None)


def test_many_columns_are_no_endless_form(filled: Served) -> None:
    """The most important ones first, by this model or the best of its run; very many keep the example's values."""
    store = filled.store
    schema = [{"name": f"c{at}", "role": "numeric", "dtype": "Float64", "example": at} for at in range(500)]
    items = [{"feature": f"c{at}", "importance": at / 500, "std": 0.0} for at in reversed(range(400, 500))]
    job = add_job(store, dataset_id="gone", target="bought")
    add_model(store, job, "wide", 0.8, details={"schema": schema})
    importance = {"method": "permutation", "items": items}
    add_model(store, job, "best", 0.9, details={"schema": schema, "permutation_importance": importance})
    found = {}
    for best in (None, "best"):
        store.jobs.update(job.id, best_model_id=best)
        text = filled.client.get("/models/wide/playground", headers=HTML).text
        shown, folded = (re.findall(r'data-field="(\w+)"', part) for part in text.split("<details", 1))
        assert len(shown) == 12 and len(shown) + len(folded) == 400 and "100 columns that matter least" in text
        assert len(json.loads(unescape(re.search(r"data-form='([^']*)'", text)[1]))["kept"]) == 100  # type: ignore[index]
        found[best] = shown
    store.jobs.delete(job.id)

    assert found[None] == [f"c{at}" for at in range(12)]
    assert found["best"] == [f"c{at}" for at in range(499, 487, -1)]
    assert "The data set of this model was deleted" in text


def test_the_playground_is_filled_in_with_a_row_that_there_was(filled: Served) -> None:
    row = filled.client.get("/models/champion/example.json?row=7").json()
    (listed,) = table().slice(6, 1).iter_rows(named=True)
    assert (row["number"], row["dataset"], row["truth"]) == (7, "customers", listed["bought"])
    assert row["values"] == {
        "age": f"{listed['age']:g}", "city": listed["city"], "member": str(listed["member"]).lower(),
        "joined": str(listed["joined"]),
    }  # fmt: skip
    assert row["source"] == "The example is row 7 of customers, which the model may have learned from."
    names = ("age", "city", "member", "joined")
    assert row["raw"] == {name: listed[name] for name in names[:3]} | {"joined": str(listed["joined"])}
    text = filled.client.get("/models/champion/playground", headers=HTML).text
    assert "The example is row 1 of customers" in text
    assert "which the model may have learned from" in text
    first = table().row(0, named=True)
    assert f'value="{first["age"]:g}"' in text and f'<option value="{first["city"]}" selected>' in text
    assert filled.client.get("/models/champion/example.json?row=9999").json() is None
    assert filled.client.get("/models/champion/example.json?row=0").status_code == 422


@pytest.mark.parametrize(
    ("left_out", "words"), [(True, "from some of that table's rows only"), (False, "learned from")]
)
def test_the_playground_claims_no_row_that_a_recipe_may_have_left_out(
    filled: Served, monkeypatch: pytest.MonkeyPatch, left_out: bool, words: str
) -> None:
    found = Example(None, "fleet", left_out, 8, 7, {}, None)
    monkeypatch.setattr(playground, "example_if_readable", lambda *_: (found, None))
    text = unescape(filled.client.get("/models/champion/playground", headers=HTML).text)
    assert "The example is row 7 of fleet" in text and words in text
    assert ("which the model may have learned from" in text) is not left_out


def test_a_run_knows_how_every_metric_is_written(filled: Served) -> None:
    text = filled.client.get(addresses(filled)[9], headers=HTML).text
    monitor = json.loads(unescape(re.search(r"data-monitor='([^']*)'", text)[1]))  # type: ignore[index]

    assert monitor["metric"]["name"] is None
    assert monitor["metrics"]["accuracy"] == {
        "name": "accuracy", "title": "Accuracy", "format": "percent", "greater": True
    }  # fmt: skip
    assert not monitor["metrics"]["rmse"]["greater"]


def test_what_was_not_finished_in_time_has_not_failed(filled: Served) -> None:
    listed = filled.client.get("/api/training").json()["items"]
    done = next(job["id"] for job in listed if job["status"] == "completed")
    text = filled.client.get(f"/jobs/{done}").text
    assert re.search(r'<li class="log-quiet">.*<span>Support vector machine: not finished in time.</span>', text)
    assert "1 failed trial" in text


def test_an_unknown_page_says_so(filled: Served) -> None:
    answer = filled.client.get("/models/nowhere", headers=HTML)
    assert answer.status_code == 404
    assert "There is no such model." in answer.text
    assert filled.client.get("/models/nowhere").headers["content-type"] == "application/problem+json"


def test_the_palette_reaches_data_sets_runs_and_models(filled: Served) -> None:
    urls = {item["url"] for item in filled.client.get("/palette.json").json()["items"]}
    assert {*addresses(filled)[:3], addresses(filled)[4], "/models/champion"} <= urls


def test_a_form_field_for_each_kind_of_column() -> None:
    def kind(**feature: object) -> str:
        return playground.form_field(0, {"name": "c", "dtype": "String", "example": None, **feature}, None).kind

    assert kind(role="numeric", dtype="Float64", min=0, max=1) == "number"
    assert kind(role="boolean", dtype="Boolean", example=True) == "select"
    assert playground.form_field(0, {"name": "c", "role": "boolean", "example": "No"}, None).options == ["Yes", "No"]
    assert kind(role="categorical", categories=["a", "b"]) == "select"
    assert kind(role="categorical", categories=[str(number) for number in range(50)]) == "suggest"
    assert kind(role="datetime", dtype="Date") == "date"
    assert kind(role="datetime", dtype="Datetime(time_unit='us', time_zone=None)") == "datetime"
    assert kind(role="text") == "text"


def declared(template: str) -> set[str]:
    """The variables that a template, and all that it extends, includes or imports, takes from outside."""
    env = environment()
    syntax = env.parse((templates_root() / template).read_text(encoding="utf-8"))
    names = meta.find_undeclared_variables(syntax) - set(env.globals)
    for other in meta.find_referenced_templates(syntax):
        assert other, f"{template} names a template by a variable"
        names |= declared(other)
    # Macros that it imports, and what it sets for a part that it includes, come from the templates themselves.
    names -= {
        node.name for found in syntax.find_all(nodes.With) for node in found.targets if isinstance(node, nodes.Name)
    }
    names -= {found.name for found in syntax.find_all(nodes.Macro)}
    names -= {name for found in syntax.find_all(nodes.FromImport) for name in found.names if isinstance(name, str)}
    return names - {found.target for found in syntax.find_all(nodes.Import)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_a_template_takes_what_its_class_declares(page: type[Page]) -> None:
    """Nothing that is not a field, and no field for nothing; `title` and `frame` are every page's."""
    names = {field.name for field in fields(page)}
    assert declared(page.template) <= names
    assert names - declared(page.template) <= {"title", "frame"}
