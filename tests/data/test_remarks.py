"""What is said of a file has a code and a severity, whatever its words are."""

from pathlib import Path

from flowml.data.read import read_file
from flowml.domain.remarks import Remark, RemarkSeverity, decision, loss, note

# Everything at once: a title, semicolons, years of two digits, a line with too many values and one with too few.
_MESSY = "a report\n\nday;n;s\n01/02/23;1;x\n13/02/23;2;y\n14/02/23;3;z;9\n15/02/23;4\n16/02/23;NA;w\n"


def test_each_thing_that_is_said_of_a_messy_file_has_its_severity(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(_MESSY, encoding="utf-8")
    table = read_file(tmp_path / "t.csv")

    severities = {remark.code: remark.severity for remark in table.remarks}
    assert severities == {
        "delimiter": RemarkSeverity.NOTE,
        "around_table_left_out": RemarkSeverity.LOSS,
        "header_line": RemarkSeverity.NOTE,
        "lines_left_out": RemarkSeverity.LOSS,
        "short_lines": RemarkSeverity.DECISION,
        "read_as_missing": RemarkSeverity.NOTE,
        "short_years": RemarkSeverity.DECISION,
    }
    assert table.warnings == tuple(remark.text for remark in table.remarks)


def test_a_convention_that_nothing_proves_is_a_doubt_and_one_that_others_prove_a_note(tmp_path: Path) -> None:
    severities = []
    for others in ("1.5", "x"):
        (tmp_path / "t.csv").write_text(f'a,b\n"1,234",{others}\n"5,678",{others}\n', encoding="utf-8")
        styles = [remark for remark in read_file(tmp_path / "t.csv").remarks if remark.code == "number_style"]
        severities += [remark.severity for remark in styles]
    assert severities == [RemarkSeverity.NOTE, RemarkSeverity.DECISION]


def test_a_lost_value_stays_a_loss_beside_a_convention_that_nothing_proves(tmp_path: Path) -> None:
    rows = "\n".join(f'"{number},{number}"' for number in range(101, 200))
    (tmp_path / "t.csv").write_text(f"a\n{rows}\nhigh\n", encoding="utf-8")
    (remark,) = read_file(tmp_path / "t.csv").remarks
    assert "“high” (line 101)" in remark.text and "nothing in the file proves" in remark.text
    assert (remark.code, remark.severity) == ("values_lost", RemarkSeverity.LOSS)


def test_two_that_are_said_together_are_as_grave_as_the_graver() -> None:
    years, values = decision("short_years", "Years are short."), loss("values_lost", "Two are none.")
    assert years.followed_by(values) == loss("values_lost", "Years are short. Two are none.")
    assert values.followed_by(years) == loss("values_lost", "Two are none. Years are short.")
    assert note("a", "A.").followed_by(note("b", "B.")) == note("a", "A. B.")


def test_it_comes_back_from_json_and_so_does_a_plain_sentence() -> None:
    said = loss("cut_off", "It may be cut off.")
    assert Remark.of_record({"code": "cut_off", "severity": "loss", "text": "It may be cut off."}) == said
    assert Remark.of_record("It was left out.").severity is RemarkSeverity.DECISION
