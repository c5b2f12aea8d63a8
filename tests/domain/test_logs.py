"""Lines of a log are harmless before anybody keeps them."""

import pytest

from flowml.domain.logs import MOST_DETAIL, MOST_MESSAGE, LogLevel, one_line, several_lines
from flowml.domain.redaction import without_secrets

SECRET = "a1B2" * 11


@pytest.mark.parametrize(
    "text",
    [
        f"flowml_worker_{SECRET[:43]}",
        f"GET /api/logs?token={SECRET}&limit=1: refused",
        f"{{'Authorization': 'Bearer {SECRET}'}}",
        f"Authorization: Basic {SECRET}",
        f"headers: cookie: flowml-8000={SECRET}; theme=dark",
        f"the cookie flowml-8000={SECRET} is unknown",
        f"http://me:{SECRET}@host/ does not answer",
        f'{{"password": "{SECRET}"}}',
    ],
)
def test_no_secret_is_left(text: str) -> None:
    for written in (without_secrets(text), one_line(text), several_lines(f"a\n{text}\nb")):
        assert SECRET[:8] not in written and "…" in written


def test_a_secret_that_is_cut_in_two_is_none_that_is_shown() -> None:
    for before in range(MOST_MESSAGE - 70, MOST_MESSAGE + 220):
        assert SECRET[:7] not in one_line("x" * before + f" flowml_admin_{SECRET[:43]}")
    halves = "x" * (MOST_DETAIL // 2 - 30) + f" flowml_admin_{SECRET[:43]} " + "y" * MOST_DETAIL
    assert SECRET[:7] not in several_lines(halves)


def test_a_line_is_one_line_whatever_is_in_it() -> None:
    nasty = "a\r\nb\x1b[31mc\x00d\u202ee\u2028f\ud800g\tö漢"
    assert one_line(nasty) == "a\\r\\nb\\x1b[31mc\\x00d\\u202ee\\u2028f\\ud800g\\tö漢"
    assert several_lines(nasty).splitlines() == ["a", "b\\x1b[31mc\\x00d\\u202ee", "f\\ud800g ö漢"]
    assert len(one_line("x" * 10**6)) == MOST_MESSAGE
    assert len(one_line("\x00" * 10**5)) == MOST_MESSAGE
    assert len(several_lines("\x00\n" * 10**5)) <= MOST_DETAIL


def test_of_a_long_text_the_beginning_and_the_end_are_left() -> None:
    found = several_lines("Traceback\n" + "  a frame\n" * 5_000 + "ValueError: it is so")
    assert found.startswith("Traceback\n") and found.endswith("ValueError: it is so") and len(found) <= MOST_DETAIL


def test_a_level_stands_for_those_above() -> None:
    assert LogLevel.ERROR.and_above == (LogLevel.ERROR, LogLevel.CRITICAL)
    assert LogLevel.INFO.and_above == tuple(LogLevel)
