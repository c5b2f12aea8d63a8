"""Property lists: dictionaries are records, whatever kind of file their name claims."""

from pathlib import Path

import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read

HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN"'
    ' "http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
)
ROW = "<dict><key>Name</key><string>{}</string><key>Plays</key><integer>{}</integer><key>New</key><true/></dict>"


@pytest.mark.parametrize("name", ["t.plist", "t.xml"])
def test_dictionaries_are_rows(tmp_path: Path, name: str) -> None:
    content = f'{HEADER}<plist version="1.0"><array>{ROW.format("a", 3)}{ROW.format("b", 5)}</array></plist>'
    frame, _ = read(tmp_path, name, content)
    assert frame.to_dicts() == [{"Name": "a", "Plays": 3, "New": True}, {"Name": "b", "Plays": 5, "New": True}]


def test_damage_and_entities_are_refused(tmp_path: Path) -> None:
    for content in ("<plist><array><dict>", "<plist><key>a</key></plist>", "<plist><integer>x</integer></plist>"):
        with pytest.raises(UnreadableFile):
            read(tmp_path, "t.plist", HEADER + content)
    with pytest.raises(UnreadableFile):
        read(
            tmp_path, "t.plist", "<!DOCTYPE plist [<!ENTITY a 'x'>]><plist><array><string>&a;</string></array></plist>"
        )


@pytest.mark.parametrize(
    "content", ["<plistItem><a>1</a></plistItem>", "<item><a><![CDATA[<plist version='1.0'>]]></a></item>"]
)
def test_other_xml_that_mentions_property_lists_is_none(tmp_path: Path, content: str) -> None:
    frame, _ = read(tmp_path, "t.xml", f"<?xml version='1.0'?><r>{content * 3}</r>")
    assert frame.shape == (3, 1)


def test_a_comment_may_stand_in_front(tmp_path: Path) -> None:
    row = ROW.format("a", 3)
    assert (
        read(tmp_path, "t.xml", f"<?xml version='1.0'?><!-- made today --><plist><array>{row}</array></plist>")[
            0
        ].height
        == 1
    )
