"""Secrets are taken out of whatever text, and no text makes that take long."""

import time

import pytest

from flowml.domain.logs import MOST_DETAIL, MOST_MESSAGE, one_line, several_lines, split_message
from flowml.domain.redaction import without_secrets


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=hunter2",
        "access_token=hunter2",
        "accessToken: hunter2",
        "client_secret: hunter2",
        "AWS_SECRET_ACCESS_KEY=hunter2",
        "X-Api-Key: hunter2",
        "--token hunter2",
        "['--api-key', 'hunter2']",
        '{"token": "abc hunter2"}',
        "{'token': 'abc hunter2'}",
        r"said {\"password\": \"hunter2\"}",
        r'{"token": "a\"b hunter2"}',
        '{"token": "cut off hunter2',
        "password=b'hunter2'",
        "token: Bearer hunter2",
        "password=a,hunter2",
        'Authorization: Digest username="me", response="hunter2"',
        "postgres://u:p@hunter2@host/table",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_a_secret_is_known_by_what_names_it(text: str) -> None:
    for written in (without_secrets(text), one_line(text), several_lines(f"a\n{text}\nb")):
        assert "hunter" not in written and "…" in written


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=512 tokenizer=bert",
        "--max-tokens 5",
        "http://host:8000/a@b does not answer",
        "the token was refused",
        "keys: a, b",
        "monkey=1",
    ],
)
def test_what_is_none_is_left(text: str) -> None:
    assert without_secrets(text) == text


# What each of the patterns begins with, and what makes it go on without ever coming to an end.
HOSTILE = [
    *("a.", ".", "a", "_", "0", " ", "\\", "\\'", '"', "'", "://", "://a", "://a@", "a@", "a://"),
    *("bearer", "bearer ", "bearer\t\n", "authorization", "authorization: ", "authorization:'\\", "cookie:", "cookie'"),
    *("flowml-1", "flowml_api_", "flowml_api_aaaaa", "token", "token_", "token-", "token_a", "token ", "token:"),
    *("token:::", "token='\\", "token=\\\\\\", "passwordkey", "--", "--a_", "--a_b_c_", "--token ", "--token', "),
    *("-----BEGIN ", "-----BEGIN PRIVATE KEY-----", "secret" + " " * 40, "token-token-token_"),
]  # fmt: skip


def seconds_for(text: str) -> float:
    """Of the processor, in this thread."""
    took = []
    for _ in range(3):
        began = time.thread_time()
        without_secrets(text)
        took.append(time.thread_time() - began)
    return min(took)


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_work_grows_with_the_length_of_the_text_and_no_faster(unit: str) -> None:
    short, long = ((unit * length)[:length] for length in (8_000, 64_000))
    # Eight times as much; what grows with the square is 64.
    assert seconds_for(long) < 28 * max(seconds_for(short), 0.0005)


def test_where_a_text_is_cut_no_secret_is_left() -> None:
    secret = "a1B2" * 10
    for name in ("flowml_admin_", "password=", 'token": "', "https://me:"):
        text = f" {name}{secret}@host "
        # At the end of what is kept of a line, and at the end of what is looked at.
        for before in (*range(MOST_MESSAGE - 60, MOST_MESSAGE + 10), *range(MOST_MESSAGE + 140, MOST_MESSAGE + 205)):
            assert secret[:7] not in one_line("x" * before + text + "y" * 50_000)
        # Around both cuts of what has several lines, however long it is.
        half = MOST_DETAIL // 2
        for much in (10_000, 300_000):
            for at in (*range(half - 70, half + 10, 3), *range(much - half - 70, much - half + 10, 3)):
                assert secret[:7] not in several_lines("x" * at + text + "y" * (much - at))
        for at in range(250_000 - 60, 250_010, 3):
            assert secret[-7:] not in several_lines("\n" * at + text + "\n" * (300_000 - at))
        for at in range(10_150, 10_205):
            assert secret[:7] not in several_lines(split_message("a\n" + "x" * at + text + "y" * 9_000)[1])
