"""Many rows as a table in the body of a request: Arrow, Parquet, CSV or JSON lines in, and the like out."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from flowml.domain.errors import TooLarge
from flowml.services.context import Context
from flowml.services.datasets import PlaceForUploads
from flowml.services.downloads import MEDIA_TYPES
from flowml.services.serving import predicting
from flowml.web.caller import context_of
from flowml.web.leaving import until_gone

STREAM = "application/vnd.apache.arrow.stream"
# By media type what such a table is called as a file, and in which format it is answered where nothing else is asked.
TABLES = {
    STREAM: "arrow",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
    "text/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
}
_BY_MEDIA_TYPE = {media_type.partition(";")[0]: format for format, media_type in MEDIA_TYPES.items()} | {
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/x-parquet": "parquet",
}
_PIECE = 1 << 18
_SHOWN_NOTES = 10
_LONGEST_NOTES = 4_000


async def predict_table(request: Request, media_type: str) -> Response:
    """The table of this request with the answers added. Raises TooLarge, NoRoom, and as `answer_table` does."""
    context = context_of(request)
    model_id = predicting.named(context, request.query_params.get("model_id"))
    # Before anything that was sent is looked at.
    context.caller.check_model(model_id)
    sent = TABLES[media_type]
    format, as_stream = _wanted(request.headers.get("accept", ""), media_type)
    place = PlaceForUploads(context)
    path = place.new_temp()

    def answer(context: Context) -> Response:
        return answered(context, model_id, path, filename=f"rows.{sent}", format=format, as_stream=as_stream)

    try:
        await _receive(request, place, path, context.settings.max_upload_bytes)
        return await until_gone(request, answer)
    finally:
        path.unlink(missing_ok=True)


def answered(
    context: Context,
    model_id: str,
    path: Path,
    *,
    filename: str,
    format: str,
    options: Mapping[str, Any] | None = None,
    as_stream: bool = False,
) -> Response:
    """The rows of a file with the answers added, in one of MEDIA_TYPES, or as an Arrow stream. Raises as `answer_table`
    does."""
    from flowml.services.scoring.bodies import answer_table

    with predicting.counted(context, model_id):
        found = answer_table(context, model_id, path, filename=filename, format=format, options=options)
    notes = {"X-FlowML-Notes": _shown(found.notes)} if found.notes else {}
    if as_stream:
        return StreamingResponse(_stream(found.path), media_type=STREAM, headers=notes)
    length = {"Content-Length": str(found.path.stat().st_size)}
    return StreamingResponse(_pieces(found.path), media_type=MEDIA_TYPES[format], headers={**notes, **length})


def accepted(header: str) -> str:
    """The format that a client would like best of those that there are; CSV where it names none of them."""
    wanted: list[tuple[float, int, str]] = []
    for place, item in enumerate(header.split(",")[:50]):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        weights = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        format = _BY_MEDIA_TYPE.get(media_type)
        if format is not None and weight > 0:
            wanted.append((-weight, place, format))
    return min(wanted)[2] if wanted else "csv"


async def _receive(request: Request, place: PlaceForUploads, path: Path, most_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    n_bytes = int(announced) if announced.isdecimal() else 0
    if n_bytes > most_bytes:
        raise _too_large(most_bytes)
    received = 0
    with place.promised(n_bytes) as promise, path.open("xb") as file:
        async for chunk in request.stream():
            received += len(chunk)
            if received > most_bytes:
                raise _too_large(most_bytes)
            # A piece of what a connection holds goes into the system's memory, and not to the disk.
            file.write(chunk)
            promise.written(len(chunk))


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(
        f"A table may have at most {most_bytes // 1_000_000} MB.", hint="Send it in several requests, or as Parquet."
    )


def _wanted(accept: str, media_type: str) -> tuple[str, bool]:
    """In which format to answer, and whether as an Arrow stream: as Accept says, else as it was sent."""
    named = {item.partition(";")[0].strip().lower() for item in accept.split(",")}
    if STREAM in named:
        return "arrow", True
    if named & set(TABLES):
        return accepted(accept), False
    return TABLES[media_type], media_type == STREAM


def _pieces(path: Path) -> Iterator[bytes]:
    """The file, of which nothing is left when it was sent, or nobody takes it any more."""
    file = path.open("rb")
    path.unlink()

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(_PIECE):
                yield piece

    return pieces()


def _stream(path: Path) -> Iterator[bytes]:
    from flowml.services.scoring.bodies import arrow_stream

    try:
        yield from arrow_stream(path)
    finally:
        path.unlink(missing_ok=True)


def _shown(notes: tuple[str, ...]) -> str:
    """Some of the sentences, as a list in JSON that a header can carry."""
    found: list[str] = []
    for note in notes[:_SHOWN_NOTES]:
        if len(json.dumps([*found, note])) > _LONGEST_NOTES:
            break
        found.append(note)
    return json.dumps(found)
