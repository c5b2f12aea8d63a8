"""What a model says, as text that may be passed on."""

from typing import Any


def cleaned(text: str) -> str:
    """What a model says, as it may be passed on: without control characters but line breaks and tabs, without what
    turns the direction of writing, and without halves of characters.

    >>> cleaned("a\\x1b[31mb\\r\\n\\tc\\u202e\\ud800")
    'a[31mb\\n\\tc'
    """
    return "".join(one for one in text if one in "\n\t" or not (one < " " or _is_no_text(ord(one))))


def _is_no_text(code: int) -> bool:
    return (
        0x7F <= code <= 0x9F
        or code in (0x200B, 0x200E, 0x200F)
        or 0x2028 <= code <= 0x202E
        or 0x2060 <= code <= 0x206F
        or 0xD800 <= code <= 0xDFFF
        or code in (0x061C, 0xFEFF)
        or 0xFFF9 <= code <= 0xFFFB
        or 0xFFFE <= code <= 0xFFFF
        or 0xE0000 <= code <= 0xE007F
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
