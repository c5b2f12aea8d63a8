"""What a model says, as text that may be passed on."""

from typing import Any

from flowml.assistant.unseen import JOINERS, UNSEEN

_NO_TEXT = UNSEEN - JOINERS


def cleaned(text: str) -> str:
    """What a model says, as it may be passed on: without control characters but line breaks and tabs, without what
    nobody sees or turns the direction of writing, and without halves of characters.

    >>> cleaned("a\\x1b[31mb\\r\\n\\tc\\u202e\\ud800")
    'a[31mb\\n\\tc'
    """
    return "".join(
        one for one in text if one in "\n\t" or not (one < " " or one in _NO_TEXT or "\ud800" <= one <= "\udfff")
    )


def all_cleaned(value: Any) -> Any:
    """The same for every text in a value of JSON, names included.

    >>> all_cleaned({"a\\x00": ["b\\u202e", 1, None]})
    {'a': ['b', 1, None]}
    """
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, list):
        return [all_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {cleaned(name): all_cleaned(one) for name, one in value.items()}
    return value
