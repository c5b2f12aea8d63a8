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
