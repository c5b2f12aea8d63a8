"""A lock among processes is taken once, whatever its file holds."""

from pathlib import Path

from flowml.machine.locks import taken


def test_one_at_a_time_also_with_garbage_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gpu-0.lock"
    path.write_bytes(b"garbage" * 1000)
    with taken(path) as first, taken(path) as second:
        assert (first, second) == (True, False)
    with taken(path) as again:
        assert again
