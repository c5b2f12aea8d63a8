"""Code on a stored table: what was seen and approved becomes a version, and nothing else does."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.domain.access.caller import Principal
from flowml.domain.datasets import Dataset
from flowml.domain.errors import InvalidInput, NoRoom, NotFound, NotReady, WrongState
from flowml.domain.recipes import CodePreview
from flowml.services import datasets, versions
from flowml.services.assistant import executing
from flowml.services.assistant.executing import apply_code, preview_code
from flowml.services.assistant.previewed import LASTS_SECONDS, MOST, MOST_OF_ONE, SHELF, Key, Previewed, Shelf
from flowml.services.context import Context
from flowml.services.examples import example_of
from flowml.services.tables import run_task
from flowml.store.room import Room
from tests.services.assistant.tables import context_in, uploaded
from tests.services.records import add_job, add_model

CSV = b"name,age,city,since\n Ada ,36,Ulm,1.2.2023\nBo,x,ulm,3.2.2023\nCy,,Bern,4.2.2023\nBo,x,ulm,3.2.2023\n"
CLEAN = """df = df.with_columns(pl.col("city").str.to_titlecase(), old=pl.col("age").is_not_null())
df = df.unique(maintain_order=True)"""


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    context = context_in(tmp_path_factory.mktemp("home"))
    yield context
    context.store.close()


@pytest.fixture(scope="module")
def first(context: Context) -> Dataset:
    return uploaded(context, CSV)


@pytest.fixture(scope="module")
def cleaned(context: Context, first: Dataset) -> Dataset:
    preview_code(context, first.id, CLEAN)
    return apply_code(context, first.id, CLEAN)


def stored(context: Context, dataset: Dataset) -> pl.DataFrame:
    return pl.read_parquet(context.store.files.path(dataset.table))


def test_a_preview_says_what_would_change_and_stores_nothing(context: Context, first: Dataset) -> None:
    found = preview_code(context, first.id, CLEAN)
    assert (found.n_rows_before, found.n_rows_after) == (4, 3)
    assert [(column.name, column.cells_changed) for column in found.columns_changed] == [("city", 1)]
    assert (found.columns_added, found.columns_removed, found.columns_renamed) == (("old",), (), {})
    assert found.before.rows[0][2] == "ulm" and found.after.rows[0][2] == "Ulm" and found.rows == (2, 1, 3)
    assert found.removed_rows == (4,) and found.removed.rows[0][0] == "Bo"
    assert [spread.column for spread in found.spreads] == ["city", "old"]
    assert found.confinement == executing.confinement() and len(found.preview_id) == 32
    assert context.store.datasets.children(first.id) == []


def test_what_was_seen_and_approved_is_a_version_with_its_code(context: Context, cleaned: Dataset) -> None:
    assert stored(context, cleaned).to_dict(as_series=False) == {
        "name": ["Ada", "Bo", "Cy"],
        "age": ["36", "x", None],
        "city": ["Ulm", "Ulm", "Bern"],
        "since": stored(context, cleaned)["since"].to_list(),
        "old": [True, True, False],
    }
    assert (cleaned.code, cleaned.recipe, cleaned.root_table, cleaned.source) == (CLEAN, (), None, None)
    assert cleaned.how_read.notations == {} and cleaned.name == "people (version 2)"
    assert {column.name for column in context.store.datasets.stats(cleaned.id)} == {
        "name",
        "age",
        "city",
        "since",
        "old",
    }
    assert context.store.datasets.get(cleaned.id) == cleaned


def test_whoever_approves_again_gets_the_same_version(context: Context, first: Dataset, cleaned: Dataset) -> None:
    assert apply_code(context, first.id, CLEAN).id == cleaned.id


def test_a_preview_that_is_approved_already_makes_no_second_version(context: Context, first: Dataset) -> None:
    code = "df = df.head(2)"
    once = preview_code(context, first.id, code)
    made = apply_code(context, first.id, code, preview_id=once.preview_id)
    again = preview_code(context, first.id, code)
    assert again.preview_id == once.preview_id
    assert apply_code(context, first.id, code, preview_id=again.preview_id).id == made.id


def test_with_a_data_set_what_was_made_of_it_goes(context: Context) -> None:
    dataset = uploaded(context, CSV)
    waiting = context.store.files.new_temp().parent
    before = {*waiting.rglob("*")}
    preview_code(context, dataset.id, CLEAN)
    assert {*waiting.rglob("*")} != before
    datasets.delete_dataset(context, dataset.id)
    assert {*waiting.rglob("*")} == before


def test_code_leaves_the_room_that_is_kept(
    context: Context, first: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, kept = context.store.files.new_temp().parent, 1_000_000
    before = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    seen = []

    def free(_: Path) -> tuple[int, int]:
        used = sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) - before
        seen.append(4_000_000 - used)
        return seen[-1], 50 * kept

    monkeypatch.setattr(context.store, "room", Room(tmp_path, free))
    wide = "[pl.int_range(100_000).hash(n).alias(f'c{n}') for n in range(20)]"
    with pytest.raises((InvalidInput, NoRoom)):
        preview_code(context, first.id, f"df = pl.select({wide})")
    assert min(seen) >= kept - (1 << 16)
    assert sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) == before


def test_two_who_approve_at_once_get_the_same_version(context: Context, first: Dataset) -> None:
    code = "df = df.head(2)"
    found = preview_code(context, first.id, code)
    made: list[str] = []
    threads = [
        threading.Thread(
            target=lambda: made.append(apply_code(context, first.id, code, preview_id=found.preview_id).id)
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2 and len(set(made)) == 1
    datasets.delete_dataset(context, made[0])
    # Taken away and approved once more, it is made once more.
    assert apply_code(context, first.id, code).id != made[0]


def test_what_nobody_has_seen_cannot_be_approved(context: Context, first: Dataset, cleaned: Dataset) -> None:
    with pytest.raises(WrongState, match="no preview of this code on this table"):
        apply_code(context, first.id, "df = df.head(1)")
    # The same code on another table, by another caller, another result, and later.
    with pytest.raises(WrongState, match="no preview"):
        apply_code(context, cleaned.id, CLEAN)
    with pytest.raises(WrongState, match="no preview"):
        apply_code(context.of(Principal("somebody else", frozenset())), first.id, CLEAN)
    with pytest.raises(WrongState, match="not one of those"):
        apply_code(context, first.id, CLEAN, preview_id="0" * 32)
    with pytest.raises(NotFound):
        preview_code(context, "nothing", CLEAN)
    with pytest.raises(WrongState, match="no preview"):
        later = replace(context, steady=lambda: context.steady() + LASTS_SECONDS)
        code = "df = df.head(3)"
        preview_code(context, first.id, code)
        apply_code(later, first.id, code)


def test_a_result_that_was_changed_on_the_disk_is_not_stored(context: Context, first: Dataset) -> None:
    code = "df = df.tail(2)"
    preview_code(context, first.id, code)
    with SHELF.hold(executing._key(context, first, code), None, context.steady()) as held:
        assert held is not None
        held.path.write_bytes(held.path.read_bytes() + b"x")
    with pytest.raises(WrongState, match="no longer there"):
        apply_code(context, first.id, code)
    # Shown once more, it is there once more.
    preview_code(context, first.id, code)
    assert apply_code(context, first.id, code).n_rows == 2


def test_what_chance_decides_is_stored_as_it_was_seen(context: Context, first: Dataset) -> None:
    code = 'df = df.group_by("city").agg(pl.col("name").first())'
    seen = preview_code(context, first.id, code)
    assert [remark.code for remark in seen.remarks] == ["rows_made_anew"] and seen.rows == ()
    made = apply_code(context, first.id, code)
    assert [list(row) for row in stored(context, made).rows()] == [list(row) for row in seen.first.rows]
    assert made.remarks == ()


def test_refusals_and_failures_name_their_lines(context: Context, first: Dataset) -> None:
    with pytest.raises(InvalidInput, match="2 things in the code are not allowed") as refused:
        preview_code(context, first.id, "import os\ndf = df.write_csv('x')")
    assert [field.field for field in refused.value.fields] == ["code.1.1", "code.2.9"]
    with pytest.raises(InvalidInput, match="2 things"):
        apply_code(context, first.id, "import os\ndf = df.write_csv('x')")
    with pytest.raises(InvalidInput, match=r"Line 2: .*nope") as failed:
        preview_code(context, first.id, "df = df.head(3)\ndf = df.filter(pl.col('nope') == 1)")
    assert [field.field for field in failed.value.fields] == ["code.2"]
    with pytest.raises(InvalidInput, match="No row would be left"):
        preview_code(context, first.id, "df = df.filter(pl.col('name') == 'nobody')")
    with pytest.raises(InvalidInput, match="no table but something else"):
        preview_code(context, first.id, "df.height")


def test_nested_columns_become_what_an_upload_would_make_of_them(context: Context, first: Dataset) -> None:
    found = preview_code(
        context,
        first.id,
        'df = df.select(pl.struct("name", "city").alias("who"), pl.col("name").str.split(" "), "age")',
    )
    assert found.after.columns == ("who.name", "who.city", "name", "age")
    assert [remark.code for remark in found.remarks] == ["lists_as_text", "columns_moved"]


def test_rows_that_change_places_are_told_from_those_that_change(context: Context, first: Dataset) -> None:
    found = preview_code(context, first.id, 'df = df.sort("city", nulls_last=True).rename({"age": "years"})')
    assert (found.rows_changed, found.rows) == (0, (3, 1, 2, 4)) and found.columns_renamed == {"age": "years"}
    assert [remark.code for remark in found.remarks] == ["rows_moved"]
    doubled = preview_code(context, first.id, "df = pl.concat([df, df])")
    assert (doubled.n_rows_after, doubled.rows_changed, doubled.removed_rows) == (8, 0, ())
    assert [remark.code for remark in doubled.remarks] == ["rows_replaced", "rows_moved"]


def test_results_that_differ_by_chance_are_approved_by_their_id(context: Context, first: Dataset) -> None:
    code = 'df = df.group_by("city").agg(pl.len())'
    shown: dict[str, CodePreview] = {}
    while len(shown) < 2:
        found = preview_code(context, first.id, code)
        shown.setdefault(found.preview_id, found)
    with pytest.raises(WrongState, match="different results"):
        apply_code(context, first.id, code)
    for found in shown.values():
        made = apply_code(context, first.id, code, preview_id=found.preview_id)
        assert [list(row) for row in stored(context, made).rows()] == [list(row) for row in found.first.rows]


@pytest.mark.parametrize("others", ["df = df.head(1)", "df = df.tail(3)"])
def test_what_is_previewed_meanwhile_takes_nothing_from_who_approves(
    context: Context, first: Dataset, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    code = "df = df.head(1)"
    found = preview_code(context, first.id, code)
    really = run_task

    def meanwhile(where: Context, task: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
        if task == "describe":
            monkeypatch.setattr(executing, "run_task", really)
            preview_code(where, first.id, others)
            for at in range(MOST_OF_ONE):
                path = where.store.files.new_temp()
                path.write_bytes(b"")
                shelved = Previewed(str(at), path, "", 0, where.steady() + 9, [])
                SHELF.put(executing._key(where, first, str(at)), shelved, where.steady())
        return really(where, task, request, **more)

    monkeypatch.setattr(executing, "run_task", meanwhile)
    assert apply_code(context, first.id, code, preview_id=found.preview_id).n_rows == 1


def test_a_disk_without_links_takes_a_copy(context: Context, first: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(target))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    code = "df = df.slice(1, 2)"
    preview_code(context, first.id, code)
    assert apply_code(context, first.id, code).n_rows == 2


def test_nobody_waits_for_one_who_has_left(context: Context, first: Dataset) -> None:
    left = threading.Event()
    left.set()
    with pytest.raises(NotReady):
        preview_code(replace(context, left=left), first.id, CLEAN)


def test_a_history_shows_code_and_a_recipe_begins_anew_behind_it(
    context: Context, first: Dataset, cleaned: Dataset
) -> None:
    before = versions.apply_transform(context, first.id, [{"op": "drop", "columns": ["age"]}])
    code = 'df = df.with_columns(pl.col("city").str.to_titlecase())'
    preview_code(context, before.id, code)
    coded = apply_code(context, before.id, code)
    after = versions.apply_transform(context, coded.id, [{"op": "drop", "columns": ["since"]}])
    assert (after.code, after.root_table, len(after.recipe)) == (None, coded.table, 1)
    found = versions.lineage(context, after.id)
    titles = [[step.title for step in version.steps] for version in found.versions]
    assert titles == [[], ["Drop “age”"], ["1 line of code"], ["Drop “since”"]]
    assert found.versions[2].steps[0].operation == {"op": "code", "code": code} and found.start == 2
    assert versions.lineage(context, cleaned.id).start == 1 and versions.lineage(context, first.id).start == 0
    # A model made of it is tried with a row as that version has them.
    job = add_job(context.store, dataset_id=after.id, target="city")
    schema = [{"name": "name", "role": "categorical", "dtype": "String"}]
    model = add_model(context.store, job, "m", 0.9, target="city", details={"schema": schema})
    example = example_of(context, model, 2)
    assert example is not None and example.dataset is not None
    assert (example.dataset.id, example.truth) == (coded.id, "Ulm")
    datasets.delete_dataset(context, before.id)
    assert [[step.title for step in version.steps] for version in versions.lineage(context, after.id).versions] == [
        ["1 line of code"],
        ["Drop “since”"],
    ]


def held(folder: Path, name: str, n_bytes: int = 1, until: float = 10.0) -> Previewed:
    path = folder / name
    path.write_text(name)
    return Previewed(name, path, "", n_bytes, until, [])


def key(name: str, who: str = "a") -> Key:
    return who, "home", "table", name


def test_results_that_wait_are_few_and_go_with_time(tmp_path: Path) -> None:
    shelf = Shelf()
    for at in range(MOST_OF_ONE + 1):
        shelf.put(key(str(at)), held(tmp_path, str(at)), 0.0)
    assert not shelf.knows(key("0"), 0.0) and not (tmp_path / "0").exists()
    assert shelf.knows(key("1"), 0.0)
    # Who has most gives way, and nobody who has one to somebody who has many.
    for at in range(MOST - 1):
        shelf.put(key("x", f"who{at}"), held(tmp_path, f"who{at}"), 0.0)
    assert len(list(tmp_path.iterdir())) == MOST and shelf.knows(key("6"), 0.0)
    for at in range(MOST_OF_ONE):
        shelf.put(key(str(at), "b"), held(tmp_path, f"b{at}"), 0.0)
    assert len(list(tmp_path.iterdir())) == MOST and shelf.knows(key("5", "b"), 0.0)
    assert not shelf.knows(key("x", "who3"), 10.0)
    shelf.forget_old(10.0)
    assert list(tmp_path.iterdir()) == []


def test_results_that_wait_take_only_so_much_room(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.put(key("large"), held(tmp_path, "large", 3 << 30), 0.0)
    shelf.put(key("larger"), held(tmp_path, "larger", 5 << 30), 0.0)
    assert not shelf.knows(key("large"), 0.0) and shelf.knows(key("larger"), 0.0)


def test_what_is_being_approved_stays_until_it_is(tmp_path: Path) -> None:
    shelf = Shelf()
    shelf.put(key("a"), held(tmp_path, "a"), 0.0)
    with shelf.hold(key("a"), None, 0.0) as found:
        shelf.forget_old(10.0)
        assert found is not None and found.path.exists() and not shelf.knows(key("a"), 0.0)
    assert not found.path.exists()
