"""Many rows as a table in the body of a request: Arrow, Parquet, CSV or JSON lines in, and the like out."""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from flowml.domain.errors import NotAcceptable, TooLarge
from flowml.services.context import Context
from flowml.services.datasets import PlaceForUploads
from flowml.services.downloads import MEDIA_TYPES
from flowml.services.serving import predicting
from flowml.services.serving.loaded import Loaded
from flowml.services.serving.predicting import DEFAULT_COVERAGE
from flowml.web.caller import context_of
from flowml.web.leaving import in_bulk, until_gone
from flowml.web.schemas.results import PredictQuery

if TYPE_CHECKING:
    from flowml.services.scoring.bodies import AnsweredTable
    from flowml.services.scoring.small import SmallTable

PREDICTIONS = "application/json"
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
# How the binary ones of them begin.
_BEGINS = {
    STREAM: b"\xff\xff\xff\xff",
    "application/vnd.apache.arrow.file": b"ARROW1",
    "application/vnd.apache.parquet": b"PAR",
    "application/x-parquet": b"PAR",
}
_MOST_ACCEPTED = 50
_PIECE = 1 << 18
_SHOWN_NOTES = 10
_LONGEST_NOTES = 4_000


async def predict_table(request: Request, media_type: str, query: PredictQuery) -> Response:
    """The table of this request with the answers added. Raises UnreadableFile, TooLarge, NoRoom, and as `answer_table`
    does."""
    return await _answered(request, media_type, query, _wanted(request.headers.get("accept", ""), media_type))


async def invoke_table(request: Request, media_type: str, model_id: str | None) -> Response:
    """What is predicted for each row of the table of this request, as MLflow's server answers it, whatever Accept
    names. Raises the same but NotAcceptable."""
    return await _answered(request, media_type, PredictQuery(model_id=model_id), PREDICTIONS)


async def _answered(request: Request, media_type: str, query: PredictQuery, wanted: str) -> Response:
    started = time.perf_counter()
    context = context_of(request)
    model_id = predicting.named(context, query.model_id)
    # Before anything that was sent is looked at.
    context.caller.check_model(model_id)
    place = PlaceForUploads(context)
    path = place.new_temp()
    asked = _Asked(model_id, path, media_type, wanted, query.coverage or DEFAULT_COVERAGE, started)
    try:
        await _receive(request, place, path, context.settings.max_upload_bytes)
        with predicting.counted(context, model_id):
            small = await until_gone(request, asked.read)
            if small is None:
                return await until_gone(request, asked.answer)
            return await in_bulk(request, lambda context: asked.answer_small(context, small))
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Asked:
    """What is to be answered: the table at `path`, which was `sent` in this media type, in the `wanted` one.
    Its methods work in threads; who needs them imports what reads tables."""

    model_id: str
    path: Path
    sent: str
    wanted: str
    coverage: float
    started: float

    @property
    def _filename(self) -> str:
        return f"rows.{TABLES[self.sent]}"

    @property
    def _format(self) -> str:
        return TABLES[STREAM if self.wanted == PREDICTIONS else self.wanted]

    def read(self, context: Context) -> "SmallTable | None":
        """A small table, with the model for it; None for a large one."""
        from flowml.services.scoring.bodies import check_begin
        from flowml.services.scoring.small import MOST_BYTES, read_small

        check_begin(self.path, self.sent, _BEGINS.get(self.sent))
        loaded = predicting.load(context, self.model_id)
        if self.path.stat().st_size > MOST_BYTES:
            return None
        return read_small(context, loaded, self.path, filename=self._filename, format=self._format)

    def answer_small(self, context: Context, table: "SmallTable") -> Response:
        """The answer to that."""
        from flowml.services.scoring.small import answer_small

        found = answer_small(context, table, format=self._format, coverage=self.coverage, started=self.started)
        return self._response(context, table.loaded, found)

    def answer(self, context: Context) -> Response:
        """The answer to a table of any size."""
        from flowml.services.scoring.bodies import answer_table

        # A training run's best model may be another one by the time that it has answered.
        loaded = predicting.load(context, self.model_id)
        found = answer_table(
            context, loaded.id, self.path, filename=self._filename, format=self._format, coverage=self.coverage
        )
        return self._response(context, loaded, found)

    def _response(self, context: Context, loaded: Loaded, found: "AnsweredTable") -> Response:
        beside = PlaceForUploads(context).new_temp()
        if self.wanted == PREDICTIONS:
            from flowml.services.scoring.bodies import as_predictions

            return response_of(as_predictions(found, loaded, beside), PREDICTIONS, beside)
        return response_of(found, STREAM if self.wanted == STREAM else MEDIA_TYPES[self._format], beside)


def response_of(found: "AnsweredTable", media_type: str, beside: Path) -> Response:
    """The table in this media type. Nothing is left of its file, nor of one `beside` it, even where nobody takes the
    answer."""
    if media_type == STREAM:
        from flowml.services.scoring.bodies import as_stream

        found = as_stream(found, beside)
    notes = {"X-FlowML-Notes": _shown(found.notes)} if found.notes else {}
    length = {"Content-Length": str(found.path.stat().st_size)}
    return StreamingResponse(_pieces(found.path), media_type=media_type, headers={**notes, **length})


def answered(
    context: Context,
    model_id: str,
    path: Path,
    *,
    filename: str,
    format: str,
    options: Mapping[str, Any] | None = None,
) -> Response:
    """The rows of a file with the answers added, in one of MEDIA_TYPES. Raises as `answer_table` does."""
    from flowml.services.scoring.bodies import answer_table

    with predicting.counted(context, model_id):
        found = answer_table(context, model_id, path, filename=filename, format=format, options=options)
    return response_of(found, MEDIA_TYPES[format], PlaceForUploads(context).new_temp())


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


def _wanted(accept: str, media_type: str) -> str:
    """In which media type to answer: the one that Accept would like best, and of those alike the first; as the table
    was sent where anything will do. Raises NotAcceptable where none of what there is will."""
    wanted: list[tuple[float, int, str]] = []
    for place, item in enumerate(accept.split(",")[:_MOST_ACCEPTED]):
        named, *parameters = (part.strip().lower() for part in item.split(";"))
        weights = [part.removeprefix("q=") for part in parameters if part.startswith("q=")]
        try:
            weight = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        found = media_type if named == "*/*" or _is_range_of(named, media_type) else named
        if found in TABLES and weight > 0:
            wanted.append((-weight, place, found))
    if wanted:
        return min(wanted)[2]
    if not accept.strip():
        return media_type
    raise NotAcceptable(
        "A table is answered with a table, in none of the formats that Accept names.",
        hint=f"There are {', '.join(TABLES)}.",
    )


def _is_range_of(named: str, media_type: str) -> bool:
    return named.endswith("/*") and media_type.startswith(named.removesuffix("*"))


def _pieces(path: Path) -> Iterator[bytes]:
    """The file, of which nothing is left when it was sent, or nobody takes it any more."""
    file = path.open("rb")
    path.unlink()

    def pieces() -> Iterator[bytes]:
        with file:
            while piece := file.read(_PIECE):
                yield piece

    return pieces()


def _shown(notes: tuple[str, ...]) -> str:
    """Some of the sentences, as a list in JSON that a header can carry."""
    found: list[str] = []
    for note in notes[:_SHOWN_NOTES]:
        if len(json.dumps([*found, note])) > _LONGEST_NOTES:
            break
        found.append(note)
    return json.dumps(found)
