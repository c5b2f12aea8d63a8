"""Statements as banks write them: one row per transaction, whatever they leave out or add."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.format import CERTAIN, LIKELY, NO
from flowml.data.formats.ofx import FORMAT, sniff
from flowml.domain.errors import FlowMLError, InvalidInput, UnreadableFile
from tests.data.formats.mutations import damaged, read_or_refuse
from tests.data.formats.times import at
from tests.data.reading import read

HEADER = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\n\n"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE"?>\n'
ACCOUNT = "<BANKACCTFROM><BANKID>0123<ACCTID>007<ACCTTYPE>CHECKING</BANKACCTFROM>"


def statement(*transactions: str, account: str = ACCOUNT, after: str = "") -> str:
    rows = "".join(f"<STMTTRN>{fields}</STMTTRN>\n" for fields in transactions)
    return (
        f"<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>USD{account}<BANKTRANLIST>\n{rows}</BANKTRANLIST>{after}"
        "</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    )


def only_row(folder: Path, fields: str) -> dict[str, Any]:
    frame, _ = read(folder, "a.ofx", HEADER + statement(fields, account=""))
    assert frame.height == 1
    return {name: value for name, value in frame.to_dicts()[0].items() if value is not None and name != "currency"}


SGML = "<TRNTYPE>DEBIT\n<DTPOSTED>20240323000000[-3:GMT]\n<TRNAMT>-13.10\n<FITID>0042\n<NAME>Café &amp; Bar\n<MEMO>\n"
ROW = {
    "account_id": "007",
    "account_type": "CHECKING",
    "bank_id": "0123",
    "currency": "USD",
    "trntype": "DEBIT",
    "dtposted": at(2024, 3, 23, 3),
    "trnamt": -13.1,
    "fitid": "0042",
    "name": "Café & Bar",
}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", ""])
@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_transaction_is_a_row_with_all_its_fields(tmp_path: Path, newline: str, encoding: str) -> None:
    text = (HEADER + statement(SGML)).replace("\n", newline)
    frame, warnings = read(tmp_path, "a.ofx", text.encode(encoding))
    assert frame.to_dicts() == [ROW]
    assert warnings == ""


def test_xml_says_the_same_as_sgml(tmp_path: Path) -> None:
    fields = (
        "<TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20240323000000[-3:GMT]</DTPOSTED><TRNAMT>-13.10</TRNAMT><FITID>0042</FITID>"
        "<NAME><![CDATA[Café & Bar]]></NAME><MEMO/><!-- <MEMO>no</MEMO> -->"
    )
    account = "<BANKACCTFROM><BANKID>0123</BANKID><ACCTID>007</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>"
    assert read(tmp_path, "a.xml", XML + statement(fields, account=account))[0].to_dicts() == [ROW]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("<NAME><MEMO>text<CHECKNUM>12", {"memo": "text", "checknum": "12"}),
        ("<NAME></NAME><INTU.X><MEMO>text<FITID>1", {"memo": "text", "fitid": "1"}),
        ("<memo>lower case", {"memo": "lower case"}),
        ("<MEMO>I <3 you & 4 < 5 > 2", {"memo": "I <3 you & 4 < 5 > 2"}),
        ("<MEMO>&#67;af&#xe9;&nbsp;&unknown;", {"memo": "Café &unknown;"}),
        ("<TRNAMT>-200,05", {"trnamt": -200.05}),
        ("<TRNAMT>1.234,50", {"trnamt": 1234.5}),
        ("<TRNAMT>+1,234.50", {"trnamt": 1234.5}),
        ("<TRNAMT>1,234", {"trnamt": 1.234}),
        ("<DTPOSTED>20050824", {"dtposted": at(2005, 8, 24)}),
        ("<DTPOSTED>20050824120000.000[-5.5:XST]", {"dtposted": at(2005, 8, 24, 17, 30)}),
        ("<DTPOSTED>20180804093914:014", {"dtposted": at(2018, 8, 4, 9, 39, 14)}),
        ("<DTPOSTED>200510291120", {"dtposted": at(2005, 10, 29, 11, 20)}),
        ("<DTPOSTED>00000000<MEMO>a", {"memo": "a"}),
        ("<PAYEE><NAME>Shop<CITY>Town</PAYEE>", {"payee_name": "Shop", "payee_city": "Town"}),
        (
            "<ORIGCURRENCY><CURRATE>1.1<CURSYM>CAD</ORIGCURRENCY>",
            {"origcurrency_currate": 1.1, "origcurrency_cursym": "CAD"},
        ),
        ("<BANKACCTTO><BANKID>1<ACCTID>02</BANKACCTTO>", {"bankacctto_bank_id": "1", "bankacctto_account_id": "02"}),
        ("<VALUEDATE>20180507<X.NEW>yes", {"valuedate": at(2018, 5, 7), "x_new": "yes"}),
        ("<MEMO>a<MEMO>b", {"memo": "a", "memo_2": "b"}),
    ],
)
def test_each_way_of_writing_is_read(tmp_path: Path, fields: str, expected: dict[str, Any]) -> None:
    assert only_row(tmp_path, fields) == expected


def test_what_cannot_be_read_is_named_by_line_and_content(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.ofx", HEADER + statement("<MEMO>kept\n<DTPOSTED>soon\n<TRNAMT>much"))
    assert frame["memo"].to_list() == ["kept"]
    for said in ("Line 10", "soon", "Line 11", "much"):
        assert said in warnings


def test_each_transaction_says_its_account(tmp_path: Path) -> None:
    card = "<CREDITCARDMSGSRSV1><CCSTMTTRNRS><CCSTMTRS><CURDEF>EUR<CCACCTFROM><ACCTID>9</CCACCTFROM>"
    card += (
        "<BANKTRANLIST><STMTTRN><MEMO>b</STMTTRN></BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>"
    )
    text = HEADER + statement("<MEMO>a").replace("</OFX>\n", card)
    frame, _ = read(tmp_path, "a.qfx", text)
    assert frame.select("account_id", "account_type", "bank_id", "currency", "memo").rows() == [
        ("007", "CHECKING", "0123", "USD", "a"),
        ("9", "CREDITCARD", None, "EUR", "b"),
    ]


def test_balances_are_a_table_of_their_own(tmp_path: Path) -> None:
    text = HEADER + statement(SGML, after="<LEDGERBAL><BALAMT>200.29<DTASOF>20240401</LEDGERBAL>")
    _, warnings = read(tmp_path, "a.ofx", text)
    assert "balances (1)" in warnings
    frame, _ = read(tmp_path, "a.ofx", text, {"table": "balances"})
    assert frame.select("account_id", "kind", "balamt", "dtasof").rows() == [
        ("007", "LEDGERBAL", 200.29, at(2024, 4, 1))
    ]
    with pytest.raises(InvalidInput, match="“table” cannot be “positions”"):
        read(tmp_path, "a.ofx", text, {"table": "positions"})


INVESTMENTS = """<OFX><INVSTMTMSGSRSV1><INVSTMTTRNRS><INVSTMTRS><DTASOF>20050827<CURDEF>USD
<INVACCTFROM><BROKERID>broker<ACCTID>99</INVACCTFROM><INVTRANLIST>
<BUYSTOCK><INVBUY><INVTRAN><FITID>1<DTTRADE>20050825</INVTRAN><SECID><UNIQUEID>037<UNIQUEIDTYPE>CUSIP</SECID>
<UNITS>100<UNITPRICE>50.25<COMMISSION>25<TOTAL>-5050.00</INVBUY><BUYTYPE>BUY</BUYSTOCK>
<REINVEST><INVTRAN><FITID>2<DTTRADE>20050826<MEMO>DIV</INVTRAN><SECID><UNIQUEID>037<UNIQUEIDTYPE>CUSIP</SECID>
<INCOMETYPE>DIV<TOTAL>-1.5<UNITS>0.03</REINVEST>
<INVBANKTRAN><STMTTRN><TRNTYPE>CREDIT<TRNAMT>1000<FITID>3</STMTTRN><SUBACCTFUND>CASH</INVBANKTRAN>
</INVTRANLIST><INVPOSLIST><POSSTOCK><INVPOS><SECID><UNIQUEID>037<UNIQUEIDTYPE>CUSIP</SECID><UNITS>200</INVPOS></POSSTOCK>
</INVPOSLIST><INVBAL><AVAILCASH>5<BALLIST><BAL><NAME>Rate<VALUE>7.85</BAL></BALLIST></INVBAL></INVSTMTRS>
</INVSTMTTRNRS></INVSTMTMSGSRSV1><SECLISTMSGSRSV1><SECLIST><STOCKINFO><SECINFO><SECID><UNIQUEID>037
<UNIQUEIDTYPE>CUSIP</SECID><SECNAME>Acme<TICKER>ACM</SECINFO></STOCKINFO></SECLIST></SECLISTMSGSRSV1></OFX>"""


def test_investments_are_rows_with_the_name_of_their_security(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.ofx", HEADER + INVESTMENTS)
    columns = ("account_id", "kind", "fitid", "uniqueid", "secname", "ticker", "units", "total", "trnamt")
    assert frame.select(columns).rows() == [
        ("99", "BUYSTOCK", "1", "037", "Acme", "ACM", 100.0, -5050.0, None),
        ("99", "REINVEST", "2", "037", "Acme", "ACM", 0.03, -1.5, None),
        ("99", "INVBANKTRAN", "3", None, None, None, None, None, 1000.0),
    ]
    assert "positions (1), balances (2), securities (1)" in warnings


def test_positions_are_a_table_of_their_own(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "a.ofx", HEADER + INVESTMENTS, {"table": "positions"})
    assert frame.select("kind", "secname", "units").rows() == [("POSSTOCK", "Acme", 200.0)]


@pytest.mark.parametrize(
    "broken",
    [
        statement("<MEMO>a", "<MEMO>b").replace("</STMTTRN>", ""),
        statement("<MEMO>a", "<MEMO>b").replace("</BANKTRANLIST>", ""),
        statement("<MEMO>a</B>", "<MEMO>b</MEMO>, he said"),
        statement("<MEMO>a", "<MEMO>b").partition("</BANKTRANLIST>")[0],
        "<BANKTRANLIST><STMTTRN><MEMO>a</STMTTRN><STMTTRN><MEMO>b</STMTTRN>",
    ],
)
def test_tags_in_disorder_lose_no_transaction(tmp_path: Path, broken: str) -> None:
    frame, _ = read(tmp_path, "a.ofx", f"{HEADER}<OFX>{broken}")
    assert frame["memo"].to_list() == ["a", "b"]


def test_a_bank_that_answers_with_a_problem_is_quoted(tmp_path: Path) -> None:
    status = "<STATUS><CODE>2000<SEVERITY>ERROR<MESSAGE>General error</STATUS>"
    with pytest.raises(UnreadableFile, match=r"“General error” \(code 2000\)"):
        read(tmp_path, "a.ofx", f"{HEADER}<OFX><STMTTRNRS>{status}</STMTTRNRS></OFX>")


@pytest.mark.parametrize("content", ["", HEADER, f"{HEADER}<OFX></OFX>", HEADER + statement()])
def test_an_empty_statement_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match=r"(is empty|holds no transactions)"):
        read(tmp_path, "a.ofx", content)


def test_statements_are_known_by_their_opening() -> None:
    assert sniff((HEADER + statement(SGML)).encode("utf-16"), Path()) == CERTAIN
    assert sniff(f"\n\n\n{HEADER}<OFX>".encode(), Path()) == CERTAIN
    assert sniff((XML + statement(SGML)).encode(), Path()) == CERTAIN
    assert sniff(b"<OFX><BANKMSGSRSV1>", Path()) == CERTAIN
    assert sniff(f"Your statement\n{HEADER}<OFX>".encode(), Path()) == LIKELY
    assert sniff(b"tag,meaning\n<OFX>,root\nOFXHEADER:100,first\n", Path()) == NO
    assert sniff(b"<html><OFX></html>", Path()) == NO


BOMB = '<!DOCTYPE OFX [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}{BOMB}<OFX><STMTTRN><MEMO>&x;&b;</STMTTRN></OFX>",
        f"{XML}{BOMB}<OFX><STMTTRN><MEMO>&x;&b;</STMTTRN></OFX>",
        f"{HEADER}<OFX>" + "<A>" * 1_000_000,
        f"{HEADER}<OFX>" + "<A></A>" * 1_000_000,
        f"{HEADER}<OFX>" + "</A>" * 1_000_000,
        f"{HEADER}<OFX>" + "<" * 3_000_000,
        f"{HEADER}<OFX><STMTTRN><MEMO>" + "a" * 3_000_000,
        f"{HEADER}<OFX><STMTTRN><MEMO><![CDATA[" + "a<" * 1_000_000,
        f"{HEADER}<OFX><STMTTRN><MEMO>" + "<![CDATA[a]]>" * 500_000,
    ],
    ids=["entities", "xml entities", "deep", "many", "stray", "less-than", "text", "cdata", "cdatas"],
)
def test_a_hostile_statement_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(FlowMLError):
        read(tmp_path, "a.ofx", content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_statement_is_read_or_refused(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from([HEADER + statement(SGML, SGML), HEADER + INVESTMENTS]))
    read_or_refuse("a.ofx", data.draw(damaged(content.encode())), FORMAT)


@pytest.mark.parametrize("opening", ["DATA:OFXSGML\nENCODING:UTF-8\n", "downloaded on 2024-03-23\n\n", "\n\n   "])
def test_whatever_stands_in_front_a_statement_is_one(tmp_path: Path, opening: str) -> None:
    frame, _ = read(tmp_path, "a.txt", opening + statement(SGML, SGML.replace("0042", "0043")))
    assert frame["fitid"].to_list() == ["0042", "0043"]


@pytest.mark.parametrize("row", ["<OFX>,the root\n<STMTTRN>,an entry", "1,<OFX><BANKMSGSRSV1>..."])
def test_a_table_about_ofx_is_none(row: str) -> None:
    assert sniff(f"tag,meaning\n{row}\n".encode(), Path("a.csv")) == NO
