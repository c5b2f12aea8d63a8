"""Suggestions of a model: asked within a closed schema, checked, tried, and nothing done."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowml.assistant.model import Misshapen, NoAssistant
from flowml.domain.datasets import Dataset
from flowml.domain.errors import NotFound, TooLarge
from flowml.services.assistant.sent import MARK, Wish, sent
from flowml.services.assistant.sharing import change_sharing
from flowml.services.assistant.suggesting import cleaning_question, suggest_cleaning, suggest_features
from flowml.services.context import Context
from flowml.services.versions import preview_transform
from tests.assistant.serving import assisted
from tests.assistant.stand_in import StandIn, stand_in
from tests.services.assistant.tables import context_in, people, uploaded

AGE, TOWN, EMAIL, UNIT, BOUGHT = (f"c{at}" for at in range(1, 6))


@pytest.fixture
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture
def context(tmp_path: Path, ollama: StandIn) -> Iterator[Context]:
    with assisted(tmp_path / "home", ollama) as found:
        yield found


@pytest.fixture
def dataset(context: Context) -> Dataset:
    return uploaded(context, people())


def suggesting(*operations: Any, reason: str = "c1 has gaps.", facts: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"reason": reason, "facts": list(facts), "operations": list(operations)}


def answer(*suggestions: Any) -> str:
    return json.dumps({"suggestions": suggestions})


def test_a_suggestion_is_in_the_names_of_the_table_and_was_tried(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    fill = {"op": "fill", "column": AGE, "with": "median"}
    ollama.answers(answer(suggesting(fill, facts=("f2", "f2"))))
    found = suggest_cleaning(context, dataset.id)
    (one,) = found.suggestions
    assert one.title == "Fill what is missing in “age” with the median"
    assert one.reason == "“age” has gaps."
    assert dict(one.operations[0])["column"] == "age"
    assert (one.effect.cells_changed, one.effect.rows_removed, one.effect.destroys) == (12, 0, False)
    assert [fact.id for fact in one.facts] == ["f2"]
    assert (found.model, found.dropped) == ("stand-in:3b", ())
    assert "this machine" in found.where
    assert context.store.datasets.count() == 1


def test_numbers_of_a_reason_are_held_against_the_figures(context: Context, ollama: StandIn, dataset: Dataset) -> None:
    fill = {"op": "fill", "column": AGE, "with": "median"}
    facts = cleaning_question(context, dataset.id, mark=MARK).told.facts
    gaps = next(fact.id for fact in facts if fact.column == "age" and "12 values missing (20%)" in fact.sentence)
    for cited, kinds in ((gaps, ["invented"]), ("f2", ["elsewhere", "elsewhere", "invented"])):
        reason = f"c1 is missing in 12 rows (20%) [{cited}], and 4711 customers complained [f9999]."
        ollama.answers(answer(suggesting(fill, reason=reason)))
        (one,) = suggest_cleaning(context, dataset.id).suggestions
        assert one.reason.startswith("“age” is missing in 12 rows (20%)") and "[" not in one.reason
        assert [str(mark.kind) for mark in one.marks] == kinds
        assert one.reason[one.marks[-1].start : one.marks[-1].end] == "4711"
        assert [fact.id for fact in one.facts] == [cited]


@pytest.mark.parametrize(
    ("suggestion", "elsewhere"),
    [
        ({"operations": [{"op": "drop", "columns": [UNIT]}]}, 1),
        ({"operations": [{"op": "fill", "column": AGE, "with": "median"}]}, 0),
        ({"operations": [{"op": "derive", "column": "x", "expression": f"coalesce({AGE}, 1)"}]}, 0),
        ({"operations": [{"op": "drop", "columns": [UNIT]}, {"op": "fill", "column": AGE, "with": "median"}]}, 0),
        ({"operations": [{"op": "drop_missing", "how": "any"}]}, 0),
        ({"operations": [], "code": f'df = df.with_columns(pl.col("{TOWN}").str.to_lowercase())'}, 1),
        ({"operations": [], "code": "df = df.unique()"}, 0),
    ],
)
def test_a_fact_about_a_column_that_is_not_touched_is_told_apart(
    context: Context, ollama: StandIn, dataset: Dataset, suggestion: dict[str, Any], elsewhere: int
) -> None:
    facts = sent(context, Wish("cleaning", dataset.id)).messages[1].content
    about_age = next(line for line in facts.splitlines() if '"id": "f' in line and "c1" in line)
    cited = re.findall(r"f\d+", about_age)[0]
    ollama.answers(answer({"reason": "c1 has 12 gaps.", "facts": [cited], **suggestion}))
    found = suggest_cleaning(context, dataset.id)
    (one,) = found.suggestions
    assert one.elsewhere == (cited,) * elsewhere, (one, facts)


def test_what_cannot_be_done_or_does_nothing_is_told_and_not_suggested(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    ollama.answers(
        answer(
            suggesting({"op": "fill", "column": UNIT, "with": "most_frequent"}),
            suggesting({"op": "clip", "column": TOWN, "low": 0}),
            suggesting({"op": "filter", "expression": f"{AGE} > 1000"}),
            suggesting({"op": "derive", "column": "x", "expression": "nobody + 1"}),
            suggesting(),
            suggesting({"op": "drop", "columns": [UNIT]}),
        )
    )
    found = suggest_cleaning(context, dataset.id)
    assert [one.title for one in found.suggestions] == ["Drop “unit”"]
    assert found.suggestions[0].effect.destroys
    whys = [one.why for one in found.dropped]
    assert len(whys) == 5
    assert whys[0] == "It would change nothing." and whys[2] == "No row would be left."
    assert "nobody" in whys[3] and whys[4] == "It names no operation."


def test_what_cannot_be_tried_does_not_end_the_others(
    context: Context, ollama: StandIn, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = {"drop": TooLarge("It is too large."), "rename": ValueError("never thought of")}

    def tried(context: Context, dataset_id: str, operations: Any) -> Any:
        if (error := errors.get(operations[0]["op"])) is not None:
            raise error
        return preview_transform(context, dataset_id, operations)

    monkeypatch.setattr("flowml.services.assistant.fitting.preview_transform", tried)
    steps = (
        {"op": "drop", "columns": [UNIT]},
        {"op": "rename", "column": UNIT, "to": "u"},
        {"op": "clip", "column": AGE, "high": 1e308},
        {"op": "fill", "column": AGE, "with": "median"},
    )
    ollama.answers(answer(*map(suggesting, steps)))
    found = suggest_cleaning(context, dataset.id)
    assert [one.operations[0]["op"] for one in found.suggestions] == ["fill"]
    assert [one.why for one in found.dropped] == [
        "It is too large.",
        "It could not be tried, because of an error in FlowML.",
        "It would change nothing.",
    ]
    errors["fill"] = NotFound("It is gone.")
    with pytest.raises(NotFound):
        suggest_cleaning(context, dataset.id)


def test_code_is_told_where_operations_cannot_say_it_and_refused_by_its_line(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    good = f'df = df.with_columns(pl.col("{AGE}").rank().over("{TOWN}").alias("rank"))'
    bad = f'df = df.drop("{UNIT}")\nimport os\ndf = df.head(1)'
    suggestions = [suggesting() | {"code": good}, suggesting() | {"code": bad}]
    ollama.answers(answer(*suggestions))
    found = suggest_cleaning(context, dataset.id)
    (one,) = found.suggestions
    assert one.code == "df = df.with_columns(pl.col('age').rank().over('town').alias(\"rank\"))"
    assert (one.title, one.operations, one.effect) == ("Code of 1 line", (), None)
    assert [each.title for each in found.dropped] == ["Code of 3 lines"]
    assert found.dropped[0].why.startswith("Line 2,")
    assert context.store.datasets.count() == 1


def test_expressions_and_withheld_values_get_their_names_back(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    def reply(messages: Any) -> str:
        told = messages[1]["content"]
        # The finding about spellings names both, under ids.
        assert "bonn" not in told.lower()
        merge = {"op": "map_values", "column": TOWN, "values": {"v1": "v2"}}
        derive = {"op": "derive", "column": "older", "expression": f"{AGE} * 2 + length(`{TOWN}`)"}
        return answer(suggesting(merge), suggesting(derive), suggesting(derive))

    ollama.answers(reply)
    found = suggest_cleaning(context, dataset.id)
    assert [dict(one.operations[0]) for one in found.suggestions] == [
        {"op": "map_values", "column": "town", "values": {"bonn": "Bonn"}, "other": "keep"},
        {"op": "derive", "column": "older", "expression": "`age` * 2 + length(`town`)"},
    ]


def test_features_keep_away_from_the_target_and_take_nothing_away(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    ollama.answers(
        answer(
            suggesting({"op": "derive", "column": "old", "expression": f"{AGE} > 40"}),
            suggesting({"op": "derive", "column": "known", "expression": f'{BOUGHT} = "yes"'}),
            suggesting({"op": "derive", "column": BOUGHT, "expression": "1"}),
        )
    )
    found = suggest_features(context, dataset.id, "bought")
    assert [one.title for one in found.suggestions] == ["Compute “old” as `age` > 40"]
    assert {one.why for one in found.dropped} == {"It uses “bought”, which is what is to be predicted."}
    schema = ollama.chats[0].body["format"]
    assert BOUGHT not in schema["$defs"]["column"]["enum"]
    said = json.dumps(schema)
    assert not any(f'{{"const": "{name}"}}' in said for name in ("drop", "keep", "rename", "filter", "drop_missing"))


def test_an_answer_outside_the_schema_is_none(context: Context, ollama: StandIn, dataset: Dataset) -> None:
    ollama.models[0].binds = ollama.models[0].binds_thinking = False
    ollama.answers(json.dumps({"suggestions": [suggesting({"op": "run", "command": "rm"})]}))
    with pytest.raises(Misshapen):
        suggest_cleaning(context, dataset.id)
    assert len(ollama.chats) == 2
    assert context.store.datasets.count() == 1


def test_without_a_model_it_is_said_what_to_do(tmp_path: Path) -> None:
    context = context_in(tmp_path / "alone")
    dataset = uploaded(context, people())
    with pytest.raises(NoAssistant) as raised:
        suggest_cleaning(context, dataset.id)
    assert raised.value.hint
    context.store.close()


@pytest.mark.parametrize("purpose", ["cleaning", "features"])
@pytest.mark.parametrize("is_shared", [False, True])
def test_what_is_shown_is_what_is_sent(
    context: Context, ollama: StandIn, dataset: Dataset, purpose: str, is_shared: bool
) -> None:
    change_sharing(context, dataset.id, ordinary=is_shared)
    ollama.answers(answer())
    shown = sent(context, Wish(purpose, dataset.id, "bought"))
    assert not ollama.chats
    suggest = suggest_cleaning if purpose == "cleaning" else suggest_features
    suggest(context, dataset.id, "bought")
    (went,) = ollama.chats
    mark = went.messages[1]["content"].split("\n")[0].removeprefix("BEGIN DATA ")
    assert len(mark) == len(MARK) and mark != MARK
    assert [message["content"].replace(mark, MARK) for message in went.messages] == [
        message.content for message in shown.messages
    ]
    assert [message["role"] for message in went.messages] == [str(message.role) for message in shown.messages]
    assert went.body["format"] == shown.schema
    assert ("“Bonn”" in went.text) is is_shared
    assert "mail.example" not in went.text and "people" not in went.messages[1]["content"]
    assert (shown.model, shown.is_local) == ("stand-in:3b", True)
    assert "asked once more" in shown.afterwards[0]


def test_what_is_to_be_predicted_is_not_taken_away_and_a_change_of_it_is_said(
    context: Context, ollama: StandIn, dataset: Dataset
) -> None:
    taking = (
        {"op": "drop", "columns": [BOUGHT]},
        {"op": "keep", "columns": [AGE, TOWN]},
        {"op": "map_values", "column": BOUGHT, "values": {"yes": "no"}},
        {"op": "drop", "columns": [UNIT]},
    )
    ollama.answers(answer(*map(suggesting, taking)))
    found = suggest_cleaning(context, dataset.id, "bought")
    assert [one.why for one in found.dropped] == ["It would take away “bought”, which is what is to be predicted."] * 2
    changed, dropped = found.suggestions
    assert changed.effect is not None and changed.effect.changes_target
    assert dropped.effect is not None and not dropped.effect.changes_target
    # Nothing is to be predicted where nobody has said what.
    assert len(suggest_cleaning(context, dataset.id).suggestions) == 4
