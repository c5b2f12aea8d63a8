"""JSON that may be large, of requests and of answers: bounded, and read and written so that nobody else waits for it.

While one call reads or writes all of it, no other thread can do anything: so that is done item by item.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from flowml.domain.errors import MalformedRequest, TooLarge, UnsupportedFormat
from flowml.web.errors import invalid_request, not_json

MAX_JSON_BYTES = 32_000_000
# So much is read within half a millisecond, which is less than handing it to a thread may take on a busy machine.
_AT_ONCE_BYTES = 64_000
_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
Schema = TypeVar("Schema", bound=BaseModel)


async def read_body(request: Request, model: type[Schema]) -> Schema:
    """The body of a JSON request as its schema. Raises UnsupportedFormat, TooLarge, MalformedRequest, InvalidInput."""
    content = await read_json(request)
    if len(content) <= _AT_ONCE_BYTES:
        return parse_json(content, model)
    return await run_in_threadpool(parse_in_parts, content, model)


async def read_json(request: Request) -> bytes:
    """The body of a JSON request. Raises UnsupportedFormat, TooLarge."""
    media_type = request.headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedFormat(
            f"This address takes JSON, not {media_type[:60] or 'an unnamed format'}.",
            hint="Send the header “Content-Type: application/json”.",
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_JSON_BYTES:
        raise _too_much()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON_BYTES:
            raise _too_much()
    return bytes(body)


def _too_much() -> TooLarge:
    return TooLarge(
        f"A request may have at most {MAX_JSON_BYTES // 1_000_000} MB.",
        hint="Send fewer rows at once, or upload a file.",
    )


def parse_json(content: bytes, model: type[Schema]) -> Schema:
    """A body as its schema. Raises MalformedRequest, InvalidInput. Depth of nesting is bounded by the parser."""
    if not content.strip():
        raise MalformedRequest("The request has no body.", hint="Send a JSON object.")
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise invalid_request(error, model) from None


def parse_in_parts(content: bytes, model: type[Schema]) -> Schema:
    """The same for a large body, in a thread. Raises as `parse_json` does."""
    try:
        value = _Parts(content).read()
    except RecursionError:
        raise not_json("it is nested too deeply") from None
    except ValueError as error:
        raise not_json(str(error)) from None
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_request(error, model) from None


def write_in_parts(name: str, items: Iterable[Any], **others: Any) -> bytes:
    """An object with a long list in it, in a thread. What is no number becomes null.

    >>> write_in_parts("rows", [[1, float("nan")], ["ä"]], total=2)
    b'{"rows":[[1,null],["\\xc3\\xa4"]],"total":2}'
    """
    written = b",".join(to_json(item, inf_nan_mode="null") for item in items)
    return b"{%b:[%b],%b" % (to_json(name), written, to_json(others, inf_nan_mode="null")[1:])


class _Parts:
    """A JSON object, read value by value, and the lists in it item by item. Raises ValueError, RecursionError."""

    def __init__(self, content: bytes):
        self._text = content.decode()
        self._at = 0
        # A character may be written as two halves, and somebody may send only one.
        self._may_have_halves = b"\\ud" in content or b"\\uD" in content

    def read(self) -> Any:
        """What `json.loads` answers."""
        if self._comes() != "{":
            return json.loads(self._text)
        found: dict[str, Any] = {}
        for _ in self._until("}"):
            if self._comes() != '"':
                raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, self._at)
            name = self._value()
            if self._comes() != ":":
                raise json.JSONDecodeError("Expecting ':' delimiter", self._text, self._at)
            self._at += 1
            found[name] = [self._value() for _ in self._until("]")] if self._comes() == "[" else self._value()
        if self._comes():
            raise json.JSONDecodeError("Extra data", self._text, self._at)
        return found

    def _comes(self) -> str:
        """The next character that is no blank; empty at the end."""
        match = _BLANKS.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]

    def _until(self, closing: str) -> Iterator[None]:
        """Once for each item of a list or an object, standing before it, and then past the bracket that ends it."""
        self._at += 1
        if self._comes() != closing:
            yield
            while self._comes() == ",":
                self._at += 1
                yield
            if self._comes() != closing:
                raise json.JSONDecodeError("Expecting ',' delimiter", self._text, self._at)
        self._at += 1

    def _value(self) -> Any:
        self._comes()
        value, self._at = _DECODER.raw_decode(self._text, self._at)
        if self._may_have_halves:
            # Raises where one stands alone: nothing that is answered about it could be written.
            json.dumps(value, ensure_ascii=False).encode()
        return value
