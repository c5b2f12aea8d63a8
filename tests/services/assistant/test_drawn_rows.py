"""The rows that ideas are tried on."""

from pathlib import Path

import polars as pl

from flowml.data.sampling import read_drawn


def test_what_comes_again_every_so_many_rows_is_drawn_as_often_as_it_is_there(tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    pl.DataFrame({"at": range(2_001), "y": [at % 2 for at in range(2_001)]}).write_parquet(table)
    drawn = read_drawn(table, ["at", "y"], 1_000, seed=0)
    assert drawn.height == 1_000 and drawn["at"].is_sorted() and drawn["at"].n_unique() == 1_000
    assert 400 < drawn["y"].sum() < 600
    assert drawn.equals(read_drawn(table, ["at", "y"], 1_000, seed=0))
    assert read_drawn(table, ["y"], 2_001, seed=0).height == 2_001
