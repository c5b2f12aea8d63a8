"""Arrow IPC, as a file (also called Feather) and as a stream."""

import io
import struct
from pathlib import Path

from flowml.data.batches import pieces_of
from flowml.data.ceiling import check_bytes
from flowml.data.format import CERTAIN, LIKELY, NO, Format, Pieces, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import loss

_CONTINUATION = b"\xff\xff\xff\xff"


def sniff(head: bytes, path: Path) -> float:
    if head.startswith((b"ARROW1", b"FEA1")):
        return CERTAIN
    if head.startswith(_CONTINUATION) and len(head) >= 8:
        # A stream starts with the length of its schema message, padded to 8 bytes.
        (length,) = struct.unpack("<i", head[4:8])
        return LIKELY if length > 0 and length % 8 == 0 else NO
    return NO


def read(source: Source) -> Reading:
    import polars as pl

    with source.path.open("rb") as file:
        magic = file.read(6)
    if magic.startswith(b"FEA1"):
        raise UnreadableFile(
            "The file is in the first version of Feather, which is no longer read.",
            hint="Save it again as Feather 2 or Parquet.",
        )
    if magic == b"ARROW1":
        from flowml.data.sizes import least_bytes

        table = pl.scan_ipc(source.path, glob=False)
        n_rows = table.select(pl.len()).collect().item()
        check_bytes(source.path, least_bytes(table.collect_schema(), n_rows))
        return Reading(pl.read_ipc(source.path), "arrow", typed=True)
    frame = pl.read_ipc_stream(source.path)
    said = "The stream has no mark at its end: its last rows may be missing."
    remarks = [] if _is_ended(source.path) else [loss("cut_off", said)]
    return Reading(frame, "arrow", typed=True, remarks=remarks)


def pieces(source: Source) -> Pieces | None:
    """Of a file. A stream is read at once: nothing in it says where its rows are."""
    import polars as pl

    with source.path.open("rb") as file:
        if file.read(6) != b"ARROW1":
            return None
    return pieces_of(pl.scan_ipc(source.path, glob=False), "arrow", _damaged)


def _damaged(error: Exception) -> UnreadableFile:
    reason = str(error).partition("\n")[0][:200]
    return UnreadableFile(f"The Arrow file is damaged: {reason}.", hint="Save or export it again.")


def _is_ended(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-8, io.SEEK_END)
        return file.read() == _CONTINUATION + bytes(4)


FORMAT = Format(
    name="arrow",
    title="Arrow or Feather",
    extensions=("feather", "arrow", "ipc", "arrows"),
    sniff=sniff,
    read=read,
    pieces=pieces,
)
