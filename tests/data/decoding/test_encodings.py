"""Text tables in the encodings of all the world."""

from pathlib import Path

import pytest

from flowml.domain.errors import UnreadableFile
from tests.data.reading import read

_SENTENCES = {
    "cp1250": ["Łukasz;Łódź", "Zażółć gęślą jaźń;Kraków", "Příliš žluťoučký kůň;Plzeň", "Árvíztűrő tükörfúrógép;Győr"],
    "cp1251": ["Анна Сидорова;Санкт-Петербург", "Олександр Їжакевич;Київ", "ИМЯ;ГОРОД", "Георги;София"],
    "cp1252": [
        "Müller;Düsseldorf",
        "François, élève;Orléans",
        "João;São Paulo",
        "Þórður;Ísafjörður",
        "Ærø;„x“ 5 €",
        "just;5 € each",
    ],
    "cp1253": ["Γιώργος Παπαδόπουλος;Αθήνα", "Μαρία;Θεσσαλονίκη"],
    "cp1254": ["Ayşe Yılmaz;İstanbul", "Işık Çağlar;Eskişehir"],
    "cp1255": ["דוד כהן;ירושלים", "שרה לוי;תל אביב"],
    "cp1256": ["محمد علي;القاهرة", "فاطمة;بغداد"],
    "cp1257": ["Rūta Kazlauskienė;Panevėžys", "Jānis Bērziņš;Rīga"],
    "cp1258": ["Nguyê\u0303n Văn Đư\u0301c;Ha\u0300 Nô\u0323i", "Trâ\u0300n Thi\u0323 Hương;Đa\u0300 Nă\u0303ng"],
    "cp874": ["สมชาย;กรุงเทพมหานคร", "สมหญิง;เชียงใหม่"],
    "koi8-r": ["Анна Сидорова;Санкт-Петербург", "Иван Петров;Москва"],
    "cp866": ["Анна Сидорова;Санкт-Петербург", "Иван Петров;Москва"],
    "mac-roman": ["Müller;Düsseldorf", "François, élève;Orléans", "Niño;España"],
    "cp850": ["Müller;Düsseldorf", "Jörg;Köln"],
    "cp932": ["山田太郎;東京", "これはテストです;カタカナ", "佐藤健;神奈川県横浜市"],
    "euc_jp": ["山田太郎;東京", "これはテストです;カタカナ"],
    "gb18030": ["王伟;北京", "李娜;上海市浦东新区", "这是一个测试文件;苹果手机"],
    "big5": ["陳大文;台北市", "這是一個測試檔案;高雄市"],
    "cp949": ["김철수;서울", "이것은 시험 파일입니다;부산광역시"],
    "utf-8": ["Łukasz;Αθήνα", "山田太郎;東京"],
    "utf-8-sig": ["Łukasz;Αθήνα", "山田太郎;東京"],
    "utf-16": ["Łukasz;Αθήνα", "山田太郎;東京"],
    "utf-16-le": ["Анна;Москва", "山田太郎;東京"],
    "utf-16-be": ["Анна;Москва", "山田太郎;東京"],
    "utf-32": ["Łukasz;Αθήνα", "山田太郎;東京"],
}


@pytest.mark.parametrize("encoding", _SENTENCES)
def test_every_language_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    for sentences in (*([sentence] for sentence in _SENTENCES[encoding]), _SENTENCES[encoding]):
        content = "name;city;n\n" + "".join(f"{sentence};{at}\n" for at, sentence in enumerate(sentences * 3))
        frame, warnings = read(tmp_path, "t.csv", content.encode(encoding))
        assert [f"{name};{city}" for name, city, _ in frame.rows()] == sentences * 3, warnings


@pytest.mark.parametrize("encoding", ["cp1250", "cp1251", "cp932", "utf-16"])
def test_the_encoding_that_was_taken_is_said_and_can_be_overruled(tmp_path: Path, encoding: str) -> None:
    content = f"name;city\n{_SENTENCES[encoding][0]}\nx;y\n".encode(encoding)
    assert f"encoding {encoding}" in read(tmp_path, "t.csv", content)[1]
    frame, warnings = read(tmp_path, "t.csv", content, {"encoding": "latin-1"})
    assert "encoding iso8859-1" in warnings
    assert frame.row(0) != tuple(_SENTENCES[encoding][0].split(";"))


def test_a_late_letter_decides_the_encoding(tmp_path: Path) -> None:
    content = "name;n\n" + "plain;1\n" * 700_000 + "Łódź gęślą;2\n"
    frame, _ = read(tmp_path, "t.csv", content.encode("cp1250"))
    assert frame["name"][-1] == "Łódź gęślą"


def test_an_encoding_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="not in the encoding utf-8"):
        read(tmp_path, "t.csv", "ä;b\n1;2\n".encode("cp1252"), {"encoding": "utf-8"})


@pytest.mark.parametrize(
    "content",
    [
        "Fecha;Concepto;Importe\n01/02/2024;Nómina;12,50 €\n15/02/2024;Año;-7,00 €\n",
        "Datum;Straße;Betrag\n15.02.2024;Größe;12,50 €\n16.02.2024;Öl;-7,00 €\n",
        "Date;Libellé;Montant\n15/02/2024;Cœur à Noël;12,50 €\n16/02/2024;café;-7,00 €\n",
        "a;b;c\nx;y;12,50 €\nx;y;-7,00 €\n",
    ],
)
@pytest.mark.parametrize("encoding", ["iso8859-15", "cp1252"])
def test_the_euro_tells_latin_9_from_its_kin(tmp_path: Path, content: str, encoding: str) -> None:
    frame, warnings = read(tmp_path, "t.csv", content.encode(encoding))
    assert frame.columns[1] == content.split(";")[1]
    assert frame[:, 1].to_list() == [line.split(";")[1] for line in content.splitlines()[1:]]
    assert frame[:, 2].to_list() == [12.5, -7.0]
    assert encoding in warnings


@pytest.mark.parametrize(
    ("content", "rows", "said"),
    [
        (b"a,b\n\x00,2\n4,5\n", [(None, 2), (4, 5)], "1 line has a NUL character, which was left out: line 2: “,2”"),
        (b"a,b\nx\x00y,2\nz,\x005\n", [("xy", 2), ("z", 5)], "line 2: “xy,2”; line 3: “z,5”"),
        (b"\xef\xbb\xbfa,b\n1,\x00\n2,5\n", [(1, None), (2, 5)], "line 2"),
        ("Öl,b\nÄ\0,2\nÜ,5\n".encode("cp1252"), [("Ä", 2), ("Ü", 5)], "line 2: “�,2”"),
    ],
)
def test_a_few_nuls_are_left_out_and_named(
    tmp_path: Path, content: bytes, rows: list[tuple[object, ...]], said: str
) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.rows() == rows
    assert said in warnings


def test_a_nul_far_below_is_named_by_its_line(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.csv", b"a,b\n" + b"x,1\n" * 50_000 + b"y\0,2\n")
    assert frame.row(-1) == ("y", 2)
    assert "line 50,002" in warnings


@pytest.mark.parametrize("content", [b"a,b\n1,\x002\n" * 1000, b"a,b\n" + b"1,2\n" * 20_000 + bytes(200), bytes(4) * 9])
def test_many_nuls_are_no_text(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, "t.csv", content)
