"""FlowML's own answers: whatever is asked of whatever columns, there is one, and its figures are those of the table."""

from collections.abc import Iterator

import pytest

from flowml.assistant.answers.composing import OwnAnswer
from flowml.assistant.answers.subject import Table
from flowml.assistant.answers.table import answer_about_table
from flowml.assistant.answers.understanding import Kind, Question, understand
from flowml.services.assistant import answering
from flowml.services.context import Context
from tests.services.assistant.tables import context_in, uploaded

TINY = b"a,b,name,day,empty\n1,2.5,Xaver,2020-01-01,\n2,1.5,Yve,2020-01-02,\n2,0.5,Zoe,2020-01-05,\n"
ONE = b"a,b,name,day,empty\n1,2.5,Xaver,2020-01-01,\n"


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    context = context_in(tmp_path_factory.mktemp("home"))
    yield context
    context.store.close()


def table_of(context: Context, content: bytes, target: str | None = None) -> Table:
    return answering._table(context, uploaded(context, content), target)


def asked(table: Table, text: str) -> OwnAnswer:
    question = understand(text, [column.name for column in table.stats])
    assert question is not None
    return answer_about_table(question, table)


@pytest.mark.parametrize("content", [TINY, ONE], ids=["three rows", "one row"])
def test_every_kind_of_question_has_an_answer_of_any_columns(context: Context, content: bytes) -> None:
    for target in (None, "a", "b", "empty", "day"):
        table = table_of(context, content, target)
        for kind in Kind:
            named: list[tuple[str, ...]] = [("a",), ("empty",), ("a", "b"), ("b", "day"), ("empty", "name")]
            for columns in named if kind is Kind.COLUMN else [(), *named]:
                found = answer_about_table(Question(kind, columns), table)
                assert found.text, (kind, columns, target)
                assert "None" not in found.text.replace("None is missing", ""), found.text
                assert found.proposal is None or not found.proposal.destroys or kind not in (Kind.PAIR, Kind.DRIVERS)
                for one in found.questions:
                    assert understand(one, ["a", "b", "name", "day", "empty"]) is not None, one


@pytest.fixture(scope="module")
def people(context: Context) -> Table:
    """A hundred and twenty people: more sales to the old, and most to women."""
    rows = ["sex,customer_age,kids,bought"]
    for at in range(120):
        is_woman = at % 2 == 0
        bought = at % 12 not in (0, 2) if is_woman else at % 12 in (1, 3)
        rows.append(f"{'female' if is_woman else 'male'},{20 + at % 40},{at // 12 % 3},{'yes' if bought else 'no'}")
    return table_of(context, "\n".join(rows).encode(), "bought")


def test_the_named_column_is_what_is_asked_about(people: Table) -> None:
    found = asked(people, "Is sex important?")
    assert "“bought” is yes most often where “sex” is female" in found.text
    assert "of 3 columns it says the most about “bought”" in found.text.replace("Of", "of")
    assert found.proposal is not None
    assert found.proposal.chart is not None
    assert (found.proposal.chart.column, found.proposal.chart.by) == ("sex", "bought")
    assert "“bought”" not in asked(people, "Which columns matter for “kids”?").text.splitlines()[0]


def test_groups_are_compared_by_the_target(people: Table) -> None:
    found = asked(people, "Is there bias against women?")
    assert found.text.startswith("I take “women” to mean “sex”.")
    assert "67%" in found.text
    assert "33%" in found.text


def test_the_columns_that_go_together_are_found_without_naming_any(context: Context) -> None:
    rows = "\n".join(f"{at % 20},{2 * (at % 20) + 1},{at * 7919 % 13}" for at in range(60))
    found = asked(table_of(context, f"x,y,z\n{rows}".encode(), "z"), "Which columns are correlated?")
    assert "“y” and “x”: 1.00" in found.text or "“x” and “y”: 1.00" in found.text


def test_what_is_to_be_deleted_is_proposed_and_said_not_to_be_done(people: Table) -> None:
    found = asked(people, "delete the column kids")
    assert "Nothing in the table changes" in found.text
    assert found.proposal is not None
    assert [dict(one) for one in found.proposal.operations] == [{"op": "drop", "columns": ["kids"]}]
    assert found.proposal.destroys
    assert asked(people, "delete the column bought").proposal is None
    assert asked(people, "drop all columns").proposal is None


def test_a_guess_never_proposes_to_drop_anything(context: Context) -> None:
    rows = "\n".join(f"{at},{at % 7}" for at in range(60))
    table = table_of(context, f"customer_id,n\n{rows}".encode())
    assert asked(table, "Tell me about customer_id").proposal is not None
    found = asked(table, "What about custmer_id?")
    assert found.text.startswith("I take “custmer_id” to mean “customer_id”.")
    assert found.proposal is None or not found.proposal.destroys


def test_how_few_rows_are_not_judged_is_said(context: Context) -> None:
    found = asked(table_of(context, TINY, "a"), "Does a column give the answer away?")
    assert "it takes 50 rows" in found.text
    assert "No column was found" not in found.text


def test_nothing_is_offered_for_a_target_without_values(context: Context) -> None:
    table = table_of(context, TINY, "empty")
    assert not [one for one in asked(table, "What is in this table?").questions if "“empty”" in one and "matter" in one]


def test_chance_is_said_where_there_are_few_rows(context: Context) -> None:
    numbers = [[(at * 7919 + 31 * column) * 104_729 % 997 for column in range(30)] for at in range(12)]
    rows = [",".join(map(str, [*row, at % 2])) for at, row in enumerate(numbers)]
    content = "\n".join([",".join([*(f"c{one}" for one in range(30)), "y"]), *rows]).encode()
    found = asked(table_of(context, content, "y"), "Which columns matter?")
    assert "by chance alone" in found.text or "No column says anything much" in found.text


def test_figures_of_repeated_values(context: Context) -> None:
    rows = "\n".join(f"{0 if at % 3 else at},5,{at}" for at in range(1, 31))
    table = table_of(context, f"often_zero,five,z\n{rows}".encode())
    assert "at least half of its values are 0" in asked(table, "Tell me about “often_zero”").text
    assert "below 5" not in asked(table, "Tell me about “five”").text
    assert "1 row that has one" in asked(table_of(context, ONE), "Tell me about “a”").text
