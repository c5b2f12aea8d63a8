"""Numbers of a text against the figures that it was told: true ones in many ways of writing, and invented ones."""

import pytest

from flowml.assistant.facts import Fact
from flowml.assistant.numbers.checking import Kind, check
from flowml.assistant.numbers.reading import stated

# fmt: off
FACTS = (
    Fact("f1", "The accuracy expected on new rows is 0.7183, from 0.6883 to 0.7414.", (0.7183, 0.6883, 0.7414)),
    Fact("f2", "The same answer for every row reaches 0.6273.", (0.6273,)),
    Fact("f3", "Of “yes” it finds 346 of 559 rows (62%); of the 487 rows that it names, 346 are right (71%).",
         (346, 559, 0.619, 487, 0.7105)),
    Fact("f4", "Half of 1,500 rows are off by at most 2,147, nine in ten by 9,312; the greatest error is 48,211.7.",
         (0.5, 1500, 2147.3, 0.9, 0.1, 9312, 48211.7)),
    Fact("f5", "When “contract” is shuffled, the accuracy is worse by 0.1051, give or take 0.0066.", (0.1051, 0.0066)),
    Fact("f6", "Where “age” is over 35: 34% wrong, elsewhere 17%; 693 rows.", (0.34, 0.17, 693)),
    Fact("f7", "The best model was found after 3.2 seconds of 12.", (3.2, 12)),
    Fact("f8", "With “price” at 2019-06-01 the mean prediction is 1,250,000; at 2024-01-31 it is 3,100,000.",
         (1_250_000, 3_100_000)),
    Fact("f9", "The class “rare” has 45 of 1,500 rows (3%).", (45, 1500, 0.03)),
    Fact("f10", "Actual minus predicted is -312.4 on average.", (-312.4,)),
)
# fmt: on
NAMES = ("col_17", "Q3 2021", "1", "over 65s", "contract")

TRUE = [
    "It is right in 71.83 % of new rows [f1].",
    "It is right in 71.8% of new rows [f1].",
    "It is right in about 72 percent of new rows [f1].",
    "Its accuracy is 0.718, or 0,718 as Germans write it [f1].",
    "Seine Genauigkeit ist 71,8 % [f1].",
    "Sa précision est de 71,8\u202f% [f1].",
    "About 72 of 100 new rows are right [f1], against 63 of 100 by guessing [f2].",
    "It gets 72 out of every 100 right, probably 69 to 74 [f1].",
    "Probably between 69 and 74 % [f1].",
    "It lies in the range 69–74 % [f1].",
    "Its accuracy is 0.72 [f1], which is 9 percentage points above guessing at 0.63 [f2].",
    "That is 9.1 points better than guessing [f1, f2].",
    "Seventy-two percent are right [f1].",
    "It is wrong in 28 % of rows [f1].",
    "Roughly three in ten are wrong [f1].",
    "Of 100 that are yes it finds 62, and of 100 that it names 71 are [f3].",
    "Of the 559 rows it finds 346 [f3].",
    "It finds 346 of the 559 rows, and misses 213 [f3].",
    "It misses 38 % of them [f3].",
    "When it says “yes” it is right 71 times out of 100 [f3].",
    "It finds nearly two thirds of them [f3].",
    "Half of its predictions are within 2,147 of the truth [f4].",
    "Half of its predictions are within about 2,100 [f4].",
    "Half of the predictions are within 2.1k [f4].",
    "Half of them are within 2'147 [f4].",
    "Die Hälfte liegt innerhalb von 2.147 [f4].",
    "La moitié est à moins de 2 147 [f4].",
    "One in ten is off by more than 9,000 [f4].",
    "Every tenth prediction is off by over 9,300 [f4].",
    "10 % are off by more than 9.3 thousand [f4].",
    "Nine in ten are within 9,312 [f4].",
    "90% of the predictions are off by less than 9,500 [f4].",
    "The worst is off by 48,212 [f4].",
    "The worst is off by almost 50,000 [f4].",
    "It was tested on 1,500 rows [f4].",
    "It was tested on 1500 rows [f4].",
    "It was tested on fifteen hundred rows, that is 1.5 thousand [f4].",
    "Without “contract” it would lose about 11 points [f5].",
    "Without it, 10.5 percentage points would be lost (± 0.7) [f5].",
    "Mixing it up makes 105 of 1,000 more rows wrong [f5].",
    "In this part it is wrong a third of the time [f6].",
    "It errs twice as often there as elsewhere [f6].",
    "Wrong in 34 of 100 rows, elsewhere in 17 [f6].",
    "Over 35 it is wrong in 34% of the 693 rows [f6].",
    "There it is wrong about 2 times as often [f6].",
    "Nothing better came after 3 seconds of the 12 [f7].",
    "From about 1.25 million it rises to 3.1 million [f8].",
    "From 1,25 Millionen auf 3,1 Millionen [f8].",
    "It grows from 1.2 to 3.1 million [f8].",
    "Between 2019-06-01 and 2024-01-31 it more than doubles [f8].",
    "At 2024-01-31 it is 3,100,000 [f8].",
    "It is about 2.5 times as high at the end [f8].",
    "Only 45 of 1,500 rows are rare [f9].",
    "Only 3 % are, so 97 % are not [f9].",
    "Only about 1 in 33 rows is rare [f9].",
    "On average it says 312 too much [f10].",
    "The mean residual is −312.4 [f10].",
    "1. It finds 62 % of them [f3].\n2. It is right in 71 % [f3].\n3) Collect more rows.",
    "## 2 What to do\nFirst, the 1st step: look at col_17.",
    "In Q3 2021 and for the over 65s it is right in 72 % [f1].",
    "The class “1” is not the only one; two things matter here.",
    "One of the two classes is rare, and three columns are not used.",
    "There are no numbers here.",
    "See step 4 below, and point 2 above.",
    "It finds 346 of the 559 rows, and 141 of those named are wrong [f3].",
    "The false alarms are 141 of 487 [f3].",
    "It took 3.2 s of the 12 [f7].",
    "Its accuracy is .718 [f1].",
    "1,455 rows are not “rare” [f9].",
    "It is right in ７２ % of new rows [f1].",
    "It is right in 七十二% of new rows, which is 百分之七十二 [f1].",
    "It is right in approx.72 % of new rows [f1].",
    "- 693 rows are older [f6].",
    "(1) It is right in 72 % [f1].\n(2) Step 3 is next.\n(3)\nIt is done.",
    "In 2019 the mean prediction is 1,250,000, in 2024 it is 3,100,000 [f8].",
    "Between 2019 and 2024 it rises to 3.1 million, by early 2024 [f8].",
    "From June 2019 to January 2024 it rises from 1,250,000 to 3,100,000 [f8].",
    "From 2019–2024 it rises, from 2019-2024, that is since mid-2019 [f8].",
    "On 1 June 2019, on June 1, 2019, on June 1st 2019 and on 1 Jun it is 1,250,000 [f8].",
    "On 01.06.2019, 6/1/2019, 1/6/19, 2019/06/01 or 01-06-2019 it is 1,250,000 [f8].",
    "- 2019: 1,250,000; 2024: 3,100,000 [f8]\n- In June, 2019 (2019) it is lowest [f8].",
    "Am 1. Juni 2019 sind es 1.250.000, am 31. Januar 2024 3.100.000 [f8].",
    "Le 1er juin 2019 il est de 1 250 000, en 2024 de 3 100 000 [f8].",
    "It is worse by 0.1051, plus or minus 0.0066 [f5].",
    "It is worse by 0.1051 +/- 0.0066, or +/-0.0066, or plus/minus 0.0066 [f5].",
    "Of “yes” it finds, or names rightly, 62%-71% [f3].",
    "Found or named rightly are 62 % - 71 %, or 62 percent - 71 percent [f3].",
    "It finds 62 % of them - 38 % are missed [f3].",
    "Die Genauigkeit liegt zwischen 68,8 und 74,1 Prozent [f1].",
    "Entre 68,8 et 74,1 % [f1].",
    "Entre 68,8 y 74,1 por ciento [f1].",
    "A precisão é de 71,8 por cento [f1].",
    "الدقة ٧١٫٨٪ [f1].",
    "The best model was found after 3.2 of 12 seconds, or 3,200 of 12,000 milliseconds [f7].",
    "Of every hundred “yes” rows, sixty-two are found [f3].",
    "It finds 62/100 rows [f3].",
    "More than half are found and fewer than half, 38 %, are missed [f3].",
    "Less than 5 % are rare [f9].",
    "Not every row is right: 72 % are [f1].",
]
FALSE = [
    ("It is right in 81 % of new rows [f1].", "81 %"),
    ("It is right in 73.5% of new rows [f1].", "73.5%"),
    ("Its accuracy is 0.79 [f1].", "0.79"),
    ("Its accuracy is 0.7383 [f1].", "0.7383"),
    ("Seine Genauigkeit ist 84,2 % [f1].", "84,2 %"),
    ("About 85 of 100 new rows are right [f1].", "85 of 100"),
    ("It gets 9 out of 10 right [f1].", "9 out of 10"),
    ("It lies between 55 and 74 % [f1].", "55"),
    ("Eighty-five percent are right [f1].", "Eighty-five percent"),
    ("It is 14 percentage points above guessing [f1, f2].", "14 percentage points"),
    ("It is wrong in 40 % of rows [f1].", "40 %"),
    ("It finds 412 of the rows [f3].", "412"),
    ("It misses 20 % of them [f3].", "20 %"),
    ("It finds three quarters of them [f3].", "three quarters"),
    ("Half of its predictions are within 1,400 [f4].", "1,400"),
    ("Half of its predictions are within 21,470 [f4].", "21,470"),
    ("One in four is off by more than 9,312 [f4].", "One in four"),
    ("One in ten is off by more than 15,000 [f4].", "15,000"),
    ("The worst is off by 62 thousand [f4].", "62 thousand"),
    ("The worst is off by 4.8 million [f4].", "4.8 million"),
    ("It was tested on 5,000 rows [f4].", "5,000"),
    ("It was tested on 150 rows [f4].", "150"),
    ("Without “contract” it would lose 21 points [f5].", "21 points"),
    ("In this part it is wrong half of the time [f6].", "half"),
    ("It errs five times as often there [f6].", "five times"),
    ("It is wrong in 48 of 100 rows there [f6].", "48 of 100"),
    ("It holds for 950 rows [f6].", "950"),
    ("Nothing better came after 7.5 seconds [f7].", "7.5"),
    ("It rises to 4.5 million [f8].", "4.5 million"),
    ("At 2023-05-01 it is highest [f8].", "2023-05-01"),
    ("It rises tenfold [f8].", "tenfold"),
    ("Since 1998 it has gone up [f8].", "1998"),
    ("Only 60 of 1,500 rows are rare [f9].", "60"),
    ("Only 8 % are [f9].", "8 %"),
    ("On average it says 450 too much [f10].", "450"),
    ("1. It finds 62 % of them [f3].\n2. It is right in 93 % [f3].", "93 %"),
    ("In Q3 2021 it was right in 88 % [f1].", "88 %"),
    ("The precision is about 85 percent [f3].", "85 percent"),
    ("About 1 in 5 rows is rare [f9].", "1 in 5"),
    ("It finds almost nine in ten of them [f3].", "nine in ten"),
    ("Its accuracy is .95 [f1].", ".95"),
    ("Its accuracy is 9.5e-1 [f1].", "9.5e-1"),
    ("Its accuracy is ~0.79 [f1].", "0.79"),
    ("It is right in ⅘ of new rows [f1].", "⅘"),
    ("It is wrong in 72 % of new rows [f1].", "72 %"),
    ("It is right in 28 % of new rows [f1].", "28 %"),
    ("It makes a hundred mistakes [f3].", "a hundred"),
    ("One in a thousand is rare [f9].", "One in a thousand"),
    ("It makes two mistakes [f3].", "two"),
    ("It makes no mistakes [f3].", "no mistakes"),
    ("It was found after 3.2 hours [f7].", "3.2"),
    ("Of “yes” it finds 71 % [f3].", "71 %"),
    ("Nine in ten are right [f4].", "Nine in ten"),
    ("(87) rows are wrong [f1].", "87"),
    ("87) rows are wrong [f1].", "87"),
    ("1. All is well.\n87. of them are wrong [f1].", "87"),
    ("## 8 rows are wrong", "8"),
    ("It reaches\n87\nof them [f1].", "87"),
    ("It is wrong at step 87 [f1].", "87"),
    ("It is wrong at place 3 of 50 [f1].", "3 of 50"),
    ("Its accuracy is point 87 [f1].", "87"),
    ("It has an accuracy of point 9 [f1].", "9"),
    ("It is v.87 rows [f1].", "87"),
    ("It is right.87 rows are not [f1].", "87"),
    ("It is right in 八十七% [f1].", "八十七%"),
    ("It is right in 百分之八十七 [f1].", "百分之八十七"),
    ("It was tested on 五千 rows [f4].", "五千"),
    ("In 2023 the mean prediction is 1,250,000 [f8].", "2023"),
    ("In 2019 it is right in 72 % [f1].", "2019"),
    ("It predicts 2019 [f8].", "2019"),
    ("It is right in 2019 rows [f8].", "2019"),
    ("In June 2018 it is 1,250,000 [f8].", "2018"),
    ("On 1 July 2019 it is 1,250,000 [f8].", "2019"),
    ("On 02.06.2019 it is 1,250,000 [f8].", "02.06.2019"),
    ("On 02-06-2019 it is 1,250,000 [f8].", "02-06-2019"),
    ("2018: 1,250,000 [f8].", "2018"),
    ("On 2019-06-01 17:45 it is 1,250,000 [f8].", "2019-06-01 17:45"),
    ("It is worse by 0.1051, plus or minus 0.02 [f5].", "minus 0.02"),
    ("The best model was found after 7.5 of 12 seconds [f7].", "7.5 of 12"),
    ("About 79 of 100 new rows are right [f1].", "79 of 100"),
    ("Nearly 79 in 100 are right [f1].", "79 in 100"),
    ("Close to 790 of 1,000 are right [f1].", "790 of 1,000"),
    ("About 79/100 are right [f1].", "79/100"),
    ("It is right in about 七十九% [f1].", "七十九%"),
    ("It is right in up to 89 % of new rows [f1].", "89 %"),
    ("Its accuracy is up to 0.89 [f1].", "0.89"),
    ("Every row is right [f1].", "Every row is right"),
    ("All 1,500 new rows are right [f1].", "All 1,500 new rows are right"),
    ("Zero rows are wrong [f1].", "Zero rows are wrong"),
    ("Not one row is wrong [f1].", "Not one row is wrong"),
    ("None of them is wrong [f1].", "None of them is wrong"),
    ("It is right without a single mistake [f1].", "without a single mistake"),
    ("It finds all of them [f3].", "finds all of them"),
    ("It finds every one of these [f3].", "finds every one of these"),
]


@pytest.mark.parametrize("text", TRUE)
def test_a_true_number_is_not_marked_however_it_is_written(text: str) -> None:
    assert [text[mark.start : mark.end] for mark in check(text, FACTS, NAMES).marks] == []


@pytest.mark.parametrize("text", [text for text in TRUE if "[f" in text])
def test_where_nothing_is_cited_it_is_not_called_invented_but_shares_are_said_to_be_unchecked(text: str) -> None:
    bare = "".join(part.partition("]")[2] if at else part for at, part in enumerate(text.split("[f")))
    assert {mark.kind for mark in check(bare, FACTS, NAMES).marks} <= {Kind.UNCITED}
    assert check(text, FACTS, NAMES, rests_on=("f1", "f3")).marks == ()


@pytest.mark.parametrize("form", ["{} of 100 rows are right.", "{} % of rows are right.", "Of 100 rows it finds {}."])
def test_no_share_is_taken_for_a_figure_where_nothing_is_cited(form: str) -> None:
    for count in range(2, 100, 7):
        assert len(check(form.format(count), FACTS).marks) == 1, count


def test_amounts_that_are_figures_are_found_where_nothing_is_cited() -> None:
    assert check("Tested on 1,500 rows; the worst is off by 48,212, and half within 2,147.", FACTS).marks == ()
    assert [mark.kind for mark in check("Tested on 1,530 rows.", FACTS).marks] == [Kind.INVENTED]


def test_another_of_100_in_the_sentence_makes_no_percent_known() -> None:
    text = "It gets 72 of 100 rows right, and 73.2 % of others, or 61 of 100 [f1]."
    assert [text[mark.start : mark.end] for mark in check(text, FACTS).marks] == ["73.2 %", "61 of 100"]


def test_a_text_may_rest_on_facts_as_a_whole() -> None:
    text = "62 % are found, so this may help."
    assert check(text, FACTS, rests_on=("f3",)).marks == ()
    assert [mark.kind for mark in check(text, FACTS, rests_on=("f1",)).marks] == [Kind.ELSEWHERE]
    assert [mark.kind for mark in check("88 % are found.", FACTS, rests_on=("f3",)).marks] == [Kind.INVENTED]


@pytest.mark.parametrize(("text", "invented"), FALSE)
def test_an_invented_number_is_marked_where_it_stands(text: str, invented: str) -> None:
    marks = check(text, FACTS, NAMES).marks
    assert [text[mark.start : mark.end] for mark in marks] == [invented]
    assert marks[0].kind is Kind.INVENTED or marks[0].kind is Kind.ELSEWHERE


def test_a_figure_of_another_fact_is_told_apart_from_one_of_none() -> None:
    found = check("It is right in 62 % of new rows [f1].", FACTS)
    assert [mark.kind for mark in found.marks] == [Kind.ELSEWHERE]
    found = check("It is right in 88 % of new rows [f1].", FACTS)
    assert [mark.kind for mark in found.marks] == [Kind.INVENTED]


def test_facts_that_there_are_not_are_marked() -> None:
    text = "It is right in 72 % [f1, f99], as the table says (f77)."
    found = check(text, FACTS)
    assert [(text[mark.start : mark.end], mark.kind) for mark in found.marks] == [
        ("f99", Kind.NO_SUCH_FACT),
        ("f77", Kind.NO_SUCH_FACT),
    ]
    assert found.cited == ("f1",)


def test_how_many_numbers_were_looked_at() -> None:
    assert check("No number at all.", FACTS).numbers == 0
    assert check("72 % and 63 %, in 2019-06-01.", FACTS).numbers == 3


def test_of_how_many_a_range_holds_is_no_other_than_was_told() -> None:
    facts = (Fact("f1", "It reaches accuracy 0.72, nine times in ten from 0.69 to 0.74.", (0.72, 0.69, 0.74, 0.9)),)
    assert check("The 90 % interval is 0.69 to 0.74 [f1].", facts).marks == ()
    text = "The 95 % interval is 0.69 to 0.74 [f1]."
    assert [text[mark.start : mark.end] for mark in check(text, facts).marks] == ["95 %"]


def test_where_every_row_is_right_it_may_be_said() -> None:
    facts = (Fact("f1", "100 of 100 rows were right.", (100.0, 100.0, 1.0)),)
    for text in ("Every row is right [f1].", "Not one row is wrong [f1].", "All 100 rows are right [f1]."):
        assert check(text, facts).marks == (), text


def test_hostile_texts_take_no_time() -> None:
    for text in (
        "points 9.87 [f3] " * 3_000,
        "1 " * 9_000,
        "1" * 20_000,
        "1,1" * 5_000,
        "one " * 5_000,
        "[f1" * 5_000,
        "of 100 " * 3_000,
        "9 of " * 4_000,
    ):
        check(text, FACTS, ["1" * 50, "[" * 50])


def test_a_number_knows_its_place() -> None:
    text = "  Of 100 rows, 62 % are."
    assert [text[one.start : one.end] for one in stated(text)] == ["62 %"]
