"""What people and models write to clean a table, and what comes of it: (code, columns of the result that are looked
at)."""

from typing import Any

PEOPLE: dict[str, list[Any]] = {
    "name": [" Ada Lovelace", "Bo Li ", "Cy Young", "Bo Li ", None],
    "age": ["36", "x", "41", "x", "29"],
    "city": ["Ulm", "ulm", "BERN", "ulm", None],
    "income": [1000.0, None, 3000.0, None, 500.0],
    "joined": ["2020-01-31", "31.12.2021", "2022-02-30", "31.12.2021", None],
    "price": ["1,200.50 EUR", "80 EUR", "", "80 EUR", "n/a"],
    "grade": [1, 2, 3, 2, 99],
    "tags": ["a;b", "b", "", "b", "c;a;b"],
}

_TITLES = ["Ulm", "Ulm", "Bern", "Ulm", None]

EXAMPLES: tuple[tuple[str, dict[str, list[Any]]], ...] = (
    (
        'df = df.with_columns(pl.col("name").str.strip_chars())',
        {"name": ["Ada Lovelace", "Bo Li", "Cy Young", "Bo Li", None]},
    ),
    (
        'df = df.with_columns(pl.col("age").cast(pl.Int64, strict=False))',
        {"age": [36, None, 41, None, 29]},
    ),
    ('df = df.with_columns(pl.col("city").str.to_lowercase().str.to_titlecase())', {"city": _TITLES}),
    (
        'df = df.with_columns(pl.col("income").fill_null(pl.col("income").median()))',
        {"income": [1000, 1000, 3000, 1000, 500]},
    ),
    (
        'df = df.with_columns(pl.col("income").fill_null(strategy="forward"))',
        {"income": [1000, 1000, 3000, 3000, 500]},
    ),
    (
        'df = df.with_columns(pl.col("income").fill_null(pl.col("income").mean().over("grade")).fill_null(0))',
        {"income": [1000, 0, 3000, 0, 500]},
    ),
    ('df = df.with_columns(pl.col("income").fill_null(strategy="zero"))', {"income": [1000, 0, 3000, 0, 500]}),
    (
        (
            "df = df.with_columns(\n"
            "    pl.coalesce(\n"
            '        pl.col("joined").str.to_date("%Y-%m-%d", strict=False),\n'
            '        pl.col("joined").str.to_date("%d.%m.%Y", strict=False),\n'
            "    ).alias('joined')\n"
            ")\n"
            'df = df.with_columns(pl.col("joined").dt.year().alias("year"), month=pl.col("joined").dt.month())'
        ),
        {"year": [2020, 2021, None, 2021, None], "month": [1, 12, None, 12, None]},
    ),
    (
        (
            "df = df.with_columns(\n"
            '    pl.col("price")\n'
            '    .str.replace_all(",", "")\n'
            '    .str.extract(r"(\\d+(?:\\.\\d+)?)", 1)\n'
            "    .cast(pl.Float64, strict=False)\n"
            ")"
        ),
        {"price": [1200.5, 80, None, 80, None]},
    ),
    (
        (
            "df = df.with_columns(\n"
            '    pl.when(pl.col("grade") > 6).then(None).otherwise(pl.col("grade")).alias("grade")\n'
            ")"
        ),
        {"grade": [1, 2, 3, 2, None]},
    ),
    (
        (
            "df = df.with_columns(\n"
            '    pl.when(pl.col("grade") <= 1).then(pl.lit("good"))\n'
            '    .when(pl.col("grade") <= 2).then(pl.lit("fair"))\n'
            '    .otherwise(pl.lit("poor"))\n'
            '    .alias("judged")\n'
            ")"
        ),
        {"judged": ["good", "fair", "poor", "fair", "poor"]},
    ),
    ('df = df.with_columns(pl.col("grade").clip(1, 6))', {"grade": [1, 2, 3, 2, 6]}),
    ('df = df.with_columns(pl.col("grade").replace({99: None}))', {"grade": [1, 2, 3, 2, None]}),
    (
        'df = df.with_columns(pl.col("grade").replace_strict({1: "A", 2: "B", 3: "C"}, default="?"))',
        {"grade": ["A", "B", "C", "B", "?"]},
    ),
    (
        'df = df.with_columns(pl.col("price").replace(["", "n/a"], None))',
        {"price": ["1,200.50 EUR", "80 EUR", None, "80 EUR", None]},
    ),
    (
        'df = df.with_columns(pl.col("grade").qcut(2, labels=["low", "high"]).cast(pl.String).alias("half"))',
        {"half": ["low", "low", "high", "low", "high"]},
    ),
    (
        'df = df.with_columns(pl.col("grade").cut([1.5, 10], labels=["a", "b", "c"]).cast(pl.String).alias("bin"))',
        {"bin": ["a", "b", "b", "b", "c"]},
    ),
    (
        'df = df.with_columns(pl.col("name").str.strip_chars().str.split(" ").list.first().alias("first_name"))',
        {"first_name": ["Ada", "Bo", "Cy", "Bo", None]},
    ),
    (
        (
            "df = df.with_columns(\n"
            '    pl.col("name").str.strip_chars().str.split_exact(" ", 1)\n'
            '    .struct.rename_fields(["first", "last"]).alias("parts")\n'
            ').unnest("parts")'
        ),
        {"first": ["Ada", "Bo", "Cy", "Bo", None], "last": ["Lovelace", "Li", "Young", "Li", None]},
    ),
    ("df = df.unique(maintain_order=True)", {"grade": [1, 2, 3, 99]}),
    ('df = df.unique(subset=["city"], keep="first", maintain_order=True)', {"grade": [1, 2, 3, 99]}),
    ('df = df.filter(pl.col("income").is_not_null() & (pl.col("grade") < 10))', {"grade": [1, 3]}),
    ('df = df.filter(~pl.col("city").is_null())', {"grade": [1, 2, 3, 2]}),
    ('df = df.drop_nulls(["income"])', {"grade": [1, 3, 99]}),
    ('df = df.sort("income", descending=True, nulls_last=True)', {"income": [3000, 1000, 500, None, None]}),
    ('df = df.rename({"income": "earned"}).drop("tags", "price")', {"earned": [1000, None, 3000, None, 500]}),
    ("df = df.rename({c: c.upper() for c in df.columns})", {"GRADE": [1, 2, 3, 2, 99]}),
    ('df = df.select(["grade", "income"])', {"grade": [1, 2, 3, 2, 99]}),
    ('df = df.select(pl.exclude("name", "tags"))', {"grade": [1, 2, 3, 2, 99]}),
    (
        'df = df.with_columns(pl.col("grade").rolling_mean(window_size=2, min_samples=1).alias("smooth"))',
        {"smooth": [1, 1.5, 2.5, 2.5, 50.5]},
    ),
    (
        'df = df.with_columns((pl.col("grade") - pl.col("grade").mean().over("city")).alias("off"))',
        {"off": [0, 0, 0, 0, 0]},
    ),
    ('df = df.with_columns(pl.len().over("city").alias("n"))', {"n": [1, 2, 1, 2, 1]}),
    (
        (
            'means = df.group_by("city").agg(pl.col("grade").mean().alias("city_grade"))\n'
            'df = df.join(means, on="city", how="left", maintain_order="left")'
        ),
        {"city_grade": [1, 2, 3, 2, None]},
    ),
    (
        'df = df.group_by("city", maintain_order=True).agg(n=pl.len(), top=pl.col("grade").max()).sort("top")',
        {"n": [1, 2, 1, 1], "top": [1, 2, 3, 99]},
    ),
    (
        'df = df.select("grade", "income").unpivot(["income"], index="grade")',
        {"variable": ["income"] * 5, "value": [1000, None, 3000, None, 500]},
    ),
    (
        'df = df.pivot("city", index="grade", values="income", aggregate_function="first")',
        {"Ulm": [1000, None, None, None]},
    ),
    (
        'df = df.with_columns(pl.concat_str([pl.col("city"), pl.col("grade")], separator="-").alias("key"))',
        {"key": ["Ulm-1", "ulm-2", "BERN-3", "ulm-2", None]},
    ),
    (
        'df = df.with_columns(pl.format("{} ({})", "city", "grade").alias("key"))',
        {"key": ["Ulm (1)", "ulm (2)", "BERN (3)", "ulm (2)", None]},
    ),
    (
        'df = df.with_columns([pl.col(c).str.strip_chars().str.to_lowercase() for c in ["name", "city"]])',
        {"city": ["ulm", "ulm", "bern", "ulm", None]},
    ),
    (
        'df = df.with_columns([pl.col(c).is_null().alias(f"{c}_missing") for c in df.columns if c != "tags"])',
        {"income_missing": [False, True, False, True, False], "age_missing": [False] * 5},
    ),
    (
        (
            "numbers = [c for c in df.columns if df.schema[c].is_numeric()]\n"
            "df = df.with_columns([pl.col(c).fill_null(pl.col(c).median()) for c in numbers])"
        ),
        {"income": [1000, 1000, 3000, 1000, 500]},
    ),
    ("df = df.with_columns(cs.string().str.len_chars())", {"city": [3, 3, 4, 3, None]}),
    ("df = df.with_columns(cs.numeric().fill_null(-1))", {"income": [1000, -1, 3000, -1, 500]}),
    ("df = df.with_columns(pl.selectors.float().round(0))", {"grade": [1, 2, 3, 2, 99]}),
    (
        'df = df.with_columns(pl.col("tags").str.contains("a").alias("has_a"), pl.col("tags").str.count_matches(";"))',
        {"has_a": [True, False, False, False, True], "tags": [1, 0, 0, 0, 2]},
    ),
    (
        'df = df.with_columns(pl.col("tags").str.split(";").list.len().alias("n_tags"))',
        {"n_tags": [2, 1, 1, 1, 3]},
    ),
    (
        'df = df.with_columns(pl.col("tags").str.split(";")).explode("tags").filter(pl.col("tags") != "")',
        {"tags": ["a", "b", "b", "b", "c", "a", "b"]},
    ),
    (
        'df = df.with_columns(pl.col("income").log1p().round(3).alias("log"))',
        {"log": [6.909, None, 8.007, None, 6.217]},
    ),
    (
        (
            'low = df["grade"].quantile(0.0)\nhigh = df["grade"].quantile(0.75)\n'
            'df = df.with_columns(pl.col("grade").clip(low, high))'
        ),
        {"grade": [1, 2, 3, 2, 3]},
    ),
    (
        (
            'spread = (pl.col("grade") - pl.col("grade").min()) / (pl.col("grade").max() - pl.col("grade").min())\n'
            'df = df.with_columns(spread.round(3).alias("scaled"))'
        ),
        {"scaled": [0, 0.01, 0.02, 0.01, 1]},
    ),
    ('df = df.with_row_index("row", offset=1)', {"row": [1, 2, 3, 4, 5]}),
    ('df = df.with_columns(pl.col("grade").rank("dense").alias("place"))', {"place": [1, 2, 3, 2, 4]}),
    ('df = df.with_columns(pl.col("grade").shift(1).alias("before"))', {"before": [None, 1, 2, 3, 2]}),
    ('df = df.with_columns(pl.col("grade").diff().alias("step"))', {"step": [None, 1, 1, -1, 97]}),
    (
        'df = df.with_columns(pl.col("city").is_in(["Ulm", "ulm"]).alias("in_ulm"))',
        {"in_ulm": [True, True, False, True, None]},
    ),
    ('df = df.with_columns(pl.col("grade").is_between(1, 6).cast(pl.Int8).alias("valid"))', {"valid": [1, 1, 1, 1, 0]}),
    ('df = df.with_columns(pl.sum_horizontal("income", "grade").alias("sum"))', {"sum": [1001, 2, 3003, 2, 599]}),
    ("df = df.lazy().filter(pl.col('grade') < 3).collect()", {"grade": [1, 2, 2]}),
    ("df.head(2)", {"grade": [1, 2]}),
    (
        "# only the first ones\nfirst = df.filter(pl.col('grade') == 1)\nresult = pl.concat([first, first])",
        {"grade": [1, 1]},
    ),
    (
        'df = df.with_columns(pl.col("city").str.to_titlecase()).to_dummies("city", separator="=")',
        {"city=Ulm": [1, 1, 0, 1, 0]},
    ),
    ("df = df.sample(fraction=1.0, shuffle=True, seed=3).sort('grade', 'city')", {"grade": [1, 2, 2, 3, 99]}),
    (
        'df = df.with_columns(pl.lit(2 ** 10 - 24).alias("k"), pl.col("grade") ** 2)',
        {"k": [1000] * 5, "grade": [1, 4, 9, 4, 9801]},
    ),
    (
        (
            'names = pl.DataFrame({"grade": [1, 2, 3], "word": ["one", "two", "three"]})\n'
            'df = df.join(names, on="grade", how="left", maintain_order="left")'
        ),
        {"word": ["one", "two", "three", "two", None]},
    ),
    (
        (
            'df = df.with_columns(pl.col("joined").str.strptime(pl.Date, "%Y-%m-%d", strict=False))\n'
            'df = df.with_columns(pl.col("joined").dt.strftime("%d/%m/%y"), weekday=pl.col("joined").dt.weekday())'
        ),
        {"joined": ["31/01/20", None, None, None, None], "weekday": [5, None, None, None, None]},
    ),
)
