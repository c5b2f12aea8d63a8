"""The chat beside a table in a real browser: with FlowML's own answers, and with a language model, which a stand-in
plays."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.assistant.stand_in import StandIn, cut_off, says, slow_first, stand_in
from tests.services.assistant.tables import people
from tests.web.serving import Served, serve
from tests.web.visiting import SECONDS, Visit

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ollama() -> Iterator[StandIn]:
    with stand_in() as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, ollama: StandIn) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), ollama_url=ollama.url) as served:
        yield served


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server without a language model."""
    with serve(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def address(request: pytest.FixtureRequest) -> str:
    found: Served = request.getfixturevalue(getattr(request, "param", "server"))
    return found.url


def opened(visit: Visit, served: Served) -> tuple[Page, Locator]:
    """The page of a table with the chat open."""
    answer = served.client.post("/api/datasets/upload", files={"file": ("people.csv", people())})
    page = visit.page
    page.goto(f"{served.url}/datasets/{answer.json()['id']}?target=bought")
    visit.ready()
    page.get_by_role("button", name="Ask", exact=True).click()
    chat = page.get_by_role("complementary", name="Ask about this table")
    expect(chat.get_by_label("Your question")).to_be_focused()
    return page, chat


def ended(chat: Locator) -> Locator:
    """The newest message, once nothing is written any more."""
    expect(chat.get_by_role("button", name="Stop", exact=True)).to_be_hidden(timeout=SECONDS)
    return chat.locator(".chat-message").last


@pytest.mark.parametrize("address", ["alone"], indirect=True)
def test_flowml_answers_beside_the_table(visit: Visit, alone: Served) -> None:
    page, chat = opened(visit, alone)
    expect(chat).to_contain_text("FlowML’s own findings are shown", timeout=SECONDS)
    visit.check()
    box = chat.get_by_label("Your question")
    box.fill("Which columns matter?")
    box.press("Shift+Enter")
    expect(box).to_have_value("Which columns matter?\n")
    box.press("Enter")
    answer = ended(chat)
    expect(answer).to_contain_text("“town” says most about “bought”")
    expect(answer.locator("figure")).to_be_visible(timeout=SECONDS)
    expect(box).to_be_focused()
    visit.check()

    # A figure, and the place that shows it
    cite = answer.get_by_role("button", name=re.compile("^Fact 1:"))
    cite.press("Enter")
    expect(cite).to_have_attribute("aria-expanded", "true")
    expect(answer.locator(".chat-fact")).to_contain_text("On its own")
    answer.get_by_role("link", name="Show it").click()
    expect(page.get_by_role("tab", name="Relations")).to_have_attribute("aria-selected", "true")

    # A question to click, and its step for the recipe
    box.fill("missing values")
    box.press("Enter")
    answer = ended(chat)
    expect(answer).to_contain_text("Fill what is missing in “age” with the median")
    answer.get_by_role("button", name="Preview").click()
    dialog = page.locator("#change-dialog")
    expect(dialog).to_contain_text("12 cells changed", timeout=SECONDS)
    visit.check()
    dialog.get_by_role("button", name="Cancel").or_(dialog.get_by_role("button", name="Close")).first.click()
    answer.get_by_role("button", name="Add to the recipe").click()
    expect(page.locator(".recipe-steps")).to_contain_text("Fill what is missing in “age”")
    chat.locator(".chat-ready button").first.click()
    expect(chat.locator(".chat-message")).to_have_count(6)
    ended(chat)

    # After a reload all of it is there; another tab follows
    page.reload()
    visit.ready()
    expect(chat.locator(".chat-message")).to_have_count(6)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Ask", exact=True).click()
    expect(other.locator(".chat-message")).to_have_count(6)
    box.fill("What is the capital of France?")
    box.press("Enter")
    expect(ended(chat)).to_contain_text("did not recognise")
    expect(ended(chat).get_by_role("button", name="What is in this table?")).to_be_visible()
    expect(chat.locator(".chat-ready button")).to_have_count(0)
    expect(other.locator(".chat-message")).to_have_count(8, timeout=SECONDS)
    page.bring_to_front()
    chat.get_by_role("button", name="Delete the conversation").click()
    expect(chat.get_by_role("button", name="Keep")).to_be_focused()
    visit.check()
    chat.get_by_role("button", name="Delete", exact=True).click()
    expect(chat.locator(".chat-message")).to_have_count(0)
    expect(other.locator(".chat-message")).to_have_count(0, timeout=SECONDS)
    chat.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Ask", exact=True)).to_be_focused()


def test_a_model_answers_as_it_writes(visit: Visit, server: Served, ollama: StandIn) -> None:
    _, chat = opened(visit, server)
    expect(chat).to_contain_text("stand-in:3b", timeout=SECONDS)
    box = chat.get_by_role("textbox", name="Your question")
    go = threading.Event()
    text = "The column c1 has gaps [f2], 98,765 of them.\n\n- <img src=x onerror=alert(1)> stays\n- [a](https://evil.example)"
    ollama.behaves(slow_first(go, says(json.dumps({"text": text, "steps": None}), slowly=0.002)))
    box.fill("Where are the gaps?")
    box.press("Enter")
    waiting = chat.locator(".chat-wait")
    expect(waiting).to_be_visible()
    expect(waiting).to_contain_text(re.compile(r"\d+ s"), timeout=SECONDS)
    visit.check()
    go.set()
    answer = ended(chat)
    expect(answer).to_contain_text("stand-in:3b on this machine")
    expect(answer.locator("li")).to_have_text(["<img src=x onerror=alert(1)> stays", "[a](https://evil.example)"])
    expect(answer.locator("img, .chat-text a")).to_have_count(0)
    expect(answer.locator(".chat-unfounded")).to_contain_text("98,765")
    expect(answer.locator("mark")).to_have_text("98,765")
    box.fill("And then?")
    chat.get_by_text("What the model would be told").click()
    expect(chat.locator(".chat-told-messages pre").last).to_have_text("And then?", timeout=SECONDS)
    visit.check()
    chat.get_by_text("What the model would be told").click()

    # Stopped by the keyboard, with a part; asked again
    ollama.behaves(says(json.dumps({"text": "word " * 2_000}), slowly=0.01))
    box.fill("Tell me everything")
    box.press("Enter")
    expect(chat.locator(".chat-message").last).to_contain_text("word word word", timeout=SECONDS)
    box.press("Escape")
    answer = ended(chat)
    expect(answer).to_contain_text("Stopped.", timeout=SECONDS)
    expect(answer).to_contain_text("word word")
    assert ollama.left.wait(20)
    ollama.behaves(says(json.dumps({"text": "In short."})))
    answer.get_by_role("button", name="Ask again").click()
    expect(chat.locator(".chat-message")).to_have_count(6)
    expect(ended(chat)).to_contain_text("In short.")

    # Cut off in the middle, and answered by FlowML itself
    ollama.behaves(cut_off('{"text": "Half of what there'))
    box.fill("What is in this table?")
    box.press("Enter")
    answer = ended(chat)
    expect(answer).to_contain_text("Cut off.")
    visit.check()
    answer.get_by_role("button", name="Ask FlowML itself").click()
    expect(chat.locator(".chat-message")).to_have_count(10)
    expect(ended(chat)).to_contain_text("60 rows and 5 columns")


def test_another_tab_reads_along_and_stops_it_and_code_goes_into_its_box(
    visit: Visit, server: Served, ollama: StandIn
) -> None:
    page, chat = opened(visit, server)
    box = chat.get_by_role("textbox", name="Your question")
    ollama.behaves(says(json.dumps({"text": "word " * 2_000}), slowly=0.01))
    box.fill("Tell me everything")
    box.press("Enter")
    expect(chat.locator(".chat-message").last).to_contain_text("word word", timeout=SECONDS)
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Ask", exact=True).click()
    along = other.get_by_role("complementary", name="Ask about this table")
    expect(along.locator(".chat-message").last).to_contain_text("word word", timeout=SECONDS)
    along.get_by_role("button", name="Stop", exact=True).click()
    expect(ended(along)).to_contain_text("Stopped.", timeout=SECONDS)
    expect(ended(chat)).to_contain_text("Stopped.")
    other.close()

    code = 'df = df.with_columns(pl.col("c1").fill_null(0))'
    ollama.behaves(says(json.dumps({"text": "With code.", "code": code})))
    page.bring_to_front()
    box.fill("Fill the gaps with 0 by code")
    box.press("Enter")
    ended(chat).get_by_role("button", name="Put it into the code box").click()
    expect(page.get_by_role("tab", name="Assistant")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#panel-assistant textarea").first).to_have_value(code.replace('"c1"', "'age'"))
    visit.check()


def test_on_a_narrow_screen_it_covers_the_page(visit: Visit, server: Served, ollama: StandIn, tmp_path: Path) -> None:
    visit.page.set_viewport_size({"width": 390, "height": 844})
    page, chat = opened(visit, server)
    ollama.answers(json.dumps({"text": "A long word " + "x" * 200 + "\n" + "and\n\n" * 40}))
    box = chat.get_by_role("textbox", name="Your question")
    box.fill("Say something long")
    box.press("Enter")
    ended(chat)
    visit.check()
    assert page.evaluate("document.querySelector('main').inert")
    # Who reads back is not taken away by what comes.
    place = chat.get_by_role("region", name="Conversation")
    place.evaluate("place => { place.scrollTop = 0; }")
    chat.get_by_role("button", name="Latest").click()
    assert place.evaluate("place => place.scrollHeight - place.scrollTop - place.clientHeight") < 50
    box.press("Escape")
    expect(chat).to_be_hidden()
    assert not page.evaluate("document.querySelector('main').inert")
