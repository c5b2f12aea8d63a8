import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowml.assistant.facts import Briefing
from flowml.assistant.telling import MOST_CHARACTERS, tell
from flowml.domain.errors import InvalidInput
from flowml.services.assistant.briefing import MOST_COLUMNS, of_dataset
from flowml.services.context import Context
from tests.services.assistant.tables import context_in, people, uploaded


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    found = context_in(tmp_path / "home")
    yield found
    found.store.close()


def sentences(briefing: Briefing, column: str) -> str:
    return " ".join(fact.sentence for fact in briefing.facts if fact.column == column)


def test_what_is_known_of_a_table_is_told_in_sentences(context: Context) -> None:
    dataset = uploaded(context, people())
    briefing = of_dataset(context, dataset.id, "bought")
    assert briefing.columns == ("age", "town", "email", "unit", "bought")
    assert briefing.facts[0].sentence == "The table has 60 rows and 5 columns; 4% of all cells are missing."
    assert briefing.facts[0].figures == (60, 5, 0.04)
    assert "“age” has no value in 12 rows (20%)." in sentences(briefing, "age")
    assert "from 20 to 56" in sentences(briefing, "age")
    assert "“town” goes together with “bought”: 0." in sentences(briefing, "town")
    assert [fact.id for fact in briefing.facts] == [f"f{at}" for at in range(1, len(briefing.facts) + 1)]
    assert all(fact.link.startswith(f"/datasets/{dataset.id}") for fact in briefing.facts)


def test_values_leave_only_with_leave(context: Context) -> None:
    dataset = uploaded(context, people())
    kept = tell("", of_dataset(context, dataset.id), "", mark="m").messages[1].content
    assert "Bonn" not in kept and "p1@mail" not in kept and "people" not in kept and "“kg”" not in kept
    shared = tell("", of_dataset(context, dataset.id, shared=["town"]), "", mark="m").messages[1].content
    assert "“Bonn”" in shared and "p1@mail" not in shared


def test_a_wide_table_is_told_in_part_and_says_so(context: Context) -> None:
    names = [f"measurement_of_sensor_number_{at}" for at in range(300)] + ["gaps", "answer"]
    rows = [
        ",".join([*(str(at * row % 17) for at in range(300)), "" if row % 2 else "1.5", str(row % 2)])
        for row in range(60)
    ]
    dataset = uploaded(context, "\n".join([",".join(names), *rows]).encode())
    briefing = of_dataset(context, dataset.id, "answer")
    content = tell("", briefing, "", mark="m").messages[1].content
    assert len(content) < 1.2 * MOST_CHARACTERS
    assert f"The figures of {302 - MOST_COLUMNS} columns are left out" in content
    told = json.loads(content.partition("\n")[2].rpartition("\n")[0])
    assert {"gaps", "answer"} <= set(told["columns"].values())


def test_dates_are_no_target_that_anything_goes_with(context: Context) -> None:
    rows = "\n".join(f"2024-01-{1 + at % 28:02},{at % 7}" for at in range(40))
    dataset = uploaded(context, f"day,amount\n{rows}".encode())
    briefing = of_dataset(context, dataset.id, "day")
    assert "from 2024-01-01 to 2024-01-28" in sentences(briefing, "day")
    with pytest.raises(InvalidInput):
        of_dataset(context, dataset.id, "nothing")
