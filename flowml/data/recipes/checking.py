"""The check of operations from outside: every field is what it says, and nothing is there that means nothing."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flowml.data.recipes.operations.base import Field, FieldKind, OperationType
from flowml.data.recipes.operations.registry import OPERATIONS
from flowml.domain.errors import FieldProblem, InvalidInput
from flowml.domain.names import closest
from flowml.domain.recipes import Operation

MOST_OPERATIONS = 200
_MOST_VALUES = 10_000
_MOST_COLUMNS = 100_000
_LONGEST_TEXT = 10_000


def check_operations(operations: Any, *, field: str = "operations") -> tuple[Operation, ...]:
    """The operations with nothing in them but known fields. Raises InvalidInput that names one by its place and field,
    such as `operations.2.column`."""
    if not isinstance(operations, Sequence) or isinstance(operations, str | bytes):
        raise InvalidInput.of_field(field, "The operations have to be a list.")
    if len(operations) > MOST_OPERATIONS:
        raise InvalidInput.of_field(field, f"A recipe may have at most {MOST_OPERATIONS} operations.")
    checked = []
    for place, operation in enumerate(operations):
        try:
            checked.append(check_operation(operation))
        except InvalidInput as error:
            raise at_place(error, place, operation, field=field) from None
    return tuple(checked)


def at_place(error: InvalidInput, place: int, operation: Any, *, field: str = "operations") -> InvalidInput:
    """What is wrong with one operation as what is wrong with the list of them."""
    names = [problem.field for problem in error.fields] or [""]
    name = operation.get("op") if isinstance(operation, Mapping) else None
    where = f"Operation {place + 1}{f' ({name[:40]})' if isinstance(name, str) else ''}: "
    fields = tuple(
        FieldProblem(f"{field}.{place}{f'.{name}' if name else ''}", f"{where}{error.detail}") for name in names
    )
    return type(error)(f"{where}{error.detail}", hint=error.hint, fields=fields)


def type_of(operation: Operation) -> OperationType:
    """The type of a checked operation."""
    return OPERATIONS[operation["op"]]


def title_of(operation: Operation) -> str:
    """What a checked operation does, in words."""
    return type_of(operation).describe(operation)


def check_operation(operation: Any) -> Operation:
    """One operation, known fields only, left out ones filled in. Raises InvalidInput naming the field."""
    if not isinstance(operation, Mapping):
        raise InvalidInput("It has to be an object with the field “op”.")
    name = operation.get("op")
    if not isinstance(name, str) or name not in OPERATIONS:
        close = closest(name, list(OPERATIONS)) if isinstance(name, str) else None
        raise InvalidInput.of_field(
            "op",
            f"There is no operation “{str(name)[:40]}”." if name is not None else "The field “op” is missing.",
            hint=f"Did you mean “{close}”?" if close else f"Use one of: {', '.join(OPERATIONS)}.",
        )
    kind = OPERATIONS[name]
    for given in operation:
        if given != "op" and kind.field(str(given)) is None:
            names = [field.name for field in kind.fields]
            close = closest(str(given), names)
            raise InvalidInput.of_field(
                str(given)[:60],
                f"“{str(given)[:60]}” is not a field of this operation.",
                hint=f"Did you mean “{close}”?" if close else f"Its fields are: {', '.join(names)}.",
            )
    checked: dict[str, Any] = {"op": name}
    for field in kind.fields:
        value = operation.get(field.name)
        if value is None:
            if field.required:
                raise InvalidInput.of_field(field.name, f"“{field.name}” is missing: {field.title}.")
            if field.default is not None:
                checked[field.name] = field.default
            continue
        checked[field.name] = _checked(field, value)
    return checked


def _checked(field: Field, value: Any) -> Any:
    return _CHECKS[field.kind](field, value)


def _wrong(field: Field, wanted: str) -> InvalidInput:
    return InvalidInput.of_field(field.name, f"“{field.name}” must be {wanted}: {field.title}.")


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise _wrong(field, f"a text of at most {_LONGEST_TEXT:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(field, "a text of whole characters")
    return value


def _number(field: Field, value: Any) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _fits(value):
        raise _wrong(field, "a number")
    if field.least is not None and value < field.least or field.most is not None and value > field.most:
        raise _wrong(field, f"from {field.least:g} to {field.most:g}")
    return value


def _fits(value: float) -> bool:
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return math.isfinite(value)


def _whole(field: Field, value: Any) -> int:
    number = _number(field, value)
    if number != int(number):
        raise _wrong(field, "a whole number")
    return int(number)


def _flag(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(field, "true or false")
    return value


def _choice(field: Field, value: Any) -> str:
    if not isinstance(value, str) or value not in field.choices:
        raise _wrong(field, f"one of {', '.join(field.choices)}")
    return value


def _several(check: Callable[[Field, Any], Any], most: int) -> Callable[[Field, Any], list[Any]]:
    def checked(field: Field, values: Any) -> list[Any]:
        if not isinstance(values, Sequence) or isinstance(values, str | bytes) or not values:
            raise _wrong(field, "a list of at least one")
        if len(values) > most:
            raise _wrong(field, f"a list of at most {most:,}")
        found = [check(field, value) for value in values]
        if field.kind is not FieldKind.WIDTHS and len({(type(one), one) for one in found}) < len(found):
            raise _wrong(field, "a list without repetitions")
        return found

    return checked


def _value(field: Field, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(field, value)
    if not isinstance(value, int | float):
        raise _wrong(field, "a text, a number, true or false")
    return _number(field, value)


def _mapping(field: Field, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value or len(value) > _MOST_VALUES:
        raise _wrong(field, f"an object with 1 to {_MOST_VALUES:,} values")
    return {_text(field, key): None if to is None else _value(field, to) for key, to in value.items()}


_CHECKS: dict[FieldKind, Callable[[Field, Any], Any]] = {
    FieldKind.COLUMN: _text,
    FieldKind.COLUMNS: _several(_text, _MOST_COLUMNS),
    FieldKind.NEW_COLUMN: _text,
    FieldKind.NEW_COLUMNS: _several(_text, 100),
    FieldKind.EXPRESSION: _text,
    FieldKind.TEXT: _text,
    FieldKind.NUMBER: _number,
    FieldKind.WHOLE_NUMBER: _whole,
    FieldKind.FLAG: _flag,
    FieldKind.CHOICE: _choice,
    FieldKind.CHOICES: _several(_choice, 100),
    FieldKind.VALUE: _value,
    FieldKind.VALUES: _several(_value, _MOST_VALUES),
    FieldKind.MAPPING: _mapping,
    FieldKind.WIDTHS: _several(_whole, 100),
}
