"""What the command line shows and writes."""

import json
from pathlib import Path

import polars as pl
import pytest

from flowml.data.inspect import format_inspection, inspect_file
from flowml.data.read import read_table
from flowml.data.writing.writers import EXTENSIONS, write_table
from flowml.domain.errors import UnreadableFile, UnsupportedFormat


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_what_is_written_reads_back(tmp_path: Path, extension: str) -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y, z"], "c": [0.25, 2.0]})
    write_table(frame, tmp_path / f"out.{extension}")
    assert read_table(tmp_path / f"out.{extension}")[0].equals(frame)


def test_an_unknown_kind_of_output_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"out\.docx"):
        write_table(pl.DataFrame({"a": [1]}), tmp_path / "out.docx")
    assert not list(tmp_path.iterdir())


def test_an_inspection_is_json_and_a_table(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        "id,when,kind,size\n" + "".join(f"{i},2020-01-{i:02},{'ab'[i % 2]},{i / 4}\n" for i in range(1, 29))
    )
    found = inspect_file(path)
    json.dumps(found, allow_nan=False)
    assert [column["role"] for column in found["columns"]] == ["identifier", "datetime", "categorical", "numeric"]
    text = format_inspection(found)
    assert "28 rows × 4 columns" in text
    assert "2020-01-01 … 2020-01-28" in text
    assert "a (14), b (14)" in text


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="There is no file"):
        inspect_file(tmp_path / "nowhere.csv")
