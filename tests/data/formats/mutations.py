"""Damage to a valid file: it is either read or refused in plain words, whatever is cut, doubled or exchanged."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st

from flowml.data.format import Format, Source
from flowml.data.formats.registry import read
from flowml.domain.errors import FlowMLError


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with some of its bytes exchanged, taken out or doubled, and perhaps cut off."""
    damage = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(len(damage) - 1, 0)))
        end = min(len(damage), start + draw(st.integers(0, 40)))
        damage[start:end] = draw(
            st.one_of(
                st.binary(max_size=8),
                st.just(bytes(damage[start:end]) * 2),
                st.sampled_from(
                    [b"", b"\n", b"\r", b"\x00", b";", b":", b'"', b"<", b">", b"^", b"!", b"=", b"\xff", b"BEGIN:"]
                ),
            )
        )
    return bytes(damage[: draw(st.integers(0, len(damage)))] if draw(st.booleans()) else damage)


def read_or_refuse(filename: str, content: bytes, format: Format) -> None:
    """Read content by its own detection and by force of `format`; anything but a refusal in words is a mistake."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / filename
        path.write_bytes(content)
        for reader in (read, format.read):
            scratch = Path(folder) / reader.__module__
            scratch.mkdir()
            try:
                reading = reader(Source(path, filename, scratch))
            except FlowMLError as error:
                assert error.detail.endswith((".", "”"))
            else:
                assert reading.frame.width or reader is format.read
