"""YAML: lists of records, mappings of columns or records, and files of several documents."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.decoding.encoding import looks_like_text
from flowml.data.format import NO, POSSIBLE, Format, Option, Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss, note

_EXTENSIONS = ("yaml", "yml")
# A list of mappings, or a document that says what it is.
_OPENING = re.compile(
    rb"%YAML [12]\.|(---[^\n]*\n\s*)?-\s+[\w\"'][\w .\"'-]{0,60}:\s[^\n]*\n( +[\w\"'][^\n:]*:\s[^\n]*\n)"
)
_LIKELIER = POSSIBLE + 0.2
_LARGEST = 200_000_000


def sniff(head: bytes, path: Path) -> float:
    if not head or not looks_like_text(head):
        return NO
    return _LIKELIER if _OPENING.match(head.removeprefix(b"\xef\xbb\xbf").lstrip()) else POSSIBLE


def read(source: Source) -> Reading:
    import yaml

    from flowml.data.nested.shapes import read_document
    from flowml.data.nested.yaml import Builder

    if source.path.stat().st_size > _LARGEST:
        raise UnreadableFile(
            f"The YAML is larger than {_LARGEST // 1_000_000} MB.", hint="Export the table as JSON Lines or Parquet."
        )
    builder = Builder()
    try:
        documents = builder.build(source.path.read_bytes())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1:,}, column {mark.column + 1:,}" if mark else ""
        raise UnreadableFile(
            f"The file is not valid YAML: {error.problem or error.context}{place}.", hint="It may be cut off."
        ) from error
    except yaml.YAMLError as error:
        raise UnreadableFile(
            "The file is not valid YAML: it holds characters that YAML does not allow.", hint="Save it as UTF-8."
        ) from error
    remarks: list[Remark] = []
    if builder.tags:
        shown = ", ".join(f"“{tag}”" for tag in sorted(builder.tags)[:10])
        said = f"The YAML has tags of its own ({shown}); the values were read without them."
        remarks.append(loss("tags_left_out", said))
    documents = [document for document in documents if document is not None]
    if len(documents) > 1:
        said = f"The file holds {len(documents):,} documents; each was read as a part of one table."
        remarks.append(note("documents_joined", said))
        lists = [item for document in documents for item in (document if isinstance(document, list) else [document])]
        documents = [lists]
    return read_document(documents[0] if documents else None, "YAML", source, remarks)


FORMAT = Format(
    name="yaml",
    title="YAML",
    extensions=_EXTENSIONS,
    sniff=sniff,
    read=read,
    options=(Option("table", "the name of the list of records to read"),),
)
