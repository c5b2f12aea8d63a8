"""Apache ORC, by pyorc (the ORC project's own C++ reader)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flowml.data.format import CERTAIN, NO, Format, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark

_ROWS_AT_ONCE = 10_000
_AGAIN = "Export it again, or save it as Parquet."
_LEAST_BYTES = 16
Convert = Callable[[Any], Any]


def sniff(head: bytes, path: Path) -> float:
    # Three letters also start ordinary texts.
    return CERTAIN if head.startswith(b"ORC") and b"\x00" in head[:4096] else NO


def read(source: Source) -> Reading:
    import polars as pl
    import pyorc

    from flowml.data.nested.records import Column, flatten

    _check_tail(source.path)
    remarks: list[Remark] = []
    with source.path.open("rb") as file:
        try:
            reader = pyorc.Reader(file, batch_size=_ROWS_AT_ONCE, struct_repr=pyorc.StructRepr.DICT)
            schema: Any = reader.schema
            if schema.kind != pyorc.TypeKind.STRUCT:
                raise UnreadableFile("The ORC file holds single values, not records.", hint="A table is made of rows.")
            source.limits.check(len(reader), len(schema.fields))
            prepare = _converter(schema)
            columns: dict[str, Column] = {}
            height = 0
            while rows := reader.read(_ROWS_AT_ONCE):
                for row in rows:
                    for name, value in flatten(prepare(row) if prepare else row).items():
                        column = columns.setdefault(name, Column())
                        column.values.extend([None] * (height - column.packed_height - len(column.values)))
                        column.values.append(value)
                    height += 1
                source.limits.check(height, len(columns))
                for column in columns.values():
                    column.pack(height)
        except (pyorc.ORCError, ValueError, OverflowError, RuntimeError, MemoryError) as error:
            if isinstance(error, UnreadableFile):
                raise
            # Where the server keeps the file is nobody's business.
            reason = str(error).replace(str(source.path), "the file")[:200].rstrip(".")
            raise UnreadableFile(
                f"The ORC file is cut off or damaged: {reason or 'its parts do not fit together'}.", hint=_AGAIN
            ) from error
    kept = {
        name: column
        for name, column in columns.items()
        if not (column.is_empty() and any(other.startswith(f"{name}.") for other in columns))
    }
    frame = pl.DataFrame([column.typed(name, remarks) for name, column in kept.items()])
    return Reading(frame, "orc", typed=True, remarks=remarks)


def _check_tail(path: Path) -> None:
    """A whole file ends with a postscript, its magic word and its length."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 256))
        tail = file.read()
    length = tail[-1] if tail else 0
    if size < _LEAST_BYTES or length >= len(tail) or b"ORC" not in tail[-1 - length :]:
        raise UnreadableFile("The ORC file is cut off or damaged: its end is missing.", hint=_AGAIN)


def _converter(schema: Any) -> Convert | None:
    """What a value of this type needs so that it is plain; None for most types. Maps become JSON: their keys are values
    rather than columns."""
    import pyorc

    from flowml.data.nested.records import as_json

    kind = schema.kind
    if kind == pyorc.TypeKind.MAP:
        return lambda value: None if value is None else as_json(value)
    if kind == pyorc.TypeKind.CHAR:
        return lambda value: None if value is None else value.rstrip(" ")
    if kind == pyorc.TypeKind.STRUCT:
        inner = {name: convert for name, field in schema.fields.items() if (convert := _converter(field)) is not None}
        if inner:
            return lambda value: (
                None
                if value is None
                else {name: inner[name](each) if name in inner else each for name, each in value.items()}
            )
    return None


FORMAT = Format(name="orc", title="ORC", extensions=("orc",), sniff=sniff, read=read)
