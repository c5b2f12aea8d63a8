"""XML: the element that repeats is the row."""

from pathlib import Path
from typing import Any

import pytest

from flowml.data.format import Source
from flowml.data.formats.registry import read as read_source
from flowml.domain.errors import InvalidInput, UnreadableFile, UnsupportedFormat
from tests.data.reading import read


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("<r><e><n>1</n></e><e><n>2</n></e></r>", {"n": [1, 2]}),
        ("<r><e id='1' c='x'/><e id='2'/></r>", {"id": [1, 2], "c": ["x", None]}),
        (
            "<r><e><p c='EUR'>1.5</p><o><q>x</q></o></e><e><p c='USD'>2</p><o/></e></r>",
            {"p.c": ["EUR", "USD"], "p": [1.5, 2.0], "o.q": ["x", None]},
        ),
        ("<r><e><t>a</t><t>b</t></e><e><t>c</t></e></r>", {"t": ['["a", "b"]', '["c"]']}),
        ("<r><e>1</e><e>2</e></r>", {"e": [1, 2]}),
        ("<r><meta>x</meta><list><e a='1'/><e a='2'/></list></r>", {"a": [1, 2]}),
        ("<a:r xmlns:a='urn:x'><a:e><a:n>1</a:n></a:e><a:e><a:n>2</a:n></a:e></a:r>", {"n": [1, 2]}),
        ("<r><one>1</one><two x='2'>y</two></r>", {"one": [1], "two.x": [2], "two": ["y"]}),
        ("<r><e><c><![CDATA[a < b]]></c></e><e><c>&lt;&#228;</c></e></r>", {"c": ["a < b", "<ä"]}),
        ("<r><e a='007'/><e a='012'/></r>", {"a": ["007", "012"]}),
    ],
)
def test_shapes(tmp_path: Path, text: str, rows: dict[str, list[Any]]) -> None:
    assert read(tmp_path, "t.xml", text)[0].to_dict(as_series=False) == rows


def test_orders_and_their_lines_are_rows_and_lists(tmp_path: Path) -> None:
    text = "<orders><order id='1'><line sku='a'/><line sku='b'/></order><order id='2'><line sku='c'/></order></orders>"
    frame, _ = read(tmp_path, "t.xml", text)
    assert frame["id"].to_list() == [1, 2]
    assert frame["line"].to_list() == ['[{"sku": "a"}, {"sku": "b"}]', '[{"sku": "c"}]']
    assert read(tmp_path, "t.xml", text, {"record": "line"})[0]["sku"].to_list() == ["a", "b", "c"]
    source = Source(tmp_path / "t.xml", "t.xml", tmp_path)
    assert read_source(source).choices["record"] == ["orders/order", "orders/order/line"]
    with pytest.raises(InvalidInput, match="orders/order"):
        read(tmp_path, "t.xml", text, {"record": "nope"})


def test_a_few_groups_of_many_rows_are_not_the_rows(tmp_path: Path) -> None:
    rows = "".join(f"<row n='{i}'/>" for i in range(50))
    frame, _ = read(tmp_path, "t.xml", f"<r><page>{rows}</page><page>{rows}</page></r>")
    assert frame.height == 100


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = f"<?xml version='1.0' encoding='{encoding}'?><r><e>ä</e><e>ö</e></r>"
    assert read(tmp_path, "t.xml", text.encode(encoding))[0]["e"].to_list() == ["ä", "ö"]


def test_a_document_type_without_entities_is_harmless(tmp_path: Path) -> None:
    text = "<!DOCTYPE r [<!ELEMENT r (e*)>]><r><e>1</e><e>2</e></r>"
    assert read(tmp_path, "t.xml", text)[0]["e"].to_list() == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE r [<!ENTITY a 'x'>]><r><e>&a;</e></r>",
        "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><r><e>&a;</e></r>",
        "<!DOCTYPE r SYSTEM 'x.dtd' [<!ENTITY % a SYSTEM 'file:///etc/hostname'> %a;]><r><e>1</e></r>",
    ],
)
def test_entities_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableFile, match="does not follow"):
        read(tmp_path, "t.xml", text)


@pytest.mark.parametrize("named", ["SYSTEM 'https://example.invalid/r.dtd'", 'PUBLIC "-//A//DTD R//EN" "r.dtd"'])
def test_a_document_type_elsewhere_is_left_alone(tmp_path: Path, named: str) -> None:
    # The DTD would be there to be read: nothing of it may show.
    (tmp_path / "r.dtd").write_text("<!ENTITY own 'from the DTD'>")
    frame, _ = read(tmp_path, "t.xml", f"<!DOCTYPE r {named}><r><e>a&nbsp;b</e><e>&own;</e></r>")
    assert frame["e"].to_list() == ["a\u00a0b", "&own;"]


def test_damage_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="line 2, column 7"):
        read(tmp_path, "t.xml", "<r>\n<e>1</f></r>")
    with pytest.raises(UnreadableFile, match="nested"):
        read(tmp_path, "t.xml", "<a>" * 100)


@pytest.mark.parametrize("text", ["<html><body>1</body></html>", "<!DOCTYPE html><p>x</p>", "<svg><g/></svg>"])
def test_pages_and_pictures_are_called_by_their_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnsupportedFormat, match=r"a web page|an SVG picture"):
        read(tmp_path, "t.xml", text)
