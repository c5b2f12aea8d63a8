"""Tables of fixed width with dashes below the names."""

from pathlib import Path

import pytest

from tests.data.reading import read

_REPORT = (
    "1REPORT B7              SHIPYARD            PAGE 1\n RUN DATE 01/02/24\n\n"
    " PARTNO WHAT                 BAY       PRICE        NET\n"
    " ------ -------------------- ---- ---------- ----------\n"
    " 000412 OAK PLANK LONG       C100   1,234.56     987.65\n"
    " 000413 ROPE, HEMP           C200     934.56-  1,887.65\n"
    " 000414 TAR                  D100   3,934.56   2,887.65\n\n"
    " TOTAL                              4,234.56   5,762.95\n"
)
_QUERY = (
    "id          name                 price      since\n"
    "----------- -------------------- ---------- ----------\n"
    "          1 Oak, a long plank          12.5 2024-01-13\n"
    "          2 Tar                        NULL 2024-01-14\n"
    "          3 Rope of old hemp          100.0 2024-01-15\n\n"
    "(3 rows affected)\n"
)


def test_a_report_is_read_by_its_ruler(tmp_path: Path) -> None:
    frame, warnings = read(tmp_path, "t.txt", _REPORT)
    assert frame.columns == ["PARTNO", "WHAT", "BAY", "PRICE", "NET"]
    assert frame.rows() == [
        ("000412", "OAK PLANK LONG", "C100", 1234.56, 987.65),
        ("000413", "ROPE, HEMP", "C200", -934.56, 1887.65),
        ("000414", "TAR", "D100", 3934.56, 2887.65),
    ]
    assert "line 1: “1REPORT" in warnings
    assert "TOTAL" in warnings
    assert "runs over" not in warnings


@pytest.mark.parametrize("options", [{}, {"delimiter": "fixed"}, {"header": 1}])
def test_the_answer_to_a_query_is_read_by_its_ruler(tmp_path: Path, options: dict[str, object]) -> None:
    frame, warnings = read(tmp_path, "t.txt", _QUERY, options)
    assert frame.columns == ["id", "name", "price", "since"]
    assert frame["id"].to_list() == [1, 2, 3]
    assert frame["name"].to_list() == ["Oak, a long plank", "Tar", "Rope of old hemp"]
    assert frame["price"].to_list() == [12.5, None, 100.0]
    assert "(3 rows affected)" in warnings


def test_names_and_rulers_that_come_again_on_each_page_are_no_rows(tmp_path: Path) -> None:
    page = "     PARTNO WHAT\n----------- ----------\n"
    frame, _ = read(
        tmp_path, "t.txt", f"{page}       7369 OAK\n       7499\n\n{page}       7521 TAR\n\n3 rows selected.\n"
    )
    assert frame.rows() == [(7369, "OAK"), (7499, None), (7521, "TAR")]


def test_dashes_that_the_rows_do_not_keep_to_are_no_ruler(tmp_path: Path) -> None:
    frame, _ = read(tmp_path, "t.csv", "name,x\n--- --\nmaple,1\nwillow,22\nbirch,333\n")
    assert frame.rows() == [("maple", 1), ("willow", 22), ("birch", 333)]
