"""Contacts (vCard 2.1, 3.0 and 4.0) as a table with one row per card.

Numbers, addresses and the like have a column for each kind that the cards tell apart, as address books export them:
`phone_cell`, `phone_work_fax`, `email_home`, `address_work_city`; `phone` where the card does not say. Of several of
the same kind the preferred one comes first, the others follow as `phone_cell_2` up to `_9`. So the value a person
looks for is under its name, and no card's value is hidden in a list. Labels people made themselves count as kinds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flowml.data.entries.calendars import binary_note
from flowml.data.entries.components import Component, components
from flowml.data.entries.contentlines import Property, properties
from flowml.data.entries.moments import parse_moment, shifted
from flowml.data.entries.table import Entries, add_value
from flowml.data.entries.text import NO_PLACE, BadLines, encoding_of, lines, say_encoding
from flowml.data.format import Reading, Source
from flowml.domain.errors import UnreadableFile
from flowml.domain.remarks import Remark, loss

_NAME_PARTS = ("family_name", "given_name", "additional_names", "name_prefix", "name_suffix")
_ADDRESS_PARTS = ("po_box", "extended", "street", "city", "region", "postal_code", "country")
# Properties of which a card has several kinds, by the name of their columns.
_KINDS = {
    "TEL": "phone",
    "EMAIL": "email",
    "URL": "url",
    "IMPP": "im",
    "LABEL": "address_label",
    "RELATED": "related",
    "X-ABRELATEDNAMES": "related",
    "X-ABDATE": "date",
}
_SIMPLE = {
    "VERSION": "version",
    "FN": "full_name",
    "NICKNAME": "nickname",
    "TITLE": "title",
    "ROLE": "role",
    "BDAY": "birthday",
    "ANNIVERSARY": "anniversary",
    "DEATHDATE": "death_date",
    "GENDER": "gender",
    "NOTE": "note",
    "CATEGORIES": "categories",
    "KIND": "kind",
    "LANG": "language",
    "UID": "uid",
    "TZ": "timezone",
}
_DATES = frozenset({"BDAY", "ANNIVERSARY", "DEATHDATE", "X-ABDATE"})
_COLUMNS = (
    *("full_name", *_NAME_PARTS, "nickname", "organization", "organization_unit", "title", "role"),
    *("phone", "phone_cell", "phone_home", "phone_work", "email", "email_home", "email_work"),
    *(f"address_{place}{part}" for place in ("", "home_", "work_") for part in _ADDRESS_PARTS),
    *("url", "birthday", "anniversary", "gender", "categories", "note", "photo", "geo_latitude", "geo_longitude"),
    *("timezone", "language", "kind", "uid", "version", "revised"),
)
_ALWAYS = {"full_name": str}
# What a type says that is no kind of its own.
_NO_KIND = frozenset({"pref", "voice", "internet", "postal", "parcel", "intl", "dom", "msg", "text", "video", "x400"})
_SAME = {"mobile": "cell", "facsimile": "fax", "business": "work", "iphone": "cell", "personal": "home"}
# The place first, then the device: phone_work_fax.
_ORDER = {"work": 0, "home": 1, "other": 2}
_MOST_KINDS = 3
_OF_APPLE = re.compile(r"_\$!<(.*)>!\$_$")
_DATE_WITHOUT_YEAR = re.compile(r"--(\d\d)-?(\d\d)$", re.ASCII)


def read_contacts(source: Source) -> Reading:
    """The table of a VCF file. Raises UnreadableFile where there is no card in it."""
    encoding, bad_lines = encoding_of(source), BadLines()
    entries = Entries(source.limits, _COLUMNS, _ALWAYS)
    cut_off, agents = False, 0
    for card in components(properties(lines(source, encoding), bad_lines), "", bad_lines):
        for inner in [card, *card.parts] if card.name != "VCARD" else [card]:
            if inner.name == "VCARD":
                entries.add(_row(inner, bad_lines))
                agents += any(part.name == "VCARD" for part in inner.parts)
                cut_off |= not inner.closed
    if not entries.height:
        raise UnreadableFile("The file holds no contacts.", hint="Export the contacts again.")
    remarks: list[Remark] = []
    reading = Reading(entries.frame(remarks), "vcf", typed=True, remarks=remarks)
    if agents:
        said = f"{agents:,} {'card has' if agents == 1 else 'cards have'} another card inside, of an agent;"
        remarks.append(loss("inner_cards", f"{said} of that one the name, phone and email were kept."))
    if cut_off:
        remarks.append(loss("cut_off", "The file ends inside of a card: it may be cut off."))
    remarks += bad_lines.remarks()
    say_encoding(reading, encoding)
    return reading


def _row(card: Component, bad_lines: BadLines) -> dict[str, Any]:
    row: dict[str, Any] = {}
    labels = {item.group.lower(): item.text() for item in card.properties if item.name == "X-ABLABEL" and item.group}
    for item in sorted(card.properties, key=_preference):
        if item.name == "X-ABLABEL" and item.group:
            continue
        label = labels.get(item.group.lower(), "") if item.group else ""
        if item.name == "N":
            _put_parts(row, "", _NAME_PARTS, item.texts(";"))
        elif item.name == "ADR":
            _put_address(row, f"{_column('address', item, label)}_", item)
        elif item.name == "ORG":
            unit = [part for part in item.texts(";") if part]
            add_value(row, "organization", unit[0] if unit else None)
            add_value(row, "organization_unit", "; ".join(unit[1:]))
        elif item.name == "GEO":
            _put_place(row, item, bad_lines)
        elif item.name == "REV":
            _put_revision(row, item)
        elif item.name == "AGENT":
            add_value(row, "agent", item.text())
        elif item.name in _KINDS:
            add_value(row, _column(_KINDS[item.name], item, label), _value(item))
        else:
            add_value(row, _SIMPLE.get(item.name) or _plain(item.name), _value(item))
    for agent in card.parts:
        if agent.name == "VCARD":
            add_value(row, "agent", _agent(agent))
    return row


def _preference(item: Property) -> int:
    """The lower, the more preferred: 1 to 100 in vCard 4, a type before it."""
    said = item.parameter("PREF")
    if said.isdecimal():
        return min(int(said[:4]), 100)
    return 0 if "pref" in item.types else 101


def _column(kind: str, item: Property, label: str) -> str:
    """The column of a property that a card has several of, by its types or by the label that a person gave it."""
    types = [_SAME.get(name, name) for name in dict.fromkeys(item.types) if name and name not in _NO_KIND]
    if label:
        apple = _OF_APPLE.match(label)
        types = [_plain(apple[1] if apple else label)]
    elif item.name in ("URL", "EMAIL", "ADR", "LABEL"):
        types = [name for name in types if name in _ORDER]
    types = sorted((_plain(name) for name in types), key=lambda name: _ORDER.get(name, len(_ORDER)))
    return "_".join([kind, *(name for name in types[:_MOST_KINDS] if name)])


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.strip().lower())[:40].strip("_")


def _value(item: Property) -> str:
    if item.is_binary or item.value[:5].lower() == "data:":
        return _bytes_note(item)
    text = "; ".join(part for part in item.texts(",") if part) if item.name == "CATEGORIES" else item.text()
    if item.name in _DATES or item.name.endswith("-ANNIVERSARY"):
        return _date(text)
    if item.name == "TEL" and text[:4].lower() == "tel:":
        # tel:+1-418-656-9254;ext=102
        return text[4:]
    return text


def _bytes_note(item: Property) -> str:
    if item.value[:5].lower() != "data:":
        return binary_note(item)
    header, _, content = item.value[5:].partition(",")
    kind = header.partition(";")[0] or "binary"
    return binary_note(Property(item.name, {"MEDIATYPE": [kind]}, content, "", item.line))


def _date(text: str) -> str:
    """As YYYY-MM-DD where it is a whole date, without its year as --MM-DD, else as it was written.

    >>> _date("19800322"), _date("--0203"), _date("circa 1800")
    ('1980-03-22', '--02-03', 'circa 1800')
    """
    moment = parse_moment(text)
    if moment is not None and (moment.whole_day or not (moment.time.hour or moment.time.minute)):
        return moment.time.date().isoformat()
    if match := _DATE_WITHOUT_YEAR.match(text):
        return f"--{match[1]}-{match[2]}"
    return text


def _put_address(row: dict[str, Any], prefix: str, item: Property) -> None:
    parts = item.texts(";")
    number, taken = 1, prefix
    # The parts of one address belong together, so a second one of its kind gets a number of its own.
    while number < 9 and any(row.get(f"{taken}{part}") for part in _ADDRESS_PARTS):
        number += 1
        taken = f"{prefix}{number}_"
    _put_parts(row, taken, _ADDRESS_PARTS, parts)
    if label := item.parameter("LABEL"):
        add_value(row, f"{taken}label", label.replace("\\n", "\n"))


def _put_parts(row: dict[str, Any], prefix: str, names: Sequence[str], parts: list[str]) -> None:
    for name, part in zip(names, parts, strict=False):
        # Several values of a part are separated by commas: Richter,James.
        add_value(row, f"{prefix}{name}", part)
    for part in parts[len(names) :]:
        add_value(row, f"{prefix}{names[-1]}", part)


def _put_place(row: dict[str, Any], item: Property, bad_lines: BadLines) -> None:
    latitude, _, longitude = item.value.strip().removeprefix("geo:").replace(",", ";").partition(";")
    try:
        place = float(latitude), float(longitude.partition(";")[0])
    except ValueError:
        bad_lines.add(NO_PLACE, item.line, item.value)
        return
    row.setdefault("geo_latitude", place[0])
    row.setdefault("geo_longitude", place[1])


def _put_revision(row: dict[str, Any], item: Property) -> None:
    moment = parse_moment(item.value)
    if moment is None:
        add_value(row, "revision", item.text())
    else:
        row.setdefault("revised", shifted(moment.time, -(moment.offset or timedelta())))


def _agent(card: Component) -> str:
    found = [item.text() for name in ("FN", "TEL", "EMAIL") if (item := card.first(name)) is not None]
    return ", ".join(text for text in found if text)
