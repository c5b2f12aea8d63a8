"""Account books: one row per transaction, dates and amounts as their country writes them."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowml.data.format import CERTAIN, LIKELY, NO
from flowml.data.formats.qif import FORMAT, sniff
from flowml.domain.errors import InvalidInput, UnreadableFile
from tests.data.formats.mutations import damaged, read_or_refuse
from tests.data.reading import read

BOOK = """# exported
!Type:Cat
NFood
DEating
E
T
B100.00
^
!Option:AutoSwitch
!Account
NChecking
TBank
DEvery day
^
!Clear:AutoSwitch
!Account
NChecking
TBank
^
!Type:Bank
D2/14'2020
T-1,067.50
CX
N123
PShop
MWeekly
A1 Main St
ATown
LFood:Home/Class A
^
D2/ 3'20
U-15.00
PSplit
SFood
Ebread
$-5.00
S[Savings]
$-10.00
^
!Type:Invst
D2/20'20
NBuy
YACME
I32.00
Q376
O10
T12042.00
$12042.00
L[Checking]
^
!Type:Prices
"ACME",32.5,"2/20'20"
"""


def bank(*records: str) -> str:
    return "!Type:Bank\n" + "".join(f"{record}\n^\n" for record in records)


def test_a_transaction_is_a_row_with_all_its_fields(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.qif", BOOK)
    rows = [{name: value for name, value in row.items() if value is not None} for row in frame.to_dicts()]
    assert rows[0] == {
        "account": "Checking",
        "account_type": "Bank",
        "date": date(2020, 2, 14),
        "amount": -1067.5,
        "payee": "Shop",
        "memo": "Weekly",
        "category": "Food:Home",
        "class": "Class A",
        "cleared": "X",
        "number": "123",
        "address": "1 Main St\nTown",
    }
    assert json.loads(rows[1].pop("splits")) == [
        {"category": "Food", "memo": "bread", "amount": -5.0},
        {"transfer_account": "Savings", "amount": -10.0},
    ]
    assert rows[1] == {
        "account": "Checking",
        "account_type": "Bank",
        "date": date(2020, 2, 3),
        "amount": -15.0,
        "payee": "Split",
        "split_count": 2,
    }
    assert rows[2] == {
        "account": "Checking",
        "account_type": "Invst",
        "date": date(2020, 2, 20),
        "amount": 12042.0,
        "transfer_account": "Checking",
        "action": "Buy",
        "security": "ACME",
        "price": 32.0,
        "quantity": 376.0,
        "commission": 10.0,
        "transfer_amount": 12042.0,
    }
    assert "categories (1)" in warnings
    assert "prices (1)" in warnings


CATEGORY = {"name": "Food", "description": "Eating", "kind": "expense", "tax_related": True, "budget": 100.0}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("categories", CATEGORY),
        ("accounts", {"name": "Checking", "type": "Bank", "description": "Every day"}),
        ("prices", {"symbol": "ACME", "price": 32.5, "date": date(2020, 2, 20)}),
    ],
)
def test_the_lists_of_a_file_are_tables_too(tmp_path: Path, table: str, expected: dict[str, Any]) -> None:
    frame, _ = read(tmp_path, "a.qif", BOOK, {"table": table})
    assert frame.select(list(expected)).to_dicts() == [expected]


def test_each_part_of_a_transaction_can_be_a_row(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "a.qif", BOOK, {"table": "splits"})
    assert frame.select("payee", "category", "transfer_account", "amount", "transaction_amount").rows()[1:3] == [
        ("Split", "Food", None, -5.0, -15.0),
        ("Split", None, "Savings", -10.0, -15.0),
    ]
    with pytest.raises(InvalidInput, match="“table” cannot be “nothing”"):
        read(tmp_path, "a.qif", BOOK, {"table": "nothing"})


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["13/02/2020", "1/2/2020"], [date(2020, 2, 13), date(2020, 2, 1)]),
        (["02/13/2020", "1/2/2020"], [date(2020, 2, 13), date(2020, 1, 2)]),
        (["10.18.23", "1.2.23"], [date(2023, 10, 18), date(2023, 1, 2)]),
        (["1.2.23"], [date(2023, 2, 1)]),
        (["2022-09-23", "20220924"], [date(2022, 9, 23), date(2022, 9, 24)]),
        (["12/31/99", "12/31'05", "1/ 1'00"], [date(1999, 12, 31), date(2005, 12, 31), date(2000, 1, 1)]),
        (["12/31/05"], [date(2005, 12, 31)]),
        (["3 Feb 2020", "Feb 4, 2020", "5-Feb-20"], [date(2020, 2, 3), date(2020, 2, 4), date(2020, 2, 5)]),
    ],
)
def test_the_order_of_dates_is_decided_over_the_file(tmp_path: Path, written: list[str], expected: list[date]) -> None:
    frame, _ = read(tmp_path, "a.qif", bank(*(f"D{text}\nT1" for text in written)))
    assert frame["date"].to_list() == expected


def test_an_unclear_order_is_said_and_can_be_overruled(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.qif", bank("D1/2/2020\nT1"))
    assert frame["date"].to_list() == [date(2020, 1, 2)]
    assert "Day and month cannot be told apart" in warnings
    frame, warnings = read(tmp_path, "a.qif", bank("D1/2/2020\nT1"), {"date_order": "day_first"})
    assert frame["date"].to_list() == [date(2020, 2, 1)]
    assert warnings == ""
    frame, _ = read(tmp_path, "a.qif", "!Option:DMY\n" + bank("D1/2/2020\nT1"))
    assert frame["date"].to_list() == [date(2020, 2, 1)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (["-1,234.50", "1,000"], [-1234.5, 1000.0]),
        (["-1.234,50", "1.000"], [-1234.5, 1000.0]),
        (["12,5", "1,000"], [12.5, 1.0]),
        (["1'234.50", "$5.00", "(3.00)", "4.00-", ".5"], [1234.5, 5.0, -3.0, -4.0, 0.5]),
    ],
)
def test_amounts_are_read_as_their_country_writes_them(
    tmp_path: Path, written: list[str], expected: list[float]
) -> None:
    frame, _ = read(tmp_path, "a.qif", bank(*(f"D1/31/2020\nT{text}" for text in written)))
    assert frame["amount"].to_list() == expected


def test_what_cannot_be_read_is_named_by_line_and_content(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "a.qif", bank("Dsoon\nTmuch\nPkept\nZodd"))
    assert frame.to_dicts() == [{"account_type": "Bank", "payee": "kept", "field_z": "odd"}]
    for said in ("Line 2", "Dsoon", "Line 3", "Tmuch"):
        assert said in warnings


def test_transactions_belong_to_the_account_named_before_them(tmp_path: Path) -> None:
    one, two = (f"!Account\nN{name}\nTBank\n^\n{bank('D1/31/2020')}" for name in ("One", "Two"))
    frame, _ = read(tmp_path, "a.qif", one + two)
    assert frame["account"].to_list() == ["One", "Two"]


def test_a_file_with_only_a_list_is_that_list(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "a.qif", "^\n!Type:Security\nNBitcoin\nS^BTCUSD\nTStock\n")
    assert frame.to_dicts() == [{"name": "Bitcoin", "symbol": "^BTCUSD", "type": "Stock"}]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, newline: str) -> None:
    text = bank("D31.12.2020\nT1\nPCafé").replace("\n", newline)
    frame, _ = read(tmp_path, "a.qif", text.encode(encoding))
    assert frame["payee"].to_list() == ["Café"]


@pytest.mark.parametrize("content", ["", "!Type:Bank\n", "!Type:Bank\n^\n^\n"])
def test_an_empty_book_is_refused_in_one_sentence(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile, match=r"(is empty|holds no transactions)"):
        read(tmp_path, "a.qif", content)


def test_books_are_known_by_a_whole_line() -> None:
    assert sniff(BOOK.encode(), Path()) == CERTAIN
    assert sniff(b"\xef\xbb\xbf!Type:Oth A \r\n", Path()) == CERTAIN
    assert sniff(b"my book\n!Type:Bank\nD1\n^\n", Path()) == LIKELY
    assert sniff(b"name,kind\n!Type:Bank,3\n", Path()) == NO
    assert sniff(b"name\n!Type:Bank\n", Path()) == NO


@pytest.mark.parametrize(
    "content",
    [
        "!Type:Bank\n" + "^\n" * 600_000,
        "!Type:Bank\n" * 600_000,
        "!Type:Bank\n" + "PX\n" * 200_000,
        "!Type:Bank\n" + "D99/99/99\n^\n" * 50_000,
        "!Type:Bank\nP" + "x" * 20_000_000,
    ],
    ids=["records", "sections", "lines", "dates", "long"],
)
def test_a_hostile_book_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path, "a.qif", content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_book_is_read_or_refused(data: st.DataObject) -> None:
    read_or_refuse("a.qif", data.draw(damaged(BOOK.encode())), FORMAT)
