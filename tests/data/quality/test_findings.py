"""Each kind of trouble is found where it is, said in figures, and gone after what is offered against it."""

import ast
import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flowml.data import quality
from flowml.domain.datasets import Severity
from tests.data.quality.examining import examine, mended, with_code

N = 600
RNG = random.Random(3)
NOISE = [RNG.gauss(50, 10) for _ in range(N)]
OTHER = [RNG.gauss(5, 1) for _ in range(N)]
START = date(2023, 1, 1)


def of(values: Any, **more: Any) -> pl.DataFrame:
    """A table whose other column is beyond suspicion."""
    return pl.DataFrame({"x": values, "noise": NOISE[: len(values)], **more})


def words(*values: str) -> list[str]:
    return [RNG.choice(values) for _ in range(N)]


def replaced(values: list[Any], places: dict[int, Any]) -> list[Any]:
    return [places.get(at, value) for at, value in enumerate(values)]


def classes(share: float) -> list[str]:
    return RNG.sample(["no"] * (N - int(N * share)) + ["yes"] * int(N * share), N)


@dataclass(frozen=True)
class Case:
    """A table with one trouble, how it is called, and what the sentence about it must hold."""

    code: str
    frame: pl.DataFrame
    says: str
    columns: tuple[str, ...] = ("x",)
    severity: Severity = Severity.WARNING
    target: str | None = None
    mends: bool = True


INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
YES = classes(0.4)
HALF = [bool(RNG.randrange(2)) for _ in range(N)]
SICK = ["sick" if value > 52 else "well" for value in NOISE]
DAYS = [START + timedelta(days=at // 3) for at in range(N)]

CASES = [
    Case("few-rows", pl.DataFrame({"x": NOISE[:30], "y": OTHER[:30]}), "30 rows", (), WARNING, mends=False),
    Case("few-rows", pl.DataFrame({"x": [1.5, 2.5]}), "2 rows", (), CRITICAL, mends=False),
    Case("few-rows", pl.DataFrame({"x": [1.5], "y": ["a"]}), "only one row", (), CRITICAL, mends=False),
    Case(
        "wide-table",
        pl.DataFrame({f"c{i}": NOISE[i : i + 120] for i in range(80)}),
        "80 columns for only 120 rows",
        (),
        mends=False,
    ),
    Case("constant", of(["a"] * N), "“a”", severity=INFO),
    Case("empty-column", of(pl.Series([None] * N, dtype=pl.String)), "no value", severity=INFO),
    Case("near-constant", of(replaced(["a"] * N, {3: "b", 9: "c"})), "only 2 rows differ", severity=INFO),
    Case("identifier", of([f"INV-{at}" for at in range(N)]), "identifies the rows", severity=INFO),
    Case("duplicate-rows", pl.concat([of(OTHER), of(OTHER).head(60)]), "60 rows (9%) repeat", ()),
    Case("duplicate-rows", pl.concat([of(OTHER), of(OTHER).head(1)]), "1 row (0.2%) repeats", (), INFO),
    Case(
        "duplicate-rows",
        pl.concat([of(OTHER), of(OTHER).head(12)]).with_row_index("row").with_columns(pl.col("row").cast(pl.Int64)),
        "12 rows (2%) repeat an earlier row in every column but those that identify it",
        (),
    ),
    Case("duplicate-columns", of(OTHER, copy=OTHER), "“copy” is equal to “x”", ("x", "copy")),
    Case("duplicate-columns", of(YES, code=[int(v == "yes") for v in YES]), "in other words", ("code", "x"), INFO),
    Case("duplicate-columns", of(OTHER, f=[32 + 1.8 * v for v in OTHER]), "straight line", ("x", "f"), INFO),
    Case("high-missing", of([v if at % 4 == 0 else None for at, v in enumerate(OTHER)]), "450 rows (75%)"),
    Case("missing-values", of([v if at % 9 else None for at, v in enumerate(OTHER)]), "67 rows (11%)", severity=INFO),
    Case("missing-values", of([v if at % 9 else None for at, v in enumerate(YES)]), "67 rows (11%)", severity=INFO),
    Case(
        "empty-rows", pl.DataFrame({"x": replaced(OTHER, {5: None}), "y": replaced(NOISE, {5: None})}), "1 row has", ()
    ),
    Case(
        "missing-together",
        of(
            [v if at % 9 else None for at, v in enumerate(OTHER)], y=[t if at % 9 else None for at, t in enumerate(YES)]
        ),
        "the same rows (11%)",
        ("x", "y"),
        INFO,
        mends=False,
    ),
    Case(
        "missing-not-at-random",
        of([None if y == "yes" and RNG.random() < 0.5 else v for y, v in zip(YES, OTHER, strict=True)], y=YES),
        "“y” is “yes”, and in 0% where it is “no”",
        ("x", "y"),
        WARNING,
        "y",
        mends=False,
    ),
    Case(
        "outliers",
        of(replaced(OTHER, {7: 900.0, 8: -300.0})),
        "2 values of “x” lie far from the others, at -300 to 900",
    ),
    Case("outliers", of(replaced([int(v) for v in NOISE], {7: 250})), "at 250"),
    Case("stand-in-value", of(replaced([int(v) for v in NOISE], dict.fromkeys(range(9), -999))), "-999 in 9 rows"),
    Case("zeros-apart", of(replaced(NOISE, dict.fromkeys(range(7), 0.0))), "0 in 7 rows"),
    Case(
        "impossible-values",
        pl.DataFrame({"Age": replaced([int(v) for v in NOISE], {4: -3})}),
        "below 0 in 1 row",
        ("Age",),
    ),
    Case(
        "impossible-values", pl.DataFrame({"age": replaced([int(v) for v in NOISE], {4: 430})}), "above 125", ("age",)
    ),
    Case("skewed", of([RNG.lognormvariate(8, 1.2) for _ in range(N)]), "long tail", severity=INFO),
    Case(
        "capped",
        of([min(float(at % 301) + 0.5, 250.5) for at in range(N)]),
        "largest value of “x”, 250.5",
        severity=INFO,
        mends=False,
    ),
    Case("dates-as-numbers", of([int(day.strftime("%Y%m%d")) for day in DAYS]), "dates written as numbers"),
    Case(
        "codes-as-numbers",
        pl.DataFrame({"zip_code": [10_000 + at % 40 for at in range(N)], "y": NOISE}),
        "codes by its name",
        ("zip_code",),
        INFO,
    ),
    Case("spellings", of(replaced(words("Köln", "Bonn"), {0: "koln", 1: " Bonn ", 2: "BONN"})), "3 spellings"),
    Case(
        "possible-typos",
        of(replaced(words("Berlin", "Hamburg"), {4: "Belrin", 5: "Hambrg"})),
        "2 rare values",
        severity=INFO,
    ),
    Case(
        "rare-categories",
        of(replaced(words("a", "b", "other"), {0: "c", 1: "d", 2: "e"})),
        "3 of the 6 categories",
        severity=INFO,
    ),
    Case("mixed-types", of(replaced([str(int(v)) for v in NOISE], {3: "about 40", 9: "n.a."})), "numbers in 99.7%"),
    Case("mixed-types", of(replaced([f"{day:%d/%m/%Y}" for day in DAYS], {3: "soon"})), "dates in 99.8%"),
    Case("numbers-as-text", of([f"${v * 1000:,.2f}" for v in OTHER]), "written as text"),
    Case("numbers-as-text", of([f"{v:.1f} kg" for v in OTHER]), "written as text"),
    Case("missing-as-text", of(words("north", "south", "keine Angabe", "k.A.")), "“keine Angabe”", severity=INFO),
    Case("mixed-units", of(replaced([f"{v:.1f} kg" for v in OTHER], {3: "4300 g"})), "“g” and “kg”", mends=False),
    Case(
        "dates-as-text",
        of([f"{day:%d/%m/%Y}" if at % 2 else f"{day:%Y-%m-%d}" for at, day in enumerate(DAYS)]),
        "in several ways",
        mends=False,
    ),
    Case("damaged-characters", of(replaced(words("Köln", "Bonn"), {0: "KÃ¶ln", 1: "KÃ¶ln"})), "2 values"),
    Case("damaged-characters", of(replaced(words("Köln", "Bonn"), {0: "K\ufffdln"})), "1 value", mends=False),
    Case("blanks", of(replaced(words("New York", "Rome"), {0: "Rome ", 1: "\tNew York"})), "2 values", severity=INFO),
    Case("made-up-dates", of(replaced(DAYS, dict.fromkeys(range(20, 40), date(1900, 1, 1)))), "1900-01-01 in 20 rows"),
    Case(
        "made-up-dates",
        of(
            replaced(
                [datetime.combine(day, datetime.min.time()) for day in DAYS],
                dict.fromkeys(range(20, 40), datetime.fromisoformat("1970-01-01")),
            )
        ),
        "1970-01-01 in 20 rows",
    ),
    Case("future-dates", of(replaced(DAYS, {4: date(2203, 1, 1)})), "as far as 2203-01-01", mends=False),
    Case(
        "date-gaps",
        of([START + timedelta(days=at + 9 * (at > 300)) for at in range(N)]),
        "the longest is 10 days",
        severity=INFO,
        mends=False,
    ),
    Case(
        "dates-out-of-order",
        of(replaced([START + timedelta(days=at) for at in range(N)], {9: START})),
        "1 row comes",
        severity=INFO,
    ),
    Case(
        "dates-crossed",
        of(DAYS, end=replaced([day + timedelta(days=3) for day in DAYS], {9: START - timedelta(days=9)})),
        "after it in 1 row",
        ("x", "end"),
        mends=False,
    ),
    Case("target-constant", of(["a"] * N, y=NOISE), "nothing to predict", ("x",), CRITICAL, "x", mends=False),
    Case("target-missing", of(replaced(YES, dict.fromkeys(range(60)))), "60 rows (10%)", ("x",), WARNING, "x"),
    Case(
        "target-identifier",
        of([f"{at} {RNG.random()}" for at in range(N)]),
        "600 different",
        ("x",),
        CRITICAL,
        "x",
        mends=False,
    ),
    Case("rare-classes", of(replaced(YES, {3: "perhaps"})), "“perhaps” in 1 row", ("x",), WARNING, "x"),
    Case("rare-classes", of(replaced([int(v == "yes") for v in YES], {3: 7})), "7 in 1 row", ("x",), WARNING, "x"),
    Case(
        "many-classes", of([f"class {at % 150}" for at in range(N)]), "150 classes", ("x",), WARNING, "x", mends=False
    ),
    Case("class-imbalance", of(classes(0.05)), "“yes” in only 5%", ("x",), INFO, "x", mends=False),
    Case("class-imbalance", of(classes(0.018)), "“yes” in only 2%", ("x",), WARNING, "x", mends=False),
    Case("sorted-by-target", of(sorted(YES)), "in 2 blocks", ("x",), INFO, "x", mends=False),
    Case("target-outliers", of(replaced(OTHER, {7: 90_000.0})), "at 90,000", ("x",), WARNING, "x", mends=False),
    Case(
        "contradictory-rows",
        pl.concat([of(OTHER, y=YES), of(OTHER, y=["no" if v == "yes" else "yes" for v in YES]).head(20)]),
        "40 rows (6%)",
        ("y",),
        WARNING,
        "y",
        mends=False,
    ),
    Case(
        "leakage",
        of([v + RNG.random() / 100 for v in NOISE], y=SICK).drop("noise"),
        "with no error",
        ("x",),
        CRITICAL,
        "y",
    ),
    Case(
        "leakage",
        of([3 * v + RNG.gauss(0, 0.01) for v in OTHER], y=OTHER),
        "tells all of “y” on its own",
        ("x",),
        CRITICAL,
        "y",
    ),
    Case(
        "leakage",
        of([v if y == "yes" else None for v, y in zip(OTHER, YES, strict=True)], y=YES),
        "filled in",
        ("x",),
        CRITICAL,
        "y",
    ),
    Case(
        "leakage",
        pl.DataFrame({"churn_date": [v if RNG.random() < 0.8 else "no" for v in YES], "churn": YES, "n": NOISE}),
        "named after",
        ("churn_date",),
        WARNING,
        "churn",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.says[:30]}")
def test_a_trouble_is_found_and_said_in_figures(case: Case) -> None:
    issues = examine(case.frame, case.target)
    found = with_code(issues, case.code)
    assert len(found) == 1, [issue["message"] for issue in issues]
    assert (found[0]["columns"], found[0]["severity"]) == (case.columns, case.severity)
    assert case.says in found[0]["message"]
    assert found[0]["suggestion"]
    assert bool(found[0]["operations"]) == case.mends


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.mends], ids=lambda case: f"{case.code}: {case.says[:30]}"
)
def test_what_is_offered_mends_it(case: Case) -> None:
    (found,) = with_code(examine(case.frame, case.target), case.code)
    after = mended(case.frame, found["operations"])
    target = case.target if case.target in after.columns else None
    assert not with_code(examine(after, target), case.code)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["210,75", "1.250,00", "99,5"], {"210,75": 210.75, "1.250,00": 1250.0}),
        (["19", "29%", "n.v.", "keine Angabe", "--", "7"], {"19": 19.0, "29%": 29.0, "--": None}),
        (["42.8 kg", "7.25 kg", "100 kg"], {"42.8 kg": 42.8}),
        (
            ["191.842 €", "1.363.277 €", "auf Anfrage", "88.000 €", "75.500 €"],
            {"191.842 €": 191842.0, "auf Anfrage": None},
        ),
        (["CHF 1'250.50", "CHF 80.00", "-CHF 12.00"], {"CHF 1'250.50": 1250.5, "-CHF 12.00": -12.0}),
        (["12,5", "-999", "k.A.", "13,25", "11,0", "#N/A"], {"12,5": 12.5, "-999": None, "#N/A": None}),
        (["3 Zimmer", "12 Zimmer", "4 Zimmer", "5 Zimmer", "6 Zimmer"], {"12 Zimmer": 12.0}),
        (["0.125", "0.250", "0.375", "unknown", "0.500"], {"0.125": 0.125, "unknown": None}),
        (["(1,200.00)", "300.00", "15.00", "tbd"], {"(1,200.00)": -1200.0, "tbd": None}),
    ],
    ids=lambda value: next(iter(value)),
)
def test_numbers_kept_as_text_become_what_they_are(values: list[str], expected: dict[str, float | None]) -> None:
    column = [*values, *(RNG.choice(values) for _ in range(N - len(values)))]
    frame = of(column)
    (issue,) = [one for one in examine(frame) if one["code"] in ("mixed-types", "numbers-as-text")]
    found = dict(zip(column, mended(frame, issue["operations"])["x"].to_list(), strict=True))
    assert {text: found[text] for text in expected} == expected


def test_how_a_number_will_be_read_is_said_to_the_last_digit() -> None:
    issues = examine(of([f"10.{at % 97:03},69" for at in range(N)]))
    assert ["“10.000,69” is read as 10,000.69." in issue["suggestion"] for issue in issues] == [True]


@pytest.mark.parametrize(
    "values",
    [
        ["Room 3", "Room 4", "Room 12", "Room 5", "Room 7"],
        ["1st", "2nd", "3rd", "4th", "11th"],
        ["007", "012", "135", "unknown"],
        ["12:30", "9:15", "18:00"],
        ["192.168.100.200", "10.0.0.1", "8.8.8.8"],
        ["1 star", "3 stars", "4 stars"],
        ["5-10", "11-20", "21-50"],
        ["S", "M", "36", "38", "XL", "L"],
    ],
    ids=lambda value: value[0],
)
def test_texts_with_figures_are_no_numbers(values: list[str]) -> None:
    found = examine(of(words(*values)))
    assert not [issue for issue in found if issue["code"] in ("mixed-types", "numbers-as-text", "mixed-units")]


def test_two_numbers_may_stand_for_nothing_in_one_column() -> None:
    values = replaced([int(v) for v in NOISE], {1: -999, 2: -999, 3: 9999, 4: 9999, 5: 9999})
    (issue,) = with_code(examine(of(values)), "stand-in-value")
    assert "-999 in 2 rows and 9,999 in 3 rows" in issue["message"]
    assert mended(of(values), issue["operations"])["x"].null_count() == 5


def test_every_check_has_a_case() -> None:
    codes = set()
    for path in Path(quality.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "found" and node.args:
                codes |= {leaf.value for leaf in ast.walk(node.args[0]) if isinstance(leaf, ast.Constant)}
    assert {code for code in codes if isinstance(code, str)} == {case.code for case in CASES}


def test_one_finding_about_very_many_columns_has_a_fix_that_a_recipe_can_hold() -> None:
    table = pl.DataFrame({f"c{at}": [f"{row}.{at} kg" for row in range(60)] for at in range(250)})
    issues = examine(table)
    found = next(issue for issue in issues if len(issue["operations"]) > 1)
    assert len(found["operations"]) == 200 < len(found["columns"])
    assert "first 200 steps" in found["suggestion"]
    empty = table.with_columns(pl.lit(None, dtype=pl.Int64).alias(f"c{at}") for at in range(250))
    assert any(len(issue["operations"]) == 1 for issue in examine(empty.with_columns(pl.Series("y", range(60)))))


@pytest.mark.parametrize(
    "table",
    [
        pl.DataFrame({"x": [1.5], "y": ["a"], "z": [None]}),
        pl.DataFrame({"x": ["a"] * 200, "y": [1.5] * 200}),
        pl.DataFrame({"x": [None] * 200, "y": [None] * 200}),
    ],
    ids=["one row", "constant", "empty"],
)
def test_nothing_is_suggested_that_would_leave_no_column(table: pl.DataFrame) -> None:
    issues = examine(table)
    assert issues and not any(issue["operations"] for issue in issues), issues
    assert all("rop" not in issue["suggestion"] for issue in issues)
