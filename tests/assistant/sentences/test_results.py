"""What FlowML says of results by itself: the verdict first, in concrete terms, right for none, one and many."""

import re
from dataclasses import replace
from typing import Any

import pytest

from flowml.assistant.facts import by_id
from flowml.assistant.numbers.checking import check
from flowml.assistant.sentences.explanation import Explanation
from flowml.assistant.sentences.results.explain import explain
from flowml.assistant.sentences.results.findings import Distances, Findings, Learning, Matrix, Part, Use
from flowml.domain.jobs import JobStatus, ProblemType, Validation, ValidationKind
from tests.assistant.sentences.cases import all_known, findings, of_numbers

TREES = Matrix(("oak", "fir", "spruce"), ((190, 5, 5), (4, 140, 56), (6, 48, 146)))
CASES = {
    "two classes": findings(),
    "all": all_known(),
    "numbers": of_numbers(),
    "three classes": findings(matrix=TREES, positive=None, threshold=None, ranks_right=None, n_rows=600, score=0.79),
    "useless": findings(score=0.62, low=0.58, high=0.65),
    "a guess": findings(score=0.6162, low=None, high=None, is_guess=True, is_expected=False),
    "perfect": all_known(score=1.0, low=0.99, high=1.0, matrix=Matrix(("no", "yes"), ((924, 0), (0, 576))), leaks=()),
    "leak": all_known(score=0.999, low=0.99, high=1.0, leaks=("fee",), warnings=("“fee” gives the answer away: it …",)),
    "rare": findings(
        metric="f1", score=0.0, low=0.0, high=0.0, guess=0.0, matrix=Matrix(("0", "1"), ((3904, 62), (31, 3)))
    ),
    "tiny": findings(matrix=Matrix(("no", "yes"), ((5, 1), (0, 8))), n_rows=14, score=0.9, low=0.69, high=1.0),
    "one row": findings(matrix=Matrix(("no", "yes"), ((20, 0), (1, 0))), n_rows=21, score=0.95, low=0.9, guess=0.9),
    "stopped": findings(status=JobStatus.CANCELLED, elapsed_seconds=6.0),
    "running": findings(status=JobStatus.RUNNING),
    "auc": findings(metric="roc_auc", score=0.87, low=0.84, high=0.9, guess=0.5),
    "log loss": findings(metric="log_loss", score=0.43, low=0.4, high=0.47, guess=0.66),
    "balanced": findings(metric="balanced_accuracy", score=0.78, low=0.7, high=0.8, guess=0.5),
    "mae": of_numbers(metric="mae", score=92_000.0, low=85_000.0, high=99_000.0, guess=260_000.0),
    "mape": of_numbers(metric="mape", score=0.14, low=0.12, high=0.16, guess=0.5),
    "rmse": of_numbers(metric="rmse", score=189_000.0, low=150_000.0, high=230_000.0, guess=390_000.0),
    "not the best": replace(all_known(), is_best=False, is_expected=False, low=None, high=None, score=0.79),
    "by weights": findings(weighted=True),
    "in time": of_numbers(validation=Validation(ValidationKind.TIME, "day", "Later rows.", 5)),
    "groups": findings(validation=Validation(ValidationKind.GROUP, "patient", "Whole patients.", 5)),
    "held out": findings(validation=Validation(ValidationKind.HOLDOUT, None, "One part.", 1)),
    "never says it": findings(
        metric="roc_auc", score=0.69, guess=0.5, matrix=Matrix(("no", "yes"), ((3966, 0), (34, 0)))
    ),
    "with ranges": of_numbers(has_ranges=True),
    "missing": findings(missing={"parts": "Its data set was deleted.", "uses": "Its data set was deleted."}),
    "named oddly": findings(
        target="a\nb “c” 100 %", positive="9 of 10", matrix=Matrix(("x", "9 of 10"), ((820, 104), (179, 397)))
    ),
}  # fmt: skip


def nothing(**changes: Any) -> Findings:
    known = {"model_id": None, "matrix": None, "score": None, "guess": None, "n_rows": 0, "problem_type": None}
    return findings(**{**known, **changes})


CASES |= {
    "stopped before": nothing(status=JobStatus.CANCELLED, elapsed_seconds=0.4),
    "failed": nothing(status=JobStatus.FAILED, error="The table has no rows."),
    "nothing yet": nothing(status=JobStatus.RUNNING),
    "none in time": nothing(learning=Learning(None, 0.0, 0, 0, 3, had_enough=False)),
}


def section(found: Explanation, key: str) -> str:
    return next((" ".join(one.text for one in part.sentences) for part in found.sections if part.key == key), "")


@pytest.mark.parametrize("name", CASES)
def test_every_text_reads_well_and_stands_on_facts(name: str) -> None:
    case = CASES[name]
    found = explain(case)
    known = by_id(found.facts)
    assert found.sections[0].key == "opening" and found.sections[0].sentences
    assert len({part.key for part in found.sections}) == len(found.sections)
    for part in found.sections:
        assert part.sentences and part.title
        for sentence in part.sentences:
            text = sentence.text
            assert text == text.strip() and text[-1] in ".!?" and "  " not in text and "\n" not in text, text
            assert not re.search(r"\b1 (?:rows|columns|classes|seconds|mistakes|times)\b|None|nan|inf\b|\{|\}", text), (
                text
            )
            assert not re.search(r"\b(\w+) \1\b", text), text
            assert set(sentence.facts) <= set(known)
    assert len(section(found, "advice").split(". ")) <= 14


@pytest.mark.parametrize("name", CASES)
def test_its_own_numbers_are_all_among_the_figures(name: str) -> None:
    case = CASES[name]
    found = explain(case)
    names = [case.target, *(case.matrix.labels if case.matrix else ())]
    for part in found.sections:
        for sentence in part.sentences:
            text = sentence.text
            marks = check(text, found.facts, names, rests_on=sentence.facts).marks
            assert [text[mark.start : mark.end] for mark in marks] == [], sentence


def test_the_verdict_comes_first() -> None:
    first = {name: explain(case).sections[0].sentences[0].text for name, case in CASES.items()}
    assert first["two classes"].startswith("This model predicts “left” well")
    assert first["useless"].startswith("Do not rely on this model")
    assert first["rare"].startswith("Do not use this model")
    assert first["a guess"].startswith("This model is a guess")
    assert first["perfect"].startswith("This is too good to be true")
    assert first["tiny"].endswith("as far as 14 rows can tell.")
    assert first["stopped before"].startswith("There is no model for “left”: the run was stopped")
    assert first["failed"] == "There is no model for “left”: the table has no rows."
    assert first["nothing yet"].startswith("There is no model for “left” yet")


def test_classes_are_told_in_rows_of_a_hundred() -> None:
    text = section(explain(findings()), "opening")
    assert "It gets 81 of 100 new rows right (probably 78 to 84)" in text
    assert "always answering “no”, the commonest, would get 62 of 100 right" in text
    assert "Of 100 rows where “left” is really “yes” it finds 69" in text
    assert "when it says “yes”, it is right 79 times out of 100" in text


def test_few_rows_are_told_as_they_are() -> None:
    text = section(explain(CASES["tiny"]), "opening")
    assert "In testing it got 13 of the 14 rows right" in text
    assert "Of the 8 rows where “left” is really “yes” it finds all" in text
    assert "it is right 8 of 9 times" in text
    assert "The only row where “left” is really “yes”" not in text
    assert "It never says “yes”, so it finds none of the 1 row that" not in section(
        explain(CASES["one row"]), "opening"
    )


def test_a_share_that_says_little_is_said_to() -> None:
    text = section(explain(CASES["rare"]), "opening")
    assert "977 of 1,000" in text and "says little" in text
    assert "Of the 34 rows where “left” is really “1” it finds 3" in section(
        explain(replace(CASES["rare"], positive="1")), "opening"
    )


def test_a_class_that_is_never_said_can_be_had_by_another_threshold() -> None:
    found = explain(CASES["never says it"])
    assert "It never says “yes”, so it finds none of the 34 rows that are." in section(found, "opening")
    assert section(found, "opening").startswith(
        "This model ranks rows clearly better than by guessing by “left”, but as it decides now it does not find any of"
        " the 34 rows that are “yes”."
    )
    assert "To have it say “yes” at all" in section(found, "advice")


def test_numbers_are_told_in_units_of_the_target_beside_guessing() -> None:
    text = section(explain(of_numbers()), "opening")
    assert (
        "Half of its predictions are within 49,000 of the real “price”; one in ten is off by more than 180,000" in text
    )
    assert "Saying the middle value, 570,000, for every row would be within 230,000 half of the time" in text
    assert "It is furthest off at high values, where “price” is over 850,000" in section(
        explain(of_numbers()), "failing"
    )


def test_of_whole_numbers_the_average_tells_more() -> None:
    found = Distances(3341, 1.0, 3.3, 14.0, 0.2, 0.05, 10.0, 1.0, 1.5, 2.3)
    text = section(explain(of_numbers(distances=found)), "opening")
    assert "On average it is off by 1.5; saying the middle value, 10, for every row would be off by 2.3" in text


def test_where_it_fails_and_what_it_looks_at() -> None:
    found = explain(all_known())
    assert "“contract” is “monthly” (693 rows): wrong in 34 of 100 rows, elsewhere in 17" in section(found, "failing")
    looking = section(found, "looking")
    assert looking.startswith(
        "It looks most at “contract”: with its values mixed up, 10 of 100 rows more would be wrong"
    )
    assert "The lower “months”, the likelier “yes”: from 23 % at 71 to 52 % at 2 on average." in looking
    three = explain(CASES["three classes"])
    assert "Most often it mixes up “fir” and “spruce”: that makes 104 of its 124 mistakes." in section(three, "failing")


def test_of_what_is_no_better_than_guessing_nothing_else_is_made_much_of() -> None:
    found = explain(replace(all_known(), score=0.62, low=0.58, high=0.65))
    assert not section(found, "looking") and not section(found, "failing")
    assert section(found, "advice").startswith("Train again for balanced accuracy or ROC AUC: it ranks rows better")
    found = explain(replace(all_known(), score=0.62, low=0.58, high=0.65, ranks_right=0.53))
    assert section(found, "advice").startswith("Add columns that have to do with “left”")
    assert "learned something" not in section(found, "opening")


def test_a_leak_is_said_where_it_is_trusted_and_is_the_first_advice() -> None:
    found = explain(CASES["leak"])
    assert "may know the answer before you do: “fee”" in section(found, "trusting")
    assert section(found, "advice").startswith("Train again without “fee”")
    assert "Ask where “contract” comes from" in section(explain(CASES["perfect"]), "advice")


def test_more_time_is_advised_where_it_helps_alone() -> None:
    late = Learning(55.0, 0.05, 24, 0, 0, had_enough=False)
    assert "still getting better after 55 of 58 seconds" in section(explain(findings(learning=late)), "advice")
    assert "nothing clearly better came after the first 3 of 58 seconds" in section(explain(findings()), "advice")
    first = Learning(0.0, 0.0, 9, 0, 1, had_enough=False)
    assert "nothing clearly better came after the first models" in section(explain(findings(learning=first)), "advice")
    enough = Learning(3.0, 0.05, 24, 0, 0, had_enough=True)
    assert "More time is not worth it" in section(explain(findings(learning=enough)), "advice")
    assert "“Extend” goes on" in section(explain(CASES["stopped"]), "advice")
    short = explain(findings(budget_seconds=1.0, elapsed_seconds=1.0))
    assert "Give it more time than 1 second: a longer run tries more kinds of model." in section(short, "advice")


def test_nothing_is_said_against_more_time_while_work_is_left_over() -> None:
    few = Learning(3.0, 0.0, 1, 0, 5, had_enough=False, untried=True)
    told = section(explain(findings(learning=few)), "advice")
    assert "Give it more time: only 1 of the 6 models that it began was finished." in told
    for learning in (
        few,
        replace(few, finished=9, unfinished=1),
        replace(few, finished=3, unfinished=0, untried=False),
    ):
        assert "little" not in section(explain(findings(learning=learning)), "advice")


def test_a_guess_says_how_many_models_were_tried() -> None:
    none = Learning(None, 0.0, 0, 0, 3, had_enough=False)
    guess = findings(score=0.6162, low=None, high=None, is_guess=True, is_expected=False, learning=none)
    assert "there was no time for a model that learns" in section(explain(guess), "opening")
    two = explain(replace(guess, learning=replace(none, at_once=2)))
    assert "2 simple models that learn were tried, and none was any better at “left”." in section(two, "opening")
    assert "no time" not in two.text and "those that are there may not tell it" in section(two, "advice")


def test_a_guess_that_differs_from_turn_to_turn_is_not_said_to_be_one_class() -> None:
    matrix = Matrix(("p", "q"), ((40, 61), (60, 39)))
    guess = explain(findings(matrix=matrix, n_rows=200, score=0.395, low=None, high=None, is_guess=True, positive="q"))
    assert "always says" not in guess.text
    assert "which in testing was right for 40 of 100 rows" in section(guess, "opening")


def test_no_class_is_called_the_commonest_where_others_are_as_frequent() -> None:
    even = Matrix(("a", "b", "c"), ((38, 2, 0), (1, 39, 0), (0, 0, 40)))
    found = explain(findings(matrix=even, n_rows=120, positive=None, threshold=None, ranks_right=None, score=0.97))
    assert "the commonest" not in found.text and "always giving the same answer would get" in section(found, "opening")
    assert any("3 classes are equally frequent" in fact.sentence for fact in found.facts)


def test_of_two_words_the_rarer_comes_first_whichever_is_last_in_their_order() -> None:
    words = findings(positive="нет", matrix=Matrix(("да", "нет"), ((397, 179), (104, 820))))
    told = section(explain(words), "opening")
    assert told.index("is really “да” it finds 69") < told.index("Of “нет” it recognises 89")
    common = findings(positive="yes", matrix=Matrix(("no", "yes"), ((397, 179), (104, 820))))
    assert "is really “yes” it finds 89" in section(explain(common), "opening")


def test_of_probabilities_it_is_said_how_far_off_they_are_and_no_row_is_made_an_example() -> None:
    told = section(explain(all_known()), "trusting")
    assert "taken at their word: on average they are off by 3 percentage points." in told


def test_a_column_that_was_shuffled_once_is_not_said_to_be_of_no_use() -> None:
    uses = (Use("a", 0.1, 0.01), Use("b", 0.05, 0.01), Use("c", 0.0, 0.01))
    assert "hardly depends on “c”" in section(explain(all_known(uses=uses)), "looking")
    once = tuple(replace(use, std=None) for use in uses)
    assert "hardly" not in section(explain(all_known(uses=once)), "looking")
    nothing_lost = tuple(replace(use, importance=0.0) for use in once)
    assert "too few to say" in section(explain(all_known(uses=nothing_lost)), "looking")


def test_the_page_of_a_baseline_tells_of_nothing_that_would_make_it_better() -> None:
    guess = findings(is_guess=True, is_best=False, is_expected=False, low=None, high=None, score=0.6162, n_rows=300)
    assert section(explain(guess), "advice").startswith("Use the best model of its run instead")
    assert section(explain(guess), "advice").count(".") == 1


def test_a_column_that_costs_nothing_is_not_said_to_cost_0() -> None:
    facts = [fact.sentence for fact in explain(all_known(uses=(Use("a", 0.1, 0.01), Use("b", -0.2, None)))).facts]
    assert "When “b” is shuffled, accuracy is no worse." in facts


def test_a_run_that_took_longer_than_it_had_says_both() -> None:
    run = explain(findings(elapsed_seconds=30.7, budget_seconds=30.0)).facts[1].sentence
    assert run.endswith("It took 30.7 seconds; for its search it had 30 seconds.")


def test_what_could_not_be_found_out_is_said_with_the_reason() -> None:
    found = explain(CASES["missing"])
    assert section(found, "failing").endswith("could not be found out: Its data set was deleted.")
    assert section(found, "looking").endswith("could not be found out: Its data set was deleted.")


def test_nobody_is_sent_to_rows_that_are_deleted() -> None:
    part = Part("“age” is over 35", 120, 0.5, 0.19, 1)
    assert "Look at its mistakes" in explain(findings(parts=(part,))).text
    assert "Look at its mistakes" not in explain(findings(parts=(part,), has_table=False)).text


def test_nothing_that_only_chance_makes_is_said_to_matter() -> None:
    uses = (Use("a", 0.004, 0.01), Use("b", 0.0, 0.0))
    assert section(explain(all_known(uses=uses)), "looking").startswith("No single column matters to it")


def test_facts_lead_to_where_they_are_shown() -> None:
    links = {fact.link.partition("?")[0] for fact in explain(all_known()).facts}
    assert {"/models/m1#confusion", "/models/m1#importance", "/models/m1/mistakes", "/jobs/j1"} <= links
    assert all(link.startswith("/") for link in links)
    assert explain(findings(problem_type=ProblemType.CLASSIFICATION)).text.startswith("How good it is\n\n")
