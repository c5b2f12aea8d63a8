"""Which line of a text table holds its names, in small tables with a known answer."""

from pathlib import Path

import pytest

from flowml.data.delimited.options import TextOptions
from flowml.data.delimited.outline.outline import Outline, outline
from tests.data.reading import read


def outlined(content: str) -> Outline:
    return outline(content.removesuffix("\n").split("\n"), TextOptions())


@pytest.mark.parametrize(
    "content",
    [
        "day|12:10|up\nday|12:40|down|07h21\nday|13:10|up|1\nday|13:50|wet|40%",  # shorter than the others
        "2024-05-01|12:10|up\n2024-05-02|12:40|down|1h\n2024-05-03|13:10|up|1\n2024-05-04|13:50|wet|4",
        "1,2\n3,4,5\n6,7,8\n9,1,2",
        "day|12:10\n2024-05-01|12:40|down|7\n2024-05-02|13:10|up|1\n2024-05-02|13:50|wet|40",
        "# letters, places, zone\nBE\t+5050+00420\tEurope/Brussels\nJP\t+3539+13944\tAsia/Tokyo\nPE\t-1203-07703\tLima",
        "tea,milk\nrice,oil\ntea,milk\noil,tea\ntea,milk",
        "tick\ntick\ntick",
        "fig\npear\nfig\nplum\npear",
        "e,x,q1\np,x,s1\np,b,t4\ne,x,u1\np,x,w9",
        "5.1,unknown,oak\n4.9,3.0,oak\n6.2,2.2,elm\n5.0,unknown,oak",
        "5.1,3.5,n.a.,oak\n4.9,3.0,1.4,oak\n6.2,2.2,4.5,elm\n5.0,3.3,1.0,oak",
        "12,**,Ohio\n13,4.5,Utah\n14,5.5,Iowa\n15,6.5,Maine",
        "5.1,,oak\n4.9,3.0,oak\n6.2,2.2,elm",
        "ann@x.org\nbob@y.com\ncy@z.net",
        "https://a.org/x,Ann\nhttps://b.org/y,Bob",
        "[10.2.0.1]\n[10.2.0.2]",
        "PX-1001,Ann\nPX-1002,Bob\nQY-1003,Cy",
        "06:40,up\n07:10,out\n08:00,in",
        "yes,no\nno,no\nyes,yes\nyes,no",
        '"Ann","12","x"\n"Bob","13","y"\n"Cy","14","x"',
        "2,1\n3,4",
        "sep=;\n1;x\n2;y\n3;z",
        "1,2,3,4\n2,4,6,8\n3,6,9,12\n4,8,12,16",  # counts, as all rows do
    ],
)
def test_a_first_line_like_those_below_is_a_row(content: str) -> None:
    assert outlined(content).names == ()


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("who,town\nAnn,Rome\nBob,Oslo\nwho,town\nCy,Bonn", ["who", "town"]),
        ("who,town\nAnn,Rome", ["who", "town"]),
        ("who\nAnn\nBob", ["who"]),
        ("land,2019,2020,2021\nPeru,1.5,2,3\nChad,2.5,3,4", ["land", "2019", "2020", "2021"]),
        ("2019,2020,2021\n1.5,2,3\n2.5,3,4\n5,6,7", ["2019", "2020", "2021"]),
        ("0,1,2\n5.1,3.5,1.4\n4.9,3.0,1.4\n6.2,2.2,4.5", ["0", "1", "2"]),
        ("1,2,3,4\n5.1,3.5,1.4,0.2\n4.9,3.0,1.4,0.2", ["1", "2", "3", "4"]),
        (",0,1,2\n0,5.1,3.5,1.4\n1,4.9,3.0,1.4\n2,6.2,2.2,4.5", ["", "0", "1", "2"]),
        ("land,2020-01-22,2020-01-23\nPeru,1,2\nChad,4,5", ["land", "2020-01-22", "2020-01-23"]),
        (",12:00,13:00\nMon,1,2\nTue,4,5", ["", "12:00", "13:00"]),
        ("digit,1,2,3,4\n5,0,0,12,255\n0,0,3,0,0\n4,0,0,0,9", ["digit", "1", "2", "3", "4"]),
        (
            "rock,400.5,401,401.5,402,402.5\nr1,0.1,0.2,0.3,0.2,0.1\nr2,0.2,0.3,0.4,0.1,0.2\nr3,0.3,0.1,0.2,0.3,0.4",
            ["rock", "400.5", "401", "401.5", "402", "402.5"],
        ),
        ("cell,age,7157,672\nc1,50,0.1,0.2\nc2,61,0.2,0.3\nc3,47,0.1,0.1", ["cell", "age", "7157", "672"]),
        ("x1,x2,x3\na1,b2,c3\na2,b1,c4", ["x1", "x2", "x3"]),
        ("v1,v2\nA11,6\nA12,48\nA14,12", ["v1", "v2"]),
        ("who,Fig,Pear\nAnn,Fig,\nBob,,Pear\nCy,Fig,Pear", ["who", "Fig", "Pear"]),
        ("who,mail\nAnn,ann@x.org\nBob,bob@y.org", ["who", "mail"]),
        ("user,rate\nu1,good\nu2,bad\nu3,good\nu4,bad", ["user", "rate"]),
        (",p,q\nx,a,b\ny,c,d", ["", "p", "q"]),
        ("p,q\nx,1,2\ny,3,4\nz,5,6", ["", "p", "q"]),
        ("#no\tplace\tzone\nBE\t+5050+00420\tEurope/Brussels\nJP\t+3539+13944\tAsia/Tokyo", ["no", "place", "zone"]),
        ("#who,town\nAnn,Rome\nBob,Oslo", ["who", "town"]),
        ("a,b,note\n1,2\n4,5\n7,8,late\n1,5", ["a", "b", "note"]),
        ("#a,b,note\n1,2\n4,5\n7,8,late\n1,5", ["a", "b", "note"]),
        ("People, by age, 2020\nland,young,old\nPeru,5,6\nChad,7,8\nMali,9,3", ["land", "young", "old"]),
        ("Note: counts, rounded, in thousands.\nland,young,old\nPeru,5,6\nChad,7,8", ["land", "young", "old"]),
        ("Made for,us\nOn,2024-01-05\n\nid,n\n1,5\n2,6\n3,7", ["id", "n"]),
        ("Report,,2024,\na,b,c,d\n1,2,3,4\n5,6,7,8", ["a", "b", "c", "d"]),
    ],
)
def test_names_are_found_whatever_they_look_like(content: str, names: list[str]) -> None:
    found = outlined(content)
    assert list(found.names) == names
    assert not found.below


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (
            "Area,Early,,Late,\n,Sold,Paid,Sold,Paid\na,1,2,3,4\nb,5,6,7,8",
            "Area|Early Sold|Early Paid|Late Sold|Late Paid",
        ),
        (",2020,,2021,\nwho,q1,q2,q1,q2\nx,1,2,3,4", "who|2020 q1|2020 q2|2021 q1|2021 q2"),
        (",2020,,2021,\nwho,from,to,from,to\nx,p,q,r,s\ny,t,u,v,w", "who|2020 from|2020 to|2021 from|2021 to"),
        (
            ",2020,,,,2021,\n,H1,,H2,,H1,\nwho,a,b,a,b,a,b\nx,1,2,3,4,5,6",
            "who|2020 H1 a|2020 H1 b|2020 H2 a|2020 H2 b|2021 H1 a|2021 H1 b",
        ),
        ("who,2020,,,\n,H1,,H2,\n,a,b,a,b\nx,1,2,3,4\ny,1,2,3,4", "who|2020 H1 a|2020 H1 b|2020 H2 a|2020 H2 b"),
        ("id,who,Marks,,Rank\n,,sums,art,\n1,Ann,5,6,1\n2,Bob,7,8,2", "id|who|Marks sums|Marks art|Rank"),
        ("id,,Marks,\n,who,sums,art\n1,Ann,5,6\n2,Bob,7,8", "id|who|Marks sums|Marks art"),
        (
            ",2024-03-01,,2024-03-08,\nid,in,out,in,out\n1,5,6,7,8",
            "id|2024-03-01 in|2024-03-01 out|2024-03-08 in|2024-03-08 out",
        ),
        ("id,1,,2,\n,in,out,in,out\n1,5,6,7,8", "id|1 in|1 out|2 in|2 out"),
        (",a,a,b,b\n,x,y,x,y\n0,1,2,3,4\n1,5,6,7,8", "|a x|a y|b x|b y"),
        (",a,a,b,b\n,x,y,x,y\nid,,,,\n0,1,2,3,4\n1,5,6,7,8", "id|a x|a y|b x|b y"),
    ],
)
@pytest.mark.parametrize("title", ["", "All of it"])
def test_names_of_groups_are_put_in_front_of_those_below(content: str, names: str, title: str) -> None:
    found = outlined(f"{title}{',' * names.count('|')}\n{content}" if title else content)
    assert "|".join(found.names) == names
    assert "names of groups above were put in front" in (found.joined or "")
    assert len(found.above) == bool(title)


@pytest.mark.parametrize(
    "content",
    [
        "who,what,\n,good,x\nAnn,bad,\nBob,,y",  # a row with gaps below names with one
        "who,w,h\n,kg,cm\nx,1,2\ny,3,4",  # units
        "a,,c\n1,2,3\n4,5,6",
        "Report,,2024,\na,b,c,d\n1,2,3,4\n5,6,7,8",  # a title
    ],
)
def test_other_lines_with_gaps_are_no_names_of_groups(content: str) -> None:
    assert "groups" not in (outlined(content).joined or "")


@pytest.mark.parametrize(
    ("content", "height"),
    [
        (
            'st,area,jobs,pay\nAK,"Nome, AK",**,**\nVT,"Barre, VT",180,3.6\nME,"Bath, ME",95,2.1\nNH,"Dover, NH",7,4\n',
            4,
        ),
        ("area,jobs,pay\nOhio,secret,secret\nTexas,12,3.5\nUtah,13,4.5\nMaine,14,5.5\n", 4),
        ("area,jobs,pay\nOhio,(D),(D)\nTexas,12,3.5\nUtah,13,4.5\nMaine,14,5.5\n", 4),
        ("jobs,pay\n**,**\n180,3.6\n950,2.1\n", 3),
        ("area,jobs,pay\n****,****,****\nTexas,12,3.5\nUtah,13,4.5\n", 2),
        ("area,jobs,pay\nWhere?,How many - jobs,How many - pay\nTexas,12,3.5\nUtah,13,4.5\n", 2),
    ],
)
def test_rows_without_numbers_are_rows(tmp_path: Path, content: str, height: int) -> None:
    frame, warnings = read(tmp_path, "t.csv", content)
    assert frame.height == height, warnings
    if "**" in content:
        assert all(dtype.is_numeric() for dtype in frame.dtypes[-2:]), warnings
    assert frame.columns == content.split("\n")[0].split(",")


def test_a_first_row_with_half_the_values_is_the_first_row() -> None:
    found = outlined("2024-05-01|12:10\n2024-05-01|12:40|down|7\n2024-05-02|13:10|up|1\n2024-05-02|13:50|wet|40")
    assert found.names == ()
    assert not found.above
    assert found.first_line == 0


def test_lines_like_a_first_row_are_kept_and_like_the_names_left_out(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "rows.csv", "tea,milk\nrice,oil\ntea,milk\noil,tea\n")
    assert frame.height == 4
    assert "repeat" not in warnings
    frame, warnings = read(tmp_path, "names.csv", "who,town\nAnn,Rome\nwho,town\nBob,Oslo\n")
    assert frame.rows() == [("Ann", "Rome"), ("Bob", "Oslo")]
    assert "line 3: “who,town”" in warnings
