"""MLflow's scoring protocol over HTTP, as `mlflow models serve` speaks it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from flowml import __version__
from flowml.domain.errors import UnsupportedFormat
from flowml.services.protocols import mlflow
from flowml.services.serving import predicting
from flowml.services.serving.answers import Prediction
from flowml.services.serving.loaded import Loaded
from flowml.web.api.asked import answered
from flowml.web.api.table_bodies import invoke_table
from flowml.web.bodies import list_in_parts, media_type_of, parse_in_parts, parse_json, receive
from flowml.web.schemas.protocols import Invocation, InvocationsQuery

_PARQUET = ("application/vnd.apache.parquet", "application/x-parquet")
TABLES = ("text/csv", *_PARQUET)


async def invocations(request: Request, query: InvocationsQuery) -> Response:
    """Predictions in MLflow's protocol.

    One of dataframe_split, dataframe_records, instances and inputs holds the rows, as for `mlflow models serve`; or the
    body is a table, CSV (text/csv) or Parquet (application/vnd.apache.parquet).
    """
    media_type = media_type_of(request)
    if media_type in _PARQUET:
        return await invoke_table(request, media_type, query.model_id)
    if media_type not in ("application/json", "text/csv"):
        raise UnsupportedFormat(
            f"This address takes JSON, CSV and Parquet, not {media_type[:60] or 'an unnamed format'}.",
            hint="Send the header “Content-Type: application/json”, text/csv or application/vnd.apache.parquet.",
        )
    async with receive(request) as sent:
        if media_type == "text/csv":
            return await answered(request, sent, query.model_id, _bytes, mlflow.read_csv, _write_plain, _usual)
        return await answered(request, sent, query.model_id, _parse, _rows, _write, _coverage)


async def of_model(request: Request, model_id: str) -> Response:
    """Predictions in MLflow's protocol, for clients that can name a model in an address alone."""
    return await invocations(request, InvocationsQuery(model_id=model_id))


async def ping(request: Request) -> Response:
    """Does the process answer, under the name by which MLflow's clients ask."""
    return Response("\n", media_type="application/json")


async def version(request: Request) -> Response:
    """Which version answers, as a text."""
    return Response(__version__, media_type="text/plain")


def _bytes(content: bytes, is_small: bool) -> bytes:
    return content


def _usual(asked: bytes) -> float:
    return predicting.DEFAULT_COVERAGE


def _write_plain(asked: bytes, loaded: Loaded, found: list[Prediction]) -> Response:
    return _write(Invocation(), loaded, found)


def _parse(content: bytes, is_small: bool) -> Invocation:
    return (parse_json if is_small else parse_in_parts)(content, Invocation)


def _rows(asked: Invocation, loaded: Loaded) -> list[dict[str, Any]]:
    given = {name: getattr(asked, name) for name in mlflow.FORMATS if name in asked.model_fields_set}
    return mlflow.read_rows(given, loaded)


def _coverage(asked: Invocation) -> float:
    return mlflow.read_params(asked.params).coverage


def _write(asked: Invocation, loaded: Loaded, found: list[Prediction]) -> Response:
    predictions = mlflow.write_predictions(loaded, found, mlflow.read_params(asked.params))
    return Response(b'{"predictions":%b}' % list_in_parts(predictions), media_type="application/json")
