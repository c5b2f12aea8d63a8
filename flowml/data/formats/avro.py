"""Apache Avro, by Polars where it can and by `avrofile` where it cannot."""

from __future__ import annotations

from pathlib import Path

from flowml.data.format import CERTAIN, NO, Format, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark

# Records of nothing but nulls take no bytes: no file's size bounds their number.
_MOST_EMPTY_RECORDS = 100_000
_POLARS_CODECS = ("null", "deflate", "snappy")


def sniff(head: bytes, path: Path) -> float:
    return CERTAIN if head.startswith(b"Obj\x01") else NO


def read(source: Source) -> Reading:
    import polars as pl

    from flowml.data.nested.avro import Bytes, Schema, blocks, read_header
    from flowml.data.nested.records import Columns

    header = read_header(source.path)
    schema = Schema(header.schema)
    remarks: list[Remark] = []
    by_polars = schema.is_plain and schema.least > 0 and header.codec in _POLARS_CODECS
    columns = Columns(source.limits, for_model=bool(source.expected))
    n_rows = 0
    for count, content in blocks(source.path, header):
        n_rows += count
        if count * schema.least > len(content) or (schema.least == 0 and n_rows > _MOST_EMPTY_RECORDS):
            raise UnreadableFile(
                f"The Avro file is damaged: a block claims {count:,} records and has no room for them.",
                hint="Export it again, or save it as Parquet.",
            )
        source.limits.check(n_rows, 0)
        if by_polars:
            continue
        stream = Bytes(content)
        try:
            for _ in range(count):
                columns.add(schema.decode(stream))
        except EOFError as error:
            raise UnreadableFile(
                f"The Avro file is damaged: record {columns.height + 1:,} is not whole.",
                hint="Export it again, or save it as Parquet.",
            ) from error
    frame = pl.read_avro(source.path) if by_polars and n_rows else columns.frame(remarks)
    return Reading(frame, "avro", typed=True, remarks=remarks, given=columns.given)


FORMAT = Format(name="avro", title="Avro", extensions=("avro",), sniff=sniff, read=read)
