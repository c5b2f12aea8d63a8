from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.assistant.telling import tell
from flowml.domain.access.caller import Permission, Principal
from flowml.domain.errors import Forbidden, InvalidInput
from flowml.services import datasets, versions
from flowml.services.assistant.briefing import of_dataset
from flowml.services.assistant.sharing import change_sharing, shared_columns, sharing
from flowml.services.context import Context
from tests.services.assistant.tables import context_in, people, uploaded

SOMEBODY = Principal("somebody", frozenset({Permission.READ, Permission.WRITE}))


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    found = context_in(tmp_path / "home")
    yield found
    found.store.close()


def test_nothing_is_shared_until_the_owner_says_so(context: Context) -> None:
    dataset = uploaded(context, people())
    assert shared_columns(context, dataset.id) == frozenset()
    assert {column.name: column.personal for column in sharing(context, dataset.id).columns} == {
        "town": None,
        "email": "what identifies the rows",
        "unit": None,
        "bought": None,
    }
    change_sharing(context, dataset.id, columns={"town": True})
    assert shared_columns(context, dataset.id) == {"town"}


def test_one_switch_shares_all_that_does_not_look_personal(context: Context) -> None:
    dataset = uploaded(context, people())
    change_sharing(context, dataset.id, ordinary=True)
    assert shared_columns(context, dataset.id) == {"town", "unit", "bought"}
    change_sharing(context, dataset.id, columns={"unit": False, "email": True})
    assert shared_columns(context, dataset.id) == {"town", "bought", "email"}
    shared = shared_columns(context, dataset.id)
    content = tell("", of_dataset(context, dataset.id, shared=shared), "", mark="m").messages[1].content
    assert "“Bonn”" in content and "“p0@mail.example”" in content and "“kg”" not in content


def test_versions_have_what_their_table_has(context: Context) -> None:
    dataset = uploaded(context, people())
    change_sharing(context, dataset.id, columns={"town": True, "email": True})
    step = {"op": "fill", "column": "age", "value": 30}
    version = versions.apply_transform(context, dataset.id, [step])
    assert shared_columns(context, version.id) == {"town", "email"}
    # Taken back anywhere, it is taken back everywhere; what is deleted takes nothing with it.
    change_sharing(context, version.id, columns={"email": False})
    assert shared_columns(context, dataset.id) == {"town"}
    datasets.delete_dataset(context, dataset.id)
    assert shared_columns(context, version.id) == {"town"}


def test_what_a_name_stands_for_later_is_not_shared_by_an_old_tick(context: Context) -> None:
    dataset = uploaded(context, people())
    change_sharing(context, dataset.id, columns={"town": True}, ordinary=True)
    steps = [{"op": "drop", "columns": ["town"]}, {"op": "rename", "column": "email", "to": "town"}]
    version = versions.apply_transform(context, dataset.id, steps)
    assert "town" not in shared_columns(context, version.id)


def test_only_the_owner_and_who_runs_the_server_decide(context: Context) -> None:
    dataset = uploaded(context, people())
    with pytest.raises(Forbidden):
        change_sharing(context.of(SOMEBODY), dataset.id, ordinary=True)
    assert not sharing(context.of(SOMEBODY), dataset.id).may_change
    theirs = versions.apply_transform(context.of(SOMEBODY), dataset.id, [{"op": "drop", "columns": ["age"]}])
    assert change_sharing(context.of(SOMEBODY), theirs.id, ordinary=True).ordinary
    assert not sharing(context, dataset.id).ordinary
    change_sharing(context, dataset.id, ordinary=True)
    change_sharing(context.of(SOMEBODY), theirs.id, ordinary=False)
    assert not sharing(context, dataset.id).ordinary
    with pytest.raises(InvalidInput, match="no column"):
        change_sharing(context, dataset.id, columns={"age": True})
    with pytest.raises(InvalidInput, match="is no column"):
        change_sharing(context, dataset.id, columns={"tow": True})
