"""One pass over the bytes of a text table."""

import random
from pathlib import Path

import pytest

from flowml.data.delimited.rows.structure import scan


@pytest.mark.parametrize("seed", [0, 1, 278765])  # the last one ends inside quotation marks
def test_the_structure_is_the_same_wherever_the_pieces_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    cells = ["1", "", '"a,b"', '"x\ny"', '"q""q"', '""', "plain", '5" odd']
    lines = [",".join(rng.choices(cells, weights=[5, 2, 2, 2, 2, 1, 5, 0.2], k=3)) for _ in range(300)]
    lines[7] += ",more"
    lines[9] = ""
    path = tmp_path / "t.csv"
    path.write_bytes("\r\n".join(lines).encode())
    whole = scan(path, ",", 3)
    for size in (1, 2, 7, 64):
        monkeypatch.setattr("flowml.data.delimited.rows.structure._CHUNK", size)
        pieces = scan(path, ",", 3)
        assert len(pieces.anchors) == len(pieces.anchor_records) > 1
        middle = len(pieces.anchors) // 2
        rest = scan(path, ",", 3, start=pieces.anchors[middle])
        assert rest.records == whole.records - pieces.anchor_records[middle]
        pieces.anchors, pieces.anchor_records = whole.anchors, whole.anchor_records
        assert pieces == whole, f"pieces of {size} bytes"
