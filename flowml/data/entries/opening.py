"""The first lines of a text file, to recognise a format by."""

from __future__ import annotations

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def opening_text(head: bytes) -> str:
    """The head of a file as text in which ASCII can be trusted, whatever its encoding.

    >>> opening_text("BEGIN:VCARD".encode("utf-16"))
    'BEGIN:VCARD'
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    sample = head[:64]
    if sample.count(0) * 3 > len(sample):
        return head.decode("utf-16-le" if sample[0] else "utf-16-be", "replace")
    return head.decode("latin-1")


def opening_lines(head: bytes, count: int = 30) -> list[str]:
    """The first lines that are not blank, without the blanks around them.

    >>> opening_lines(b"\\r\\n BEGIN:VCARD\\r\\nFN:A\\r\\n", count=1)
    ['BEGIN:VCARD']
    """
    lines = (line.strip() for line in opening_text(head[:32_768]).splitlines())
    return [line for line in lines if line][:count]
