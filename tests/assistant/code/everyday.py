"""Steps of everyday cleaning, each in Polars and once more in plain Python, in which every row keeps its number."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

NUMBERS = ("age", "fare")


@dataclass(frozen=True)
class Row:
    """Which row of the table it was; None for one that was put together of several."""

    number: int | None
    values: dict[str, Any]

    def changed(self, **values: Any) -> "Row":
        return Row(self.number, {**self.values, **values})


Rows = list[Row]


@dataclass(frozen=True)
class Step:
    """The same twice."""

    code: str
    python: Callable[[Rows], Rows]


def _whole(*names: str) -> Callable[[Rows], Rows]:
    return lambda rows: [
        row for row in rows if all(row.values[name] is not None for name in names or row.values if name in row.values)
    ]


def _numbers(row: Row) -> list[str]:
    return [name for name in NUMBERS if name in row.values]


def _each(change: Callable[[Row], dict[str, Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [row.changed(**change(row)) for row in rows]


def _sorted(name: str, *, descending: bool) -> Callable[[Rows], Rows]:
    def made(rows: Rows) -> Rows:
        known = [row for row in rows if row.values[name] is not None]
        # Without `reverse`, which keeps those that are equal the other way round.
        values = sorted({row.values[name] for row in known}, reverse=descending)
        return [row for value in values for row in known if row.values[name] == value] + [
            row for row in rows if row.values[name] is None
        ]

    return made


def _firsts(key: Callable[[Row], Any]) -> Callable[[Rows], Rows]:
    def made(rows: Rows) -> Rows:
        found: dict[Any, Row] = {}
        for row in rows:
            found.setdefault(key(row), row)
        return list(found.values())

    return made


def _ages(change: Callable[[list[Any]], list[Any]]) -> Callable[[Rows], Rows]:
    return lambda rows: [
        row.changed(age=age) for row, age in zip(rows, change([row.values["age"] for row in rows]), strict=True)
    ]


def _forward(rows: Rows) -> Rows:
    last: dict[str, Any] = {}
    made = []
    for row in rows:
        last = {name: last.get(name) if value is None else value for name, value in row.values.items()}
        made.append(row.changed(**last))
    return made


def _highest(rows: Rows) -> dict[str, Any]:
    return {
        name: max((row.values[name] for row in rows if row.values[name] is not None), default=None)
        for name in rows[0].values
    }


def _grouped(rows: Rows) -> Rows:
    towns = list(dict.fromkeys(row.values["town"] for row in rows))
    groups = [[row for row in rows if row.values["town"] == town] for town in towns]
    return [Row(None, _highest(group)) for group in groups]


def _joined(rows: Rows) -> Rows:
    return [row.changed(land={"Ulm": "B", "Hof": "F"}.get(row.values["town"])) for row in rows]


STEPS = (
    Step("df = df.drop_nulls()", _whole()),
    Step('df = df.drop_nulls("age")', _whole("age")),
    Step("df = df.drop_nulls(cs.numeric())", _whole(*NUMBERS)),
    Step("df = df.filter(pl.all_horizontal(pl.all().is_not_null()))", _whole()),
    Step(
        'df = df.filter(pl.col("age") > 20)',
        lambda rows: [row for row in rows if row.values["age"] is not None and row.values["age"] > 20],
    ),
    Step(
        "df = df.filter(~pl.any_horizontal(cs.numeric() > 50))",
        lambda rows: [
            row
            for row in rows
            if all(row.values[name] is not None and row.values[name] <= 50 for name in _numbers(row))
        ],
    ),
    Step(
        'df = df.lazy().filter(pl.col("town") == "Ulm").collect()',
        lambda rows: [row for row in rows if row.values["town"] == "Ulm"],
    ),
    Step("df = df.head(4)", lambda rows: rows[:4]),
    Step("df = df.tail(3)", lambda rows: rows[-3:]),
    Step("df = df.slice(1, 4)", lambda rows: rows[1:5]),
    Step("df = df[1:4]", lambda rows: rows[1:4]),
    Step("df = df.reverse()", lambda rows: rows[::-1]),
    Step("df = df.gather_every(2)", lambda rows: rows[::2]),
    Step('df = df.sort("age", nulls_last=True, maintain_order=True)', _sorted("age", descending=False)),
    Step(
        'df = df.sort(cs.by_name("town"), descending=True, nulls_last=True, maintain_order=True)',
        _sorted("town", descending=True),
    ),
    Step('df = df.unique("town", keep="first", maintain_order=True)', _firsts(lambda row: row.values["town"])),
    Step(
        'df = df.unique(keep="first", maintain_order=True)',
        _firsts(lambda row: tuple(sorted(map(repr, row.values.items())))),
    ),
    Step("df = pl.concat([df, df.head(1)])", lambda rows: [*rows, *rows[:1]]),
    Step(
        "df = df.with_columns(cs.numeric() + 1)",
        _each(lambda row: {name: None if row.values[name] is None else row.values[name] + 1 for name in _numbers(row)}),
    ),
    Step("df = df.with_columns(cs.integer().reverse())", _ages(lambda ages: ages[::-1])),
    Step('df = df.with_columns(pl.col("age").shift(1))', _ages(lambda ages: [None, *ages[:-1]])),
    Step("df = df.with_columns(cs.unsigned_integer() * 0 + 1)", lambda rows: rows),
    Step("df = df.select(pl.all())", lambda rows: rows),
    Step("df = df.select([pl.col(name) for name in df.columns])", lambda rows: rows),
    Step(
        'df = df.with_columns(pl.col("age").fill_null(0))',
        _each(lambda row: {"age": 0 if row.values["age"] is None else row.values["age"]}),
    ),
    Step(
        'df = df.with_columns(pl.col("town").str.to_lowercase())',
        _each(lambda row: {"town": None if row.values["town"] is None else row.values["town"].lower()}),
    ),
    Step('df = df.with_columns(pl.all().fill_null(strategy="forward"))', _forward),
    Step(
        'df = df.with_columns(label=pl.format("{} years", pl.col("age")))',
        _each(lambda row: {"label": None if row.values["age"] is None else f"{row.values['age']} years"}),
    ),
    Step(
        'df = df.drop("fare")',
        lambda rows: [
            Row(row.number, {name: value for name, value in row.values.items() if name != "fare"}) for row in rows
        ],
    ),
    Step(
        'places = pl.DataFrame({"town": ["Ulm", "Hof"], "land": ["B", "F"]})\n'
        'df = df.join(places, on="town", how="left", maintain_order="left")',
        _joined,
    ),
    Step(
        'df = df.join(pl.DataFrame({"town": ["Ulm", "Hof"]}), on="town", how="semi")',
        lambda rows: [row for row in rows if row.values["town"] in ("Ulm", "Hof")],
    ),
    Step('df = df.group_by("town", maintain_order=True).agg(pl.all().max())', _grouped),
    Step(
        "df = df.select(pl.all().max())",
        lambda rows: [Row(rows[0].number if len(rows) == 1 else None, _highest(rows))],
    ),
)
"""Those that need a column come to no table that is without it: only “fare” is ever dropped, and none needs it. None
makes a column of numbers, which selectors would find."""
