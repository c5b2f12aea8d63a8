"""Contacts of every version and program: one row per card, each value under the name a person looks for."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.format import CERTAIN, LIKELY, NO
from flowml.data.formats.vcf import FORMAT, sniff
from flowml.domain.errors import UnreadableFile
from tests.data.formats.mutations import damaged, read_or_refuse
from tests.data.formats.times import at
from tests.data.reading import read


def card(*lines: str) -> str:
    return "\n".join(["BEGIN:VCARD", *lines, "END:VCARD", ""])


CARD = card(
    "VERSION:3.0",
    "FN:Jane Doe",
    "N:Doe;Jane;Quinn\\, Anne;Dr.;M.D.",
    "TEL;TYPE=CELL:1",
    "TEL;TYPE=CELL,PREF:2",
    "item1.TEL:3",
    "item1.X-ABLabel:_$!<Boat>!$_",
    "ADR;TYPE=WORK:;;1 Main St;Town;ST;123;USA",
    "NOTE:a\\nb",
    "PHOTO;ENCODING=b;TYPE=JPEG:AAAA",
    "BDAY:1980-02-03",
)


def only_row(folder: Path, *lines: str) -> dict[str, Any]:
    frame, _ = read(folder, "a.vcf", card(*lines))
    assert frame.height == 1
    return {name: value for name, value in frame.to_dicts()[0].items() if value is not None}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_card_is_a_row_with_all_its_fields(tmp_path: Path, newline: str, encoding: str) -> None:
    frame, warnings = read(tmp_path, "a.vcf", CARD.replace("\n", newline).encode(encoding))
    assert warnings == ""
    assert frame.to_dicts() == [
        {
            "full_name": "Jane Doe",
            "family_name": "Doe",
            "given_name": "Jane",
            "additional_names": "Quinn, Anne",
            "name_prefix": "Dr.",
            "name_suffix": "M.D.",
            "phone_boat": "3",
            "phone_cell": "2",
            "phone_cell_2": "1",
            "address_work_street": "1 Main St",
            "address_work_city": "Town",
            "address_work_region": "ST",
            "address_work_postal_code": "123",
            "address_work_country": "USA",
            "birthday": date(1980, 2, 3),
            "note": "a\nb",
            "photo": "jpeg, 3 bytes",
            "version": "3.0",
        }
    ]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TEL;WORK;FAX;VOICE:1", {"phone_work_fax": "1"}),
        ('TEL;VALUE=uri;TYPE="work,cell";PREF=1:tel:+1-2;ext=3', {"phone_work_cell": "+1-2;ext=3"}),
        ("EMAIL;INTERNET;PREF:a@b.c", {"email": "a@b.c"}),
        ("EMAIL;TYPE=INTERNET;TYPE=HOME:a@b.c", {"email_home": "a@b.c"}),
        ("NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:caf=C3=\n=A9=0D=0Abar", {"note": "café\nbar"}),
        ("NOTE;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:caf=E9", {"note": "café"}),
        ("N;CHARSET=nonsense;ENCODING=QUOTED-PRINTABLE:D=C3=B6;J", {"family_name": "Dö", "given_name": "J"}),
        ("ORG:ACME;Sales;West", {"organization": "ACME", "organization_unit": "Sales; West"}),
        ("BDAY:19800203", {"birthday": date(1980, 2, 3)}),
        ("BDAY:--0203", {"birthday": "--02-03"}),
        ("BDAY;VALUE=text:circa 1800", {"birthday": "circa 1800"}),
        ("GEO:geo:46.77,-71.28", {"geo_latitude": 46.77, "geo_longitude": -71.28}),
        ("GEO:46.77;-71.28", {"geo_latitude": 46.77, "geo_longitude": -71.28}),
        ("REV:2012-08-01T18:46:31Z", {"revised": at(2012, 8, 1, 18, 46, 31)}),
        ("URL:http\\://example.org", {"url": "http://example.org"}),
        ("PHOTO;VALUE=uri:https://example.org/a.jpg", {"photo": "https://example.org/a.jpg"}),
        ("PHOTO:data:image/png;base64,AAAAAAAA", {"photo": "image/png, 6 bytes"}),
        ("PHOTO;BASE64:\nAAAA\nAAAA\n", {"photo": "binary, 6 bytes"}),
        ("X-SKYPE:jane", {"x_skype": "jane"}),
        ("CATEGORIES:a,b\\,c", {"categories": "a; b,c"}),
        ("RELATED;TYPE=spouse:Max", {"related_spouse": "Max"}),
    ],
)
def test_each_way_of_writing_is_read(tmp_path: Path, line: str, expected: dict[str, Any]) -> None:
    assert only_row(tmp_path, line) == expected


def test_a_line_that_is_no_property_is_named(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.vcf", card("FN:Jane", "what is this"))
    assert frame["full_name"].to_list() == ["Jane"]
    assert "Line 3 is no property and was left out: “what is this”" in warnings


def test_an_agent_stays_inside_its_card(tmp_path: Path) -> None:
    inner = card("FN:Agent Smith", "TEL:007").strip()
    frame, warnings = read(tmp_path, "a.vcf", card("FN:Jane", "AGENT:", inner, "TITLE:Boss") + card("FN:Max"))
    assert frame.select("full_name", "agent", "title").rows() == [
        ("Jane", "Agent Smith, 007", "Boss"),
        ("Max", None, None),
    ]
    assert "1 card has another card inside" in warnings


def test_a_card_without_its_end_ends_where_the_next_begins(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.vcf", "BEGIN:VCARD\nFN:A\nBEGIN:VCARD\nFN:B\n")
    assert frame["full_name"].to_list() == ["A", "B"]
    assert "Line 3" in warnings
    assert "cut off" in warnings


def test_a_second_address_of_its_kind_stays_together(tmp_path: Path) -> None:
    row = only_row(tmp_path, "ADR;HOME:;;A;;;;X", "ADR;HOME:;;B;Town;;;")
    assert row == {
        "address_home_street": "A",
        "address_home_country": "X",
        "address_home_2_street": "B",
        "address_home_2_city": "Town",
    }


def test_ten_thousand_phones_are_nine_columns(tmp_path: Path) -> None:
    row = only_row(tmp_path, *(f"TEL:{number}" for number in range(10_000)))
    assert len(row) == 9
    assert row["phone_2"] == "1"


@pytest.mark.parametrize("version", ["2.1", "3.0", "4.0"])
def test_cards_of_all_versions_are_known(version: str) -> None:
    assert sniff(card(f"VERSION:{version}").encode(), Path()) == CERTAIN


def test_cards_are_known_by_a_whole_line() -> None:
    assert sniff(f"\n\n{CARD}".encode("utf-16-le"), Path()) == CERTAIN
    assert sniff(f"my contacts\n{CARD}".encode(), Path()) == LIKELY
    assert sniff(b"id,text\n1,BEGIN:VCARD\n", Path()) == NO


@pytest.mark.parametrize(
    "content",
    [
        "BEGIN:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:" + "=41=\n" * 600_000,
        "BEGIN:VCARD\nAGENT:\n" * 100,
        "BEGIN:VCARD\nFN:" + "a" * 20_000_000,
    ],
    ids=["quoted", "agents", "long"],
)
def test_a_hostile_card_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, "a.vcf", content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_card_is_read_or_refused(data: st.DataObject) -> None:
    content = CARD + card("VERSION:2.1", "NOTE;ENCODING=QUOTED-PRINTABLE:=C3=A9=\n=41", "AGENT:", CARD, "GEO:1;2")
    read_or_refuse("a.vcf", data.draw(damaged(content.encode())), FORMAT)
