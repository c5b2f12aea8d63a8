"""JSON that may be large, of requests and of answers: bounded, and read and written so that nobody else waits for it.

While one call reads or writes all of it, no other thread can do anything: so that is done piece by piece.
"""

import io
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import IO, Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json
from starlette.requests import ClientDisconnect, Request

from flowml.domain.errors import FlowMLError, InvalidInput, MalformedRequest, TooLarge, UnsupportedFormat
from flowml.services.datasets import PlaceForUploads
from flowml.web.at_once import MOST_AT_ONCE_BYTES
from flowml.web.caller import context_of
from flowml.web.errors import MOST_NAMED, field_names, invalid_request, not_json
from flowml.web.leaving import in_bulk

MAX_JSON_BYTES = 32_000_000
# So much is read within half a millisecond, which is less than handing it to a thread may take on a busy machine.
_AT_ONCE_BYTES = MOST_AT_ONCE_BYTES
_IN_MEMORY_BYTES = 1_000_000
# What has no more brackets than this cannot be nested too deeply.
_MOST_DEPTH = 200
# No table has as many columns, and no list of a request as many items.
_MOST_ITEMS = 100_000
# As much as one call may read, which takes some milliseconds; the end of a number is not known before what follows it.
_PIECE = 250_000
_ITEMS_AT_ONCE = 5_000
_END_OF_NUMBER = 4
# Where so few characters end within an item, items are read one by one.
_LEAST_STEP = 500
_BLANKS = re.compile(r"[ \t\n\r]*")
Schema = TypeVar("Schema", bound=BaseModel)


async def read_body(request: Request, model: type[Schema]) -> Schema:
    """The body of a JSON request as its schema. Raises UnsupportedFormat, TooLarge, MalformedRequest, InvalidInput."""
    async with read_json(request) as sent:
        if is_read_at_once(sent):
            return parse_json(sent.read(), model)
        return await in_bulk(request, lambda _: parse_in_parts(sent.read(), model))


async def read_small(request: Request) -> bytes | None:
    """The body of a JSON request that is announced to be small, the shortest way; None where `read_json` has to be
    asked, which nothing has been read for. Raises ClientDisconnect."""
    announced, is_json = b"", True
    for name, value in request.scope["headers"]:
        if name == b"content-length":
            announced = value
        elif name == b"content-type":
            is_json = value == b"application/json"
    if not is_json or not announced.isdigit() or int(announced) > _AT_ONCE_BYTES:
        return None
    content: bytes = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        content += message.get("body", b"")
        if not message.get("more_body"):
            return content


def is_shallow(content: bytes) -> bool:
    """Whether a small body has so few brackets that it is read in no time."""
    return content.count(b"[") + content.count(b"{") <= _MOST_DEPTH


def is_read_at_once(sent: IO[bytes]) -> bool:
    """Whether a body is so small that what it asks may be answered without handing it to a thread."""
    if not isinstance(sent, io.BytesIO) or sent.getbuffer().nbytes > _AT_ONCE_BYTES:
        return False
    return is_shallow(sent.getvalue())


@asynccontextmanager
async def read_json(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body of a JSON request, as `receive` has it. Raises UnsupportedFormat, TooLarge."""
    media_type = media_type_of(request)
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedFormat(
            f"This address takes JSON, not {media_type[:60] or 'an unnamed format'}.",
            hint="Send the header “Content-Type: application/json”.",
        )
    async with receive(request) as sent:
        yield sent


def media_type_of(request: Request) -> str:
    """What the body is said to be, without parameters; JSON where nothing is said."""
    return request.headers.get("content-type", "application/json").split(";")[0].strip().lower()


@asynccontextmanager
async def receive(request: Request) -> AsyncIterator[IO[bytes]]:
    """The body of a request: in memory where it is small, else in a file until somebody reads it, for there may be
    very many that arrive slowly. Raises TooLarge."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MAX_JSON_BYTES:
        raise _too_much()
    with ExitStack() as opened:
        body: IO[bytes] = io.BytesIO()
        n_bytes = 0
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > MAX_JSON_BYTES:
                raise _too_much()
            if n_bytes > _IN_MEMORY_BYTES and isinstance(body, io.BytesIO):
                place = PlaceForUploads(context_of(request)).new_temp()
                kept, body = body.getvalue(), opened.enter_context(place.open("x+b"))
                place.unlink()
                body.write(kept)
            body.write(chunk)
        body.seek(0)
        yield body


def _too_much() -> TooLarge:
    return TooLarge(
        f"A request may have at most {MAX_JSON_BYTES // 1_000_000} MB.",
        hint="Send fewer rows at once, or upload a file.",
    )


def read_small_json(content: bytes) -> Any:
    """What is in a small body, whatever it is. Raises MalformedRequest."""
    return _read(content, _at_once)


def parse_json(content: bytes, model: type[Schema]) -> Schema:
    """A small body as its schema. Raises MalformedRequest, InvalidInput."""
    return validated(_read(content, _at_once), model)


def parse_in_parts(content: bytes, model: type[Schema]) -> Schema:
    """The same for a body of any size, in a thread. Raises as `parse_json` does, and InvalidInput for endless lists."""
    return validated(_read(content, lambda text: _Parts(text).read()), model)


def has_each_name_once(content: bytes, n_names: int) -> bool:
    """Whether it is sure that no object in a small body has a name twice, which a reader that looks for nothing of the
    kind has found to have so many names. Each is followed by a colon, and few texts have one.

    >>> has_each_name_once(b'{"a": 1, "b": {"c": "12:30"}}', 3), has_each_name_once(b'{"a": 1, "a" : ":"}', 1)
    (True, False)
    """
    if content.count(b":") == n_names:
        return True
    return content.count(b'":') == n_names and not any(between in content for between in _BEFORE_COLONS)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise _twice(next(name for name, count in names.items() if count > 1))
    return found


def _twice(name: str) -> InvalidInput:
    """Readers differ in which of two they take, and so would the answers."""
    return InvalidInput.of_field(
        name, f"An object of the request has the name “{name[:100]}” twice.", hint="Send each name once."
    )


_DECODER = json.JSONDecoder(object_pairs_hook=_each_once)
_BEFORE_COLONS = (b'" ', b'"\t', b'"\n', b'"\r')


def _read(content: bytes, read: Callable[[str], Any]) -> Any:
    """What is in a body; why it cannot be read is said in the same words however it is read."""
    if not content.strip():
        raise MalformedRequest("The request has no body.", hint="Send a JSON object.")
    try:
        return read(content.decode("utf-8-sig"))
    except FlowMLError:
        raise
    except RecursionError:
        raise not_json("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        reason = f"{error.msg[:1].lower()}{error.msg[1:]} in line {error.lineno}, column {error.colno}"
        raise not_json(reason) from None
    except UnicodeDecodeError as error:
        raise not_json(f"its bytes are no UTF-8 text from byte {error.start:,} on") from None
    except UnicodeEncodeError:
        raise not_json("half a character stands alone in a text") from None
    except ValueError:
        raise not_json("a number in it has thousands of digits") from None


def _at_once(text: str) -> Any:
    value = _DECODER.decode(text)
    _check(value, text, 0, len(text), 0)
    return value


def _check(value: Any, text: str, start: int, end: int, depth: int) -> None:
    """Whether what was read from this part of a text, so deep in it, can be worked with. Raises RecursionError,
    UnicodeEncodeError."""
    if text.count("[", start, end) + text.count("{", start, end) + depth >= _MOST_DEPTH:
        _check_depth(value, depth)
    # A character may be written as two halves, and somebody may send only one: no answer about it could be written.
    if text.find("\\u", start, end) >= 0:
        json.dumps(value, ensure_ascii=False).encode()


def _check_depth(value: Any, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth >= _MOST_DEPTH:
            raise RecursionError
        for item in value.values() if isinstance(value, dict) else value:
            _check_depth(item, depth + 1)


def validated(value: Any, model: type[Schema]) -> Schema:
    """What was read, as its schema. Of very many unknown fields only some are looked at: each takes its sentence."""
    left_out = 0
    if isinstance(value, dict) and model.model_config.get("extra") == "forbid":
        unknown = value.keys() - field_names(model)
        if len(unknown) > MOST_NAMED:
            ignored = set([name for name in value if name in unknown][MOST_NAMED:])
            value = {name: item for name, item in value.items() if name not in ignored}
            left_out = len(ignored)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise invalid_request(error, model, left_out=left_out) from None


def write_in_parts(name: str, items: Iterable[Any], **others: Any) -> bytes:
    """An object with a long list in it, in a thread. What is no number becomes null.

    >>> write_in_parts("rows", [[1, float("nan")], ["ä"]], total=2)
    b'{"rows":[[1,null],["\\xc3\\xa4"]],"total":2}'
    """
    written = b",".join(to_json(item, inf_nan_mode="null") for item in items)
    rest = b",%b" % to_json(others, inf_nan_mode="null")[1:] if others else b"}"
    return b"{%b:[%b]%b" % (to_json(name), written, rest)


def list_in_parts(items: Sequence[Any]) -> bytes:
    """A long list, likewise.

    >>> list_in_parts([1, float("nan"), "ä"])
    b'[1,null,"\\xc3\\xa4"]'
    """
    parts = (items[start : start + _ITEMS_AT_ONCE] for start in range(0, len(items), _ITEMS_AT_ONCE))
    return b"[%b]" % b",".join(to_json(part, inf_nan_mode="null")[1:-1] for part in parts)


def _bound(count: int, what: str) -> None:
    if count > _MOST_ITEMS:
        raise InvalidInput(f"The request has more than {_MOST_ITEMS:,} {what}.", hint="Send it in several requests.")


class _Parts:
    """JSON, read by calls that read a piece at most. Raises ValueError, RecursionError, InvalidInput."""

    def __init__(self, text: str):
        self._text = text
        self._at = 0
        self._piece = text[:_PIECE]
        self._piece_at = 0
        self._step = _PIECE

    def read(self) -> Any:
        """What `json.loads` answers."""
        value = self._value(0)
        if self._comes():
            raise json.JSONDecodeError("Extra data", self._text, self._at)
        return value

    def _value(self, depth: int) -> Any:
        """The value that comes next; what does not end within a piece is read item by item."""
        first = self._comes()
        start = self._at
        found = self._within_piece()
        if found is not None:
            (value,) = found
        elif first == "{":
            return self._object(depth)
        elif first == "[":
            return self._list(depth)
        else:
            value, self._at = _DECODER.raw_decode(self._text, start)
        _check(value, self._text, start, self._at, depth)
        return value

    def _within_piece(self) -> tuple[Any] | None:
        """The next value, if it ends within the piece, or within one that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._piece, self._at - self._piece_at)
            except json.JSONDecodeError:
                pass
            else:
                ends_here = end <= len(self._piece) - _END_OF_NUMBER
                if ends_here or self._piece_at + len(self._piece) == len(self._text):
                    self._at = self._piece_at + end
                    return (value,)
            if self._piece_at == self._at:
                return None
            self._piece_at = self._at
            self._piece = self._text[self._at : self._at + _PIECE]

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in self._until("}", depth):
            several = self._several("{", "}", depth)
            several = dict((self._named(depth),)) if several is None else several
            if again := found.keys() & several.keys():
                raise _twice(min(again))
            found.update(several)
            _bound(len(found), "names in one object")
        return found

    def _named(self, depth: int) -> tuple[str, Any]:
        if self._comes() != '"':
            raise json.JSONDecodeError("Expecting property name enclosed in double quotes", self._text, self._at)
        name = self._value(depth + 1)
        if self._comes() != ":":
            raise json.JSONDecodeError("Expecting ':' delimiter", self._text, self._at)
        self._at += 1
        return name, self._value(depth + 1)

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        for _ in self._until("]", depth):
            several = self._several("[", "]", depth)
            if several is not None:
                found += several
            else:
                found.append(self._value(depth + 1))
            _bound(len(found), "entries in one list")
        return found

    def _several(self, opening: str, closing: str, depth: int) -> Any:
        """The items up to a comma that stands between two of them, as many as one call may read; None where the comma
        that was tried stands within one. Whatever is cut there does not end where the brackets around it do."""
        start, step = self._at, self._step
        comma = self._text.rfind(",", start, start + step)
        self._step = min(2 * step, _PIECE)
        if step < _LEAST_STEP or comma < 0:
            return None
        tried = f"{opening}{self._text[start:comma]}{closing}"
        try:
            value, end = _DECODER.raw_decode(tried)
        except json.JSONDecodeError:
            value, end = None, 0
        if end < len(tried) or not value:
            self._step = step // 2
            return None
        self._at = comma
        _check(value, self._text, start, comma, depth)
        return value

    def _until(self, closing: str, depth: int) -> Iterator[None]:
        """Before each item of a list or an object, or several, and then past the bracket that ends it."""
        if depth >= _MOST_DEPTH:
            raise RecursionError
        self._at += 1
        if self._comes() != closing:
            yield
            while self._comes() == ",":
                self._at += 1
                yield
            if self._comes() != closing:
                raise json.JSONDecodeError("Expecting ',' delimiter", self._text, self._at)
        self._at += 1

    def _comes(self) -> str:
        """The next character that is no blank; empty at the end."""
        match = _BLANKS.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._text[self._at : self._at + 1]
