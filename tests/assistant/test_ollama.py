"""The client of a model server that may say anything, or nothing."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from threading import Event
from typing import Any

import pytest

from flowml.assistant import tokens
from flowml.assistant.model import (
    Busy,
    CutOff,
    Message,
    NoAnswer,
    NoModel,
    NotRunning,
    OutOfMemory,
    ReachedItsLength,
    Role,
    Stopped,
    TooLong,
    TooSlow,
)
from flowml.assistant.ollama.client import Ollama, Way
from flowml.machine.ollama import parse
from tests.assistant.stand_in import (
    Behaviour,
    Model,
    StandIn,
    cut_off,
    endless,
    error_line,
    fails,
    garbage,
    huge_line,
    says,
    silent,
    stand_in,
)

HELLO = [Message(Role.SYSTEM, "Be kind."), Message(Role.USER, "Hello")]


def client(ollama: StandIn) -> Ollama:
    return Ollama(parse(ollama.url))


def ask(ollama: StandIn, **how: Any) -> str:
    model, way = how.pop("model", "stand-in:3b"), how.pop("way", Way())
    return "".join(client(ollama).chat(model, HELLO, way, **{"seconds": 10.0, **how}))


def test_an_answer_comes_in_pieces_at_temperature_zero(ollama: StandIn) -> None:
    ollama.answers("Good day to you.")
    pieces = list(client(ollama).chat("stand-in:3b", HELLO, Way(), seconds=10, seed=7, most_tokens=300))
    assert (len(pieces) > 1, "".join(pieces)) == (True, "Good day to you.")
    sent = ollama.chats[0].body
    assert sent["options"] == {"temperature": 0, "seed": 7, "num_predict": 300, "num_ctx": 8192}
    assert (sent["stream"], sent["truncate"], sent["shift"], "think" in sent) == (True, False, False, False)
    assert sent["messages"] == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hello"}]


def test_no_answer_has_more_tokens_than_any_may_have(ollama: StandIn) -> None:
    ask(ollama, most_tokens=100_000)
    assert ollama.chats[0].body["options"]["num_predict"] == 2048


def test_models_are_listed_with_what_they_are(ollama: StandIn) -> None:
    ollama.models = [
        Model("b:8b", size=5_000, capabilities=("completion", "thinking"), context_tokens=40_960),
        Model("a:latest", capabilities=("embedding",)),
        Model("cloud:large", remote_host="https://ollama.com:443"),
        Model("old:1b", capabilities=None, context_tokens=None),
    ]
    server = client(ollama)
    assert server.version(5) == "0.12.6"
    listed = server.models(5)
    assert [one.name for one in listed] == ["a:latest", "b:8b", "cloud:large", "old:1b"]
    assert [one.is_remote for one in listed] == [False, False, True, False]
    assert (listed[1].size_bytes, listed[1].parameters, listed[1].quantization) == (5_000, "3.2B", "Q4_K_M")
    thinking = server.show("b:8b", 5)
    assert (thinking.talks, thinking.thinks, thinking.context_tokens) == (True, True, 40_960)
    assert not server.show("a:latest", 5).talks
    old = server.show("old:1b", 5)
    assert (old.talks, old.thinks, old.capabilities, old.context_tokens) == (True, False, None, None)
    with pytest.raises(NoModel, match="does not have this model"):
        server.show("gone:1b", 5)


def test_names_and_words_of_a_server_are_bounded_and_cleaned(ollama: StandIn) -> None:
    ollama.models = [
        Model("fine:1b", family="x\u202e\x1b[31m" * 30),
        Model("two words"),
        Model("bell\x07:1b"),
        Model("long" * 100),
        *(Model(f"many-{at:04}") for at in range(700)),
    ]
    listed = client(ollama).models(5)
    assert len(listed) <= 500
    assert not [one.name for one in listed if "long" in one.name or "bell" in one.name or " " in one.name]
    family = next(one for one in listed if one.name == "fine:1b").family or ""
    assert len(family) <= 40 and family.isprintable()


@pytest.mark.parametrize("listed", [b"[]", b'{"models": 3}', b'{"models": [1, {}, {"name": 5}]}', b"[" * 90_000, b"x"])
def test_a_list_of_models_may_be_anything(ollama: StandIn, listed: bytes) -> None:
    ollama.is_page(listed, "application/json")
    try:
        assert client(ollama).models(5) == ()
    except NotRunning as problem:
        assert "no Ollama server" in problem.detail


@pytest.mark.parametrize(
    ("behaviour", "kind", "words", "text"),
    [
        (cut_off("Half of"), CutOff, "broke in the middle", "Half of "),
        (cut_off("Half of", with_chunk_end=True), CutOff, "broke in the middle", "Half of "),
        (error_line("llama runner process has terminated", "So "), CutOff, "Ollama says: “llama runner", "So "),
        (error_line("CUDA error: out of memory"), OutOfMemory, "does not fit into the memory", ""),
        (fails(500, "model requires more system memory (9 GiB) than is available"), OutOfMemory, "9 GiB", ""),
        (fails(500, "something \x1b[31m else " * 90), CutOff, "Ollama says: “something", ""),
        (fails(404, "model 'a' not found, try pulling it first"), NoModel, "does not have this model", ""),
        (fails(400, '"a" does not support chat'), NoModel, "not made to talk", ""),
        (fails(503, "server busy, please try again.  maximum pending requests exceeded"), Busy, "more requests", ""),
        (fails(400, "the input length exceeds the context length"), TooLong, "longer than the model can take", ""),
        (garbage(), CutOff, "none of Ollama's", "So "),
        (garbage(b"[1, 2]\n"), CutOff, "none of Ollama's", "So "),
        (garbage(b"\xff\xfe\n"), CutOff, "none of Ollama's", "So "),
        (garbage(b"[" * 100_000 + b"\n"), CutOff, "none of Ollama's", "So "),
        (huge_line(), CutOff, "more than an answer has", ""),
        (garbage(b"x" * (1 << 19)), CutOff, "more than an answer has", "So "),
        (endless(), CutOff, "more than an answer has", "again again"),
        (says("one two three four"), ReachedItsLength, "longer than an answer may be", "one two three "),
        (silent(), TooSlow, "said nothing within 1 second.", ""),
        (says("word " * 900, slowly=0.02), TooSlow, "in the middle", "word "),
    ],
)
def test_what_goes_wrong_is_said_in_words_with_what_there_was(
    ollama: StandIn, behaviour: Behaviour, kind: type[NoAnswer], words: str, text: str
) -> None:
    ollama.behaves(behaviour)
    seconds = 1.0 if kind is TooSlow else 20.0
    with pytest.raises(kind) as caught:
        ask(ollama, seconds=seconds, most_tokens=2 if kind is ReachedItsLength else 2048)
    assert words in caught.value.detail
    assert len(caught.value.detail) < 600 and caught.value.detail.isprintable()
    if isinstance(caught.value, CutOff):
        assert caught.value.text.startswith(text)
        assert len(caught.value.text) < 70_000


def test_a_line_of_a_gigabyte_takes_no_gigabyte(ollama: StandIn) -> None:
    ollama.behaves(huge_line())
    with pytest.raises(CutOff):
        ask(ollama)
    assert ollama.left.wait(10), "the rest was not waited for"


@pytest.mark.parametrize("when", ["before the first word", "between two words"])
def test_a_stop_ends_the_answer_at_once_here_and_there(ollama: StandIn, when: str) -> None:
    stopped, begun = Event(), Event()
    if when == "before the first word":
        ollama.behaves(silent())
    else:
        ollama.behaves(_one_word_and_silence)
    told: Callable[[str], None] = lambda words: begun.set()  # noqa: E731
    pieces = client(ollama).chat("stand-in:3b", HELLO, Way(), seconds=60, stopped=stopped, told=told)
    if when != "before the first word":
        assert next(pieces) == "Well"

    def stop() -> None:
        assert begun.wait(10)
        time.sleep(0.2)
        stopped.set()

    threading.Thread(target=stop, daemon=True).start()
    at = time.monotonic()
    with pytest.raises(Stopped):
        list(pieces)
    assert time.monotonic() - at < 5, "nobody waited for the next word"
    assert ollama.left.wait(5), "and the server knows that nobody listens"


def _one_word_and_silence(stream: Any) -> None:
    stream.piece("Well")
    stream.wait(600.0)


def test_what_is_stopped_already_is_not_even_asked(ollama: StandIn) -> None:
    stopped = Event()
    stopped.set()
    with pytest.raises(Stopped):
        ask(ollama, stopped=stopped)
    assert not ollama.requests


def test_whoever_reads_no_further_ends_the_answer_where_it_is_made(ollama: StandIn) -> None:
    ollama.behaves(says("word " * 10_000, slowly=0.01))
    pieces = client(ollama).chat("stand-in:3b", HELLO, Way(), seconds=60)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert ollama.left.wait(5)


def test_nobody_is_asked_but_the_address_that_is_set(
    ollama: StandIn, monkeypatch: pytest.MonkeyPatch, elsewhere: StandIn
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, elsewhere.url)
        monkeypatch.setenv(name.upper(), elsewhere.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert ask(ollama) == "All is well."
    ollama.redirects(f"{elsewhere.url}/api/chat")
    for question in (lambda: ask(ollama), lambda: client(ollama).version(5), lambda: client(ollama).models(5)):
        with pytest.raises(NotRunning, match="to another address, where it does not go"):
            question()
    assert not elsewhere.requests


@pytest.fixture
def elsewhere() -> Iterator[StandIn]:
    with stand_in() as server:
        yield server


def test_another_server_at_the_address_is_said_to_be_one(ollama: StandIn) -> None:
    ollama.is_page()
    for question in (lambda: ask(ollama), lambda: client(ollama).version(5)):
        with pytest.raises(NotRunning, match=r"no Ollama server answers at .* text/html"):
            question()


def test_an_address_where_nothing_listens_is_said_to_be_one() -> None:
    with stand_in() as ended:
        pass
    with pytest.raises(NotRunning, match="nothing listens there") as caught:
        ask(ended)
    assert caught.value.hint is not None and "ollama serve" in caught.value.hint
    with pytest.raises(NotRunning, match="no machine of this name"):
        Ollama(parse("http://no-such-machine.invalid:11434")).version(5)


def test_thoughts_are_no_part_of_the_answer(ollama: StandIn) -> None:
    told = list[str]()
    ollama.models = [Model("t:8b", capabilities=("completion", "thinking")), Model("old:8b", capabilities=None)]
    ollama.answers("Yes.")
    assert ask(ollama, model="t:8b", way=Way(think=True), told=told.append) == "Yes."
    assert told == ["The model is being loaded and reads what it is told.", "The model thinks."]
    ollama.answers("<think>Do they < want\nthis?</think>\n\nNo.")
    assert ask(ollama, model="old:8b") == "No."


def test_a_model_that_will_not_be_told_to_think_is_asked_without(ollama: StandIn) -> None:
    assert ask(ollama, way=Way(think=True)) == "All is well."
    assert ["think" in one.body for one in ollama.chats] == [True, False]


def test_control_characters_are_no_part_of_an_answer(ollama: StandIn) -> None:
    ollama.answers("a\x1b[2Jb\x00\u202ec\n\td\u200b\u2066")
    assert ask(ollama) == "a[2Jbc\n\td"


def test_the_room_for_what_is_told_is_asked_for_and_never_cut(ollama: StandIn) -> None:
    long = [Message(Role.USER, "12.5, " * 2_000)]
    list(client(ollama).chat("stand-in:3b", long, Way(), seconds=10))
    assert ollama.chats[-1].body["options"]["num_ctx"] == 16_384
    with pytest.raises(TooLong, match="about 10,"):
        list(client(ollama).chat("stand-in:3b", long, Way(context_tokens=8_192), seconds=10))
    assert len(ollama.chats) == 1, "what does not fit is not sent"
    assert tokens.window(HELLO, 1_000, 2_048) == 2_048, "a small model is not asked for more room than it has"


def test_a_model_can_be_loaded_before_it_is_asked(ollama: StandIn) -> None:
    client(ollama).load("stand-in:3b")
    (sent,) = ollama.requests
    assert (sent.path, sent.body["prompt"], sent.body["options"]) == ("/api/generate", "", {"num_ctx": 8192})


@pytest.mark.parametrize(
    "text",
    [
        *("", "ftp://a", "http://", "http://a b", "http://a/api", "http://a/v1/", "http://a/../b", "http://a?x=1"),
        *("http://a#b", "http://a:99999", "http://[::1", "a:b:c", "http://a/%2e%2e", "javascript:alert(1)"),
        "http://me:secret@",
    ],
)
def test_what_is_no_address_of_a_server_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(text)
    assert "secret" not in str(caught.value)


def test_a_password_in_the_address_is_used_and_never_shown(ollama: StandIn) -> None:
    address = parse(ollama.url.replace("//", "//me:s%C3%A9cret@"))
    server = Ollama(address)
    assert server.version(5) == "0.12.6"
    assert ollama.requests[0].headers["authorization"] == "Basic bWU6c8OpY3JldA=="
    assert "cret" not in repr(address) and "cret" not in address.url
    ollama.close()
    with pytest.raises(NotRunning) as caught:
        server.version(5)
    assert "cret" not in caught.value.detail


def _drip(head: bytes, again: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.recv(65_536)
            for piece in chain([head], repeat(again)):
                connection.sendall(piece)
                time.sleep(0.02)

    return serve


@pytest.mark.parametrize(
    ("head", "again"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX:", b"a"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999999\r\n\r\n", b"["),
    ],
    ids=["silence", "a head without end", "heads without end", "lines without end", "an answer without end"],
)
def test_whatever_comes_drop_by_drop_ends_in_time(head: bytes, again: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                for _ in range(2):
                    threading.Thread(target=_drip(head, again), args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        server = Ollama(parse(f"127.0.0.1:{listener.getsockname()[1]}"))
        at = time.monotonic()
        with pytest.raises(TooSlow):
            list(server.chat("a", HELLO, Way(), seconds=0.3))
        with pytest.raises(NotRunning, match="no answer within 1 second"):
            server.version(0.3)
        assert time.monotonic() - at < 5
