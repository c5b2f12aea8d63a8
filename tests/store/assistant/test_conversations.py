"""Conversations: bounded, whole, and gone with what they are about."""

from dataclasses import replace

import pytest

from flowml.domain.conversations import AnswerState, Chart, Cited, Proposal, Said, Speaker
from flowml.domain.errors import NotFound
from flowml.store.assistant import conversations
from flowml.store.store import Store
from tests.services.records import add_dataset, add_job


def said(at: int, text: str = "", *, job_id: str | None = None, state: AnswerState = AnswerState.COMPLETE) -> Said:
    return Said(f"m{at}", 0, "d1", job_id, "local", Speaker.USER, text, state, float(at))


def test_what_is_known_of_an_answer_comes_back(store: Store) -> None:
    add_dataset(store)
    store.conversations.add(said(1), said(2, state=AnswerState.RUNNING))
    store.conversations.grow("m2", "so far")
    assert [one.text for one in store.conversations.of_dataset("d1")] == ["", "so far"]
    known = store.conversations.get("m2")
    steps: tuple[dict[str, object], ...] = ({"op": "drop", "columns": ["x"]},)
    whole = replace(
        known,
        text="all of it [f1]",
        state=AnswerState.COMPLETE,
        cited=(Cited("f1", "The table has 3 rows.", "x", "/datasets/d1#columns"),),
        proposal=Proposal(steps, ("Drop “x”",), True, Chart("x", "y"), "code"),
        questions=("What next?",),
        unfounded=("42",),
        model="llama3.2:3b",
        where="this machine",
        seconds=1.5,
    )
    store.conversations.end(whole)
    assert store.conversations.get("m2") == whole
    # It has ended: nothing changes it any more.
    store.conversations.grow("m2", "late")
    store.conversations.end(replace(whole, text="late"))
    assert store.conversations.get("m2") == whole


def test_answers_that_nobody_writes_any_more_are_cut_off(store: Store) -> None:
    add_dataset(store)
    store.conversations.add(said(1), said(2, "a part", state=AnswerState.RUNNING))
    assert store.conversations.cut_off_open("The server ended.", "Ask again.") == 1
    found = store.conversations.get("m2")
    assert (found.state, found.text, found.reason) == (AnswerState.CUT_OFF, "a part", "The server ended.")


def test_a_run_has_a_conversation_of_its_own_that_the_data_set_shows(store: Store) -> None:
    add_dataset(store)
    job = add_job(store)
    store.conversations.add(said(1))
    store.conversations.add(said(2, job_id=job.id))
    assert [one.id for one in store.conversations.of_dataset("d1")] == ["m1", "m2"]
    assert [one.id for one in store.conversations.of_job(job.id)] == ["m2"]
    store.conversations.remove("d1", job.id)
    assert [one.id for one in store.conversations.of_dataset("d1")] == ["m1"]


@pytest.mark.parametrize("gone", ["data set", "run", "asked"])
def test_it_goes_with_what_it_is_about(store: Store, gone: str) -> None:
    add_dataset(store)
    job = add_job(store)
    store.conversations.add(said(1, job_id=job.id))
    if gone == "data set":
        store.datasets.delete("d1")
    elif gone == "run":
        store.jobs.delete(job.id)
    else:
        store.conversations.remove("d1", None)
    assert store.conversations.of_job(job.id) == []
    if gone == "run":
        with pytest.raises(NotFound):
            store.conversations.add(said(3, job_id=job.id))


def test_the_oldest_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    add_dataset(store)
    monkeypatch.setattr(conversations, "MOST_MESSAGES", 4)
    for at in range(0, 12, 2):
        store.conversations.add(said(at), said(at + 1))
    assert [one.id for one in store.conversations.of_dataset("d1")] == ["m8", "m9", "m10", "m11"]
    monkeypatch.setattr(conversations, "MOST_CHARACTERS", 10)
    store.conversations.add(said(12, "12345678"), said(13))
    assert [one.id for one in store.conversations.of_dataset("d1")][-3:] == ["m11", "m12", "m13"]
    store.conversations.add(said(14, "12345678"), said(15))
    assert [one.id for one in store.conversations.of_dataset("d1")] == ["m13", "m14", "m15"]
