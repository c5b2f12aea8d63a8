"""Property lists of Apple's programs in XML: dictionaries and lists, such as a music library or settings."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from xml.parsers.expat import ExpatError

from flowml.data.entries.opening import opening_text
from flowml.data.format import CERTAIN, NO, Format, Option, Reading, Source
from flowml.domain.errors import UnreadableFile

# The root says it, or the document type: in other XML, too, an element may be called like that.
_OPENING = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).){0,2000}-->\s*)*(?:<!DOCTYPE\s+plist[\s>\[]|<plist[\s>/])", re.DOTALL
)
_AGAIN = "Export it again."


def sniff(head: bytes, path: Path) -> float:
    return CERTAIN if _OPENING.match(opening_text(head[:4096])) else NO


def read(source: Source) -> Reading:
    from flowml.data.nested.shapes import read_document

    try:
        # It takes no entities, and nothing from outside of the file.
        document = plistlib.loads(source.path.read_bytes(), fmt=plistlib.FMT_XML)
    except (ExpatError, plistlib.InvalidFileException, AttributeError, KeyError, IndexError, TypeError) as error:
        raise UnreadableFile("The property list is damaged or cut off.", hint=_AGAIN) from error
    return read_document(document, "plist", source, [])


FORMAT = Format(
    name="plist",
    title="a property list",
    extensions=("plist",),
    sniff=sniff,
    read=read,
    options=(Option("table", "the name of the list of records to read"),),
)
