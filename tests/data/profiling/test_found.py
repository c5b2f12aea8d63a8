"""How columns are spread over the rows that a search finds."""

from dataclasses import asdict
from pathlib import Path

import polars as pl

from flowml.data.canonical import write_canonical
from flowml.data.profiling.distribution import distributions_of_rows
from flowml.data.profiling.profile import profile


def test_only_the_rows_that_are_found_are_counted(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "city": ["Ulm", "Kiel", "Ulm", "Bern"] * 30,
            "age": [10, 70, None, 80] * 30,
            "height": [1.5 + at / 100 for at in range(120)],
        }
    )
    table = tmp_path / "table.parquet"
    write_canonical(frame, table)
    columns = [asdict(column) for column in profile(frame).columns]
    answer = distributions_of_rows({"table": str(table), "columns": columns, "search": "ulm"})
    city, age, height = answer["distributions"]
    assert answer["rows"] == 60 == sum(height["counts"])
    assert (city["values"], city["counts"], city["other"]) == (("Ulm",), (60,), 0)
    assert (sum(age["counts"]), age["missing"]) == (30, 30)
    nothing = distributions_of_rows({"table": str(table), "columns": columns, "search": "Oslo"})
    assert nothing["rows"] == 0 and nothing["distributions"][2]["counts"] == ()
