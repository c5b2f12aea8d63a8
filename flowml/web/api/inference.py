"""The Open Inference Protocol over HTTP, with the binary tensor data extension of Triton."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from flowml.domain.errors import InvalidInput, MalformedRequest
from flowml.services.context import Context
from flowml.services.protocols import inference, tensors
from flowml.services.serving import predicting
from flowml.services.serving.answers import Prediction
from flowml.services.serving.loaded import Loaded
from flowml.web.api.asked import answered
from flowml.web.bodies import list_in_parts, parse_in_parts, parse_json, receive
from flowml.web.caller import context_of
from flowml.web.leaving import for_a_row
from flowml.web.schemas.protocols import Infer, InputTensor, RequestedOutput

_HEADER = "Inference-Header-Content-Length"
BINARY = ("application/octet-stream",)


@dataclass(frozen=True)
class _Asked:
    body: Infer
    tensors: tuple[tensors.Tensor, ...]


async def server(request: Request) -> dict[str, Any]:
    """This server, in the Open Inference Protocol."""
    return inference.server_metadata()


async def live(request: Request) -> dict[str, bool]:
    """Does the process answer."""
    return {"live": True}


def ready(context: Context) -> dict[str, bool]:
    """Can the store be read and written too."""
    # What else it tells of takes a moment to import.
    from flowml.web.api import system

    system.readiness(context)
    return {"ready": True}


async def model(request: Request, model_id: str, version: str | None = None) -> dict[str, Any]:
    """A model's inputs and outputs as tensors, in the Open Inference Protocol."""
    return inference.model_metadata(model_id, await _loaded(request, model_id, version))


async def model_ready(request: Request, model_id: str, version: str | None = None) -> dict[str, Any]:
    """Can this model be asked; it is loaded for that."""
    await _loaded(request, model_id, version)
    return {"name": model_id, "ready": True}


async def infer(request: Request, model_id: str, version: str | None = None) -> Response:
    """Predictions in the Open Inference Protocol.

    Columns are tensors [rows] by their names, or all of them one tensor [rows, columns]. With the header
    Inference-Header-Content-Length the body is that many bytes of JSON, and then the tensors that have a
    binary_data_size.
    """
    context_of(request).caller.check_model(model_id)
    inference.check_version(version)
    length = _header_length(request)

    def parse(content: bytes, is_small: bool) -> _Asked:
        return _parse(content, length, is_small)

    def write(asked: _Asked, loaded: Loaded, found: list[Prediction]) -> Response:
        return _write(model_id, asked.body, loaded, found)

    async with receive(request) as sent:
        return await answered(request, sent, model_id, parse, _rows, write, _coverage)


async def _loaded(request: Request, model_id: str, version: str | None) -> Loaded:
    found = predicting.ready(context_of(request), model_id)
    inference.check_version(version)
    if found is not None:
        return found
    return await for_a_row(request, lambda context: predicting.load(context, model_id))


def _header_length(request: Request) -> int | None:
    text = request.headers.get(_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 12):
        raise MalformedRequest(f"The header {_HEADER} must be a number of bytes.")
    return int(text)


def _parse(content: bytes, length: int | None, is_small: bool) -> _Asked:
    length = len(content) if length is None else length
    if length > len(content):
        raise MalformedRequest(f"The header {_HEADER} says {length:,} bytes, and the body has {len(content):,}.")
    body = (parse_json if is_small else parse_in_parts)(content[:length], Infer)
    found, at = [], length
    for tensor in body.inputs:
        size = tensor.parameters.binary_data_size
        raw = None if size is None else content[at : at + size]
        if raw is not None and len(raw) != size:
            raise InvalidInput.of_field(tensor.name, f"The input “{tensor.name[:100]}” has fewer bytes than it says.")
        at += size or 0
        found.append(_tensor(tensor, raw))
    if at < len(content):
        raise MalformedRequest(f"{len(content) - at:,} bytes behind the JSON belong to no input.")
    return _Asked(body, tuple(found))


def _rows(asked: _Asked, loaded: Loaded) -> list[dict[str, Any]]:
    return inference.read_rows(loaded, asked.tensors)


def _coverage(asked: _Asked) -> float:
    return asked.body.parameters.coverage


def _tensor(sent: InputTensor, raw: bytes | None) -> tensors.Tensor:
    if sent.parameters.shared_memory_region is not None:
        raise InvalidInput.of_field(sent.name, "This server shares no memory with its clients.")
    if raw is not None and sent.data is not None:
        raise InvalidInput.of_field(sent.name, f"The input “{sent.name[:100]}” has both data and bytes.")
    return tensors.Tensor(sent.name, sent.datatype, tuple(sent.shape), sent.data, raw)


def _write(name: str, body: Infer, loaded: Loaded, answers: list[Prediction]) -> Response:
    wanted = {} if body.outputs is None else {output.name: output for output in body.outputs}
    document: dict[str, Any] = {"model_name": name, "model_version": inference.VERSION}
    if body.id is not None:
        document["id"] = body.id
    described_ones: list[bytes] = []
    behind: list[bytes] = []
    for output in inference.outputs(loaded, answers, list(wanted) or None):
        described: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        if _is_binary(wanted.get(output.name), body):
            raw = tensors.write(output.values, output.datatype)
            described["parameters"] = {"binary_data_size": len(raw)}
            behind.append(raw)
        else:
            described_ones.append(b'%b,"data":%b}' % (to_json(described)[:-1], list_in_parts(output.values)))
            continue
        described_ones.append(to_json(described))
    header = b'%b,"outputs":[%b]}' % (to_json(document)[:-1], b",".join(described_ones))
    if not behind:
        return Response(header, media_type="application/json")
    return Response(
        b"".join((header, *behind)), headers={_HEADER: str(len(header))}, media_type="application/octet-stream"
    )


def _is_binary(asked: RequestedOutput | None, body: Infer) -> bool:
    if asked is not None and asked.parameters.classification is not None:
        raise InvalidInput.of_field("outputs", "This server does not sort classes: ask for “probabilities”.")
    if asked is None or asked.parameters.binary_data is None:
        return body.parameters.binary_data_output
    return asked.parameters.binary_data
