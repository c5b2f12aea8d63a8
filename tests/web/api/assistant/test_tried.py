"""What came of ideas, in words: never more than was measured."""

from dataclasses import asdict, replace

import pytest

from flowml.domain.ideas import Difference, Measured, Overall, Try, TryStatus, Verdict
from flowml.web.api.assistant.tried import many_words, said_of
from tests.web.api.assistant.test_ideas import measured

HELPED = measured(0.05, 0.04, 0.06, 0.05, 0.05)


def with_best(**changes: object) -> Measured:
    best, other = HELPED.learners
    return replace(HELPED, learners=(replace(best, difference=replace(best.difference, **changes)), other))


def test_what_helps_is_said_with_its_interval() -> None:
    said = said_of(HELPED)
    assert said.headline == "It helps." and said.verdict is Verdict.HELPS
    assert said.sentences[0] == (
        "Gradient boosting: 0.5000 without, 0.5500 with it; 0.0500 better (95 % interval +0.0400 to +0.0600), better in"
        " 5 of 5 folds: a gain that chance hardly makes."
    )
    assert said.sentences[1] == "Linear model: the same in 5 folds (0.4000)."
    assert said.sentences[2] == "By R², on 120 rows of 1,000, drawn at random. 5 folds."


def test_what_may_be_chance_is_said_to_be() -> None:
    said = said_of(with_best(verdict=Verdict.UNCLEAR, mean=0.01, low=-0.02, high=0.04))
    assert said.headline == "No difference that can be told from chance."
    assert "0.0100 better (95 % interval −0.0200 to +0.0400)" in said.sentences[0]
    assert said.sentences[0].endswith("that may be chance.")
    assert (
        said_of(with_best(verdict=Verdict.HURTS, mean=-0.05)).sentences[0].endswith("a loss that chance hardly makes.")
    )
    nothing = Difference(Verdict.TOO_FEW, None, None, None, None, 0, 0)
    few = replace(HELPED, learners=(replace(HELPED.learners[0], difference=nothing, without=None, beside=None),))
    assert said_of(few).sentences[0] == "Gradient boosting: no fold has a score."


def test_the_headline_is_of_the_best_without_against_the_best_with_it() -> None:
    boosting, linear = HELPED.learners
    helped = replace(linear, without=0.4, beside=0.55, difference=HELPED.learners[0].difference)
    level = replace(boosting, without=0.545, beside=0.545, difference=linear.difference)
    unclear = Difference(Verdict.UNCLEAR, 0.005, -0.01, 0.02, 0.3, 5, 3)
    overall = Overall("boosting", "linear", 0.545, 0.55, unclear)
    said = said_of(replace(HELPED, learners=(level, helped), overall=overall))
    assert said.headline == "Only the linear model gains, and is not better than the best without it."
    assert said.sentences[0].startswith(
        "The better of the two (gradient boosting without, linear model with it): 0.5450 without, 0.5500 with it; "
    )
    assert said.verdict is Verdict.UNCLEAR
    past = Overall("boosting", "linear", 0.52, 0.55, Difference(Verdict.HELPS, 0.03, 0.02, 0.04, 0.01, 5, 5))
    assert said_of(replace(HELPED, learners=(level, helped), overall=past)).headline == "It helps."


def test_what_is_the_target_itself_is_not_praised() -> None:
    said = said_of(replace(HELPED, target="price", backwards=("size",)))
    assert said.headline == "“size” is “price” itself, computed backwards: is it known when you predict?"
    assert said.verdict is Verdict.BACKWARDS
    assert "is “size” known when you predict" in said_of(replace(HELPED, target="price", too_good=True)).headline
    assert Measured.of(asdict(replace(HELPED, backwards=("size",)))).backwards == ("size",)


def test_what_is_not_seen_in_the_scores_is_no_help() -> None:
    said = said_of(with_best(mean=0.00001, low=0.000004, high=0.00002))
    assert said.headline == "So little that it makes no difference." and said.verdict is Verdict.SAME
    assert "1e-05 better" in said.sentences[0]


def test_why_rows_are_fewer_is_said() -> None:
    assert (
        "on 300 rows, of which 120 have a value to predict."
        in said_of(replace(HELPED, drawn=300, rows_in_all=300)).sentences[2]
    )
    nothing = Difference(Verdict.TOO_FEW, 0.1, None, None, None, 2, 2)
    few = replace(HELPED, learners=(replace(HELPED.learners[0], difference=nothing),))
    assert said_of(few).headline == "Only 2 tests with a score: too few to say anything."
    alike = Difference(Verdict.HELPS, 0.1, 0.1, 0.1, 0.00006, 15, 15)
    assert (
        "0.1000 better (in each), better in 15 of 15 folds: a gain"
        in said_of(replace(HELPED, learners=(replace(HELPED.learners[0], difference=alike),))).sentences[0]
    )


def tried(*outcomes: Measured | None) -> list[Try]:
    return [
        Try(str(at), "d", str(at), "y", (), {}, TryStatus.FINISHED if one else TryStatus.STOPPED, 1.0, 2.0, one)
        for at, one in enumerate(outcomes)
    ]


def test_the_best_of_many_is_partly_luck() -> None:
    unclear = with_best(verdict=Verdict.UNCLEAR, p=0.4)
    lucky = with_best(p=0.04)
    assert many_words(tried(HELPED)) == many_words(tried(HELPED, None)) == ""
    three = many_words(tried(unclear, unclear, HELPED))
    assert (
        three.startswith("3 ideas were tried for this target. Of 3 that are of no use, at least one")
        and "7.3 %" in three
    )
    assert three.endswith("The one that helped stands out even so.")
    assert many_words(tried(unclear, lucky)).endswith("None stands out once that is taken into account.")
    assert many_words(tried(HELPED, lucky)).endswith("Of 2 that helped, 1 stands out even so.")


def test_those_that_are_not_shown_count_as_well() -> None:
    lucky = with_best(p=0.02)
    assert many_words(tried(lucky, HELPED), 2) == many_words(tried(lucky, HELPED))
    words = many_words(tried(lucky), 4)
    assert words.startswith(
        "4 ideas were tried for this target, 3 of them on other versions of this table or forgotten"
    )
    assert words.endswith("None stands out once that is taken into account.")
    assert many_words(tried(None), 4) == ""


@pytest.mark.parametrize("count", [2, 8])
def test_where_none_helped_nothing_stands_out(count: int) -> None:
    words = many_words(tried(*[with_best(verdict=Verdict.UNCLEAR)] * count))
    assert words.endswith("the best of many is partly luck.")
