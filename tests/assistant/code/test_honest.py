"""What people and models write to clean a table is let through, and makes what it says."""

import json

import polars as pl
import pytest

from flowml.assistant.code.starting import run_code
from tests.assistant.code.honest import EXAMPLES, PEOPLE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, list[object]]]:
    """What each of them makes, in a confined process."""
    folder = tmp_path_factory.mktemp("honest")
    pl.DataFrame(PEOPLE).write_parquet(folder / "table")
    run_code(
        json.dumps([code for code, _ in EXAMPLES]),
        folder / "table",
        folder / "result",
        max_rows=1000,
        max_columns=50,
        most_bytes=1 << 30,
        module="tests.assistant.code.many",
    )
    return [json.loads(text) for text in pl.read_ipc((folder / "result").read_bytes())["said"]]


def test_there_are_as_many_as_promised() -> None:
    assert len({code for code, _ in EXAMPLES}) >= 40


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_honest_code_makes_what_it_says(made: list[dict[str, list[object]]], place: int) -> None:
    code, expected = EXAMPLES[place]
    found = made[place]
    assert "failed" not in found, (code, found)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values), (code, name)
