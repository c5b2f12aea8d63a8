"""Every error's one translation to HTTP: RFC 9457 problem documents, or a page for a person in a browser."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import annotated_types
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from flowml.domain import errors
from flowml.domain.errors import FieldProblem, FlowMLError, InvalidInput, MalformedRequest
from flowml.domain.names import closest

MEDIA_TYPE = "application/problem+json"
# Nobody reads more, and each sentence takes its time.
MOST_NAMED = 20
# Errors repeat what was sent, and that may be as long as a request.
_LONGEST_FIELD = 200
_LONGEST_SENTENCE = 2_000


@dataclass(frozen=True)
class Kind:
    """How one class of errors leaves as HTTP. `name` is its anchor on the documentation page; `again_seconds` is when
    to try again, where that is of use."""

    status: int
    name: str
    title: str
    again_seconds: int | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What stands above the answer."""
        headers = {} if self.again_seconds is None else {"Retry-After": str(self.again_seconds)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})


# In the order of most special first: the first class that an error belongs to decides.
KINDS: dict[type[FlowMLError], Kind] = {
    errors.UnreadableFile: Kind(422, "unreadable-file", "The file cannot be read"),
    errors.InvalidInput: Kind(422, "invalid-input", "A value cannot be used"),
    errors.MalformedRequest: Kind(400, "malformed-request", "The request cannot be understood"),
    errors.Unauthorized: Kind(401, "unauthorized", "A credential is needed"),
    errors.Forbidden: Kind(403, "forbidden", "Not allowed"),
    errors.LeaseLost: Kind(404, "lease-lost", "The lease is lost"),
    errors.NotFound: Kind(404, "not-found", "Not found"),
    errors.WrongState: Kind(409, "wrong-state", "Not possible right now"),
    errors.NotApplicable: Kind(409, "not-applicable", "Not possible for this one"),
    errors.TooLarge: Kind(413, "too-large", "Too large"),
    errors.NotAcceptable: Kind(406, "not-acceptable", "Not acceptable"),
    errors.UnsupportedFormat: Kind(415, "unsupported-format", "Unsupported format"),
    errors.TooMany: Kind(429, "too-many", "Too many at once", 5),
    errors.NoAssistant: Kind(503, "no-assistant", "There is no assistant"),
    errors.NoAnswer: Kind(503, "no-answer", "The assistant gave no answer"),
    errors.NotReady: Kind(503, "not-ready", "Not ready", 5),
    errors.Damaged: Kind(503, "damaged", "What is stored is damaged"),
    errors.NoRoom: Kind(507, "no-room", "The disk is full"),
}
_INTERNAL = Kind(500, "internal-error", "Something went wrong on this server")
_BY_STATUS = {
    404: Kind(404, "not-found", "Not found"),
    405: Kind(405, "wrong-method", "This address does not take this method"),
    426: Kind(426, "websocket-only", "This address speaks WebSocket"),
}


@dataclass(frozen=True)
class Problem:
    """An error in the form in which it leaves."""

    kind: Kind
    detail: str
    hint: str | None = None
    fields: Sequence[FieldProblem] = ()

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": f"/api/docs#{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": _cut(self.detail),
        }
        if self.hint:
            document["hint"] = _cut(self.hint)
        if self.fields:
            document["errors"] = [
                {"field": _cut(problem.field, _LONGEST_FIELD), "message": _cut(problem.message)}
                for problem in self.fields
            ]
        return document


def _cut(text: str, longest: int = _LONGEST_SENTENCE) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def problem_of(error: Exception) -> Problem:
    """The problem that an exception is; anything unknown becomes a 500 that shows nothing of the inside."""
    if isinstance(error, FlowMLError):
        for cls, kind in KINDS.items():
            if isinstance(error, cls):
                fields = error.fields if isinstance(error, InvalidInput) else ()
                return Problem(kind, error.detail, error.hint, fields)
    if isinstance(error, HTTPException):
        status = error.status_code
        phrase = HTTPStatus(status).phrase
        kind = _BY_STATUS.get(status, Kind(status, phrase.lower().replace(" ", "-"), phrase))
        if status == 404 and error.detail == phrase:
            return Problem(kind, "There is nothing at this address.", "The list of addresses is at /api/docs.")
        return Problem(kind, error.detail)
    return Problem(
        _INTERNAL,
        "This is a mistake in FlowML, not in your request.",
        "The server's log says more. Please report it with what you did.",
    )


def problem_response(error: Exception, headers: Mapping[str, str] | None = None, path: str = "") -> Response:
    """The JSON answer for an exception at this address. Where clients of others call, it has the members in which these
    look for the reason as well, and the status that they expect of a request which cannot be used."""
    problem = problem_of(error)
    document = problem.document()
    status = problem.kind.status
    is_inference = path == "/v2" or path.startswith("/v2/")
    if is_inference or path == "/invocations" or (path.startswith("/models/") and path.endswith("/invocations")):
        document["status"] = status = 400 if status == 422 else status
        words = " ".join(filter(None, (document["detail"], document.get("hint"))))
        document |= {"error": words} if is_inference else {"error_code": _mlflow_code(status), "message": words}
    return Response(to_json(document), status, {**problem.kind.headers, **(headers or {})}, MEDIA_TYPE)


def _mlflow_code(status: int) -> str:
    """How MLflow calls what it answers with this status."""
    return _MLFLOW_CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")


_MLFLOW_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
    507: "RESOURCE_EXHAUSTED",
}


def invalid_request(error: ValidationError, model: type[BaseModel], *, left_out: int = 0) -> FlowMLError:
    """A failed validation in words. One line per field, also where a union of types failed several times; of very many
    only the first, and how many more there are, together with those `left_out` before."""
    problems: dict[str, FieldProblem] = {}
    fields: set[str] = set()
    for detail in error.errors(include_url=False, include_context=True):
        field = _cut(".".join(str(part) for part in _location(detail, model)), _LONGEST_FIELD) or "request"
        if field not in fields and len(fields) < MOST_NAMED:
            problems[field] = FieldProblem(field, _sentence(field, detail, model))
        fields.add(field)
    listed = tuple(problems.values())
    first = listed[0].message
    left = len(fields) - 1 + left_out
    more = f" There {'is' if left == 1 else 'are'} {left:,} more problem{'' if left == 1 else 's'} like this."
    return InvalidInput(f"{first}{more if left else ''}", fields=listed)


def field_names(model: type[BaseModel]) -> list[str]:
    """The names by which a request knows the fields of a schema."""
    return [info.alias or name for name, info in model.model_fields.items()]


def not_json(reason: str) -> MalformedRequest:
    """What was sent cannot be read as JSON."""
    return MalformedRequest(
        f"The request is not valid JSON: {reason}.", hint="Check commas, quotes and brackets near that place."
    )


def _location(detail: ErrorDetails, model: type[BaseModel]) -> tuple[int | str, ...]:
    """Where the value is, without the names that pydantic gives to the members of a union."""
    location = detail["loc"]
    for length, part in enumerate(location):
        if length and isinstance(part, str) and part in _UNION_MEMBERS:
            return location[:length]
    return location


_UNION_MEMBERS = frozenset({"str", "int", "float", "bool", "none", "literal", "constrained-int", "constrained-float"})


def _sentence(field: str, detail: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with one field."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "missing":
        return f"“{field}” is missing."
    if kind == "extra_forbidden":
        near = closest(field, field_names(model))
        return f"“{field}” is not a known field." + (f" Did you mean “{near}”?" if near else "")
    if kind in ("literal_error", "enum"):
        return f"“{field}” must be one of {str(context['expected']).replace(chr(39), '')}."
    if kind == "value_error":
        return str(context["error"])
    if kind == "too_short":
        least = context["min_length"]
        return f"“{field}” is empty: name at least one." if least == 1 else f"“{field}” needs at least {least} entries."
    if kind == "too_long":
        return f"“{field}” takes at most {context['max_length']:,} entries."
    if kind == "string_too_long":
        return f"“{field}” takes at most {context['max_length']:,} characters."
    limits = _limits(field, model)
    wanted = _WANTED.get(kind)
    if wanted is None and limits and kind.split("_")[0] in ("greater", "less"):
        wanted = "a number"
    if wanted is None:
        message = detail["msg"]
        return f"“{field}” cannot be used: {message[:1].lower()}{message[1:]}."
    return f"“{field}” must be {wanted}{limits}{_was(detail['input'])}."


_WANTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_type": "text",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}


def _limits(field: str, model: type[BaseModel]) -> str:
    """` from 1 to 3600`, ` of at least 1`, or nothing."""
    info = model.model_fields.get(field)
    low = high = None
    for limit in info.metadata if info else ():
        if isinstance(limit, annotated_types.Ge):
            low = limit.ge
        if isinstance(limit, annotated_types.Le):
            high = limit.le
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""


def _was(value: Any) -> str:
    if isinstance(value, str):
        return f", not “{value[:40]}”"
    if isinstance(value, int | float):
        return f", not {json.dumps(value)}"
    return ""
