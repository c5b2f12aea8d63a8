"""XML: the element that repeats is the record; its attributes and inner elements are its columns."""

from __future__ import annotations

import re
from pathlib import Path

from flowml.data.format import LIKELY, NO, Format, Option, Reading, Source
from flowml.domain.errors import InvalidInput
from flowml.domain.remarks import Remark, decision

_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_OPENING = re.compile(r"<\?xml\s|<!--|<!DOCTYPE\s|<[A-Za-z_][\w.:-]*(\s+[A-Za-z_][\w.:-]*\s*=\s*[\"']|\s*/?>)")
_OTHERS = re.compile(r"<!doctype\s+html|<html[\s>]|<svg[\s>]", re.IGNORECASE)


def sniff(head: bytes, path: Path) -> float:
    text = head.decode(_MARKS.get(head[:2], "utf-8-sig"), "replace").lstrip("\ufeff \t\r\n")
    if not _OPENING.match(text) or _OTHERS.search(text[:1000]):
        return NO
    return LIKELY


def read(source: Source) -> Reading:
    from flowml.data.nested.records import Columns
    from flowml.data.nested.xml import candidates, gather, tally

    tallies = tally(source.path)
    found = candidates(tallies)
    names = {"/".join(path): path for path in found[:100]}
    asked = source.text_option("record")
    remarks: list[Remark] = []
    if asked is not None:
        by_end = {path[-1]: path for path in reversed(tallies)} | {"/".join(path): path for path in tallies}
        if asked not in by_end:
            shown = ", ".join(f"“{name}”" for name in list(names)[:20]) or "no element that repeats"
            raise InvalidInput.of_field("options.record", f"There is no element “{asked[:80]}”. The XML has {shown}.")
        record = by_end[asked]
    elif found:
        record = found[0]
        others = [name for name, path in names.items() if path[: len(record)] != record]
        if others:
            shown = ", ".join(f"“{name}”" for name in others[:10])
            said = f"Each “{record[-1]}” was read as a row; what repeats in the XML too is {shown}."
            remarks.append(decision("table_chosen", f"{said} The option “record” chooses."))
    else:
        record = next(iter(tallies))
    columns = Columns(source.limits, for_model=bool(source.expected))
    gather(source.path, record, tallies, columns.add)
    return Reading(
        columns.frame(remarks),
        "xml",
        typed=False,
        remarks=remarks,
        decided={"record": "/".join(record)},
        choices={"record": list(names)} if len(names) > 1 else {},
    )


FORMAT = Format(
    name="xml",
    title="XML",
    extensions=("xml", "rss", "atom", "gpx", "kml"),
    sniff=sniff,
    read=read,
    options=(Option("record", "the element that is a row"),),
)
