"""What is said of a column of texts."""

from pathlib import Path

import polars as pl
import pytest

from flowml.data.canonical import write_canonical
from flowml.data.profiling.writing import texts_of_table
from flowml.domain.errors import InvalidInput


def test_lengths_frequent_words_and_some_texts(tmp_path: Path) -> None:
    texts = [f"Helle Wohnung am Park, Nummer {at}" for at in range(60)] + ["Garten Garten Garten", "x" * 900, None]
    table = tmp_path / "table.parquet"
    write_canonical(pl.DataFrame({"note": texts, "n": range(len(texts))}), table)
    found = texts_of_table({"table": str(table), "column": "note"})
    words = {item["word"]: item["count"] for item in found["words"]}
    assert words["wohnung"] == words["park"] == 60
    assert "garten" not in words and "am" not in words, "in one row only; too short to mean something"
    assert sum(found["lengths"]["counts"]) == 62 and found["lengths"]["missing"] == 1
    assert len(set(found["samples"])) == 6 and max(map(len, found["samples"])) <= 400
    with pytest.raises(InvalidInput, match="holds no texts"):
        texts_of_table({"table": str(table), "column": "n"})
