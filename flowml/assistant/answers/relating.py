"""What FlowML answers about how columns go together, and with what is to be predicted."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flowml.assistant.answers.composing import Composition, listed
from flowml.assistant.answers.describing import TEMPORAL, direction, strength
from flowml.assistant.answers.subject import MOST_LISTED, Table, cite, list_findings
from flowml.assistant.answers.understanding import Kind, Question, subject_and_target
from flowml.domain.conversations import Chart, Proposal
from flowml.domain.datasets import FEWEST_ROWS_FOR_LEAKAGE, Finding
from flowml.domain.errors import FlowMLError
from flowml.domain.names import shown
from flowml.domain.wording import number, plural

_HARDLY, _STRONG = 0.05, 0.3
_ORDINALS = {1: "most", 2: "second most", 3: "third most"}
_SCALE = "from 0 (not at all) to 1 (one tells the other)"


def drivers(question: Question, table: Table, answer: Composition) -> None:
    """Which columns say most about the target; or how much one of them does."""
    subjects, target = subject_and_target(question, table.target)
    if target is None and subjects:
        answer.say(f"How much “{subjects[0]}” matters depends on what is to be predicted. Choose that first.")
        others = [one.name for one in table.likely_targets() if one.name != subjects[0]]
        answer.questions = [f"How are “{subjects[0]}” and “{name}” related?" for name in others]
        return
    if target is None:
        ask_for_target(table, answer, "Which column is to be predicted? What matters depends on that.")
        return
    others = [name for name in subjects if name != target]
    if others:
        _one_driver(others[0], target, table, answer)
        return
    _strongest(target, table, answer)


def ask_for_target(table: Table, answer: Composition, words: str) -> None:
    """Say that somebody has to choose one."""
    answer.say(words)
    answer.questions = [f"Which columns matter for “{one.name}”?" for one in table.likely_targets()]


def _related(target: str, table: Table, answer: Composition) -> Mapping[str, Any] | None:
    """How all columns go with one; None, with the reason in the answer, where that is not measured."""
    if table.of(target).dtype in TEMPORAL:
        answer.say(f"“{target}” holds dates; how columns go with it is not measured. Choose a number or a category.")
        return None
    try:
        return table.relations(target)
    except FlowMLError as error:
        answer.say(error.detail, error.hint or "")
        return None


def _one_driver(name: str, target: str, table: Table, answer: Composition) -> None:
    related = _related(target, table, answer)
    if related is None:
        return
    pair_sentence(name, target, table, answer, alone=True)
    ranked = [item for item in related["columns"] if item["strength"] is not None]
    place = next((at for at, item in enumerate(ranked, start=1) if item["name"] == name), None)
    if place is not None and ranked[place - 1]["strength"] >= _HARDLY:
        first = ranked[0]
        rank = _ORDINALS.get(place, f"{number(place)}th most" if 4 <= place <= 20 else "")
        best = "" if place == 1 else f" Most does “{first['name']}”, {first['strength']:.2f}."
        if rank:
            answer.say(f"Of {plural(len(ranked), 'column')} it says the {rank} about “{target}” on its own.{best}")
    answer.say("A model may still make more of it together with others, or less.")
    answer.questions = [f"Which columns matter for “{target}”?", f"Tell me about “{name}”"]


def _strongest(target: str, table: Table, answer: Composition) -> None:
    related = _related(target, table, answer)
    if related is None:
        return
    found = related["columns"]
    strong = [item for item in found if (item["strength"] or 0) >= _HARDLY]
    if not strong:
        answer.say(
            f"No column says anything much about “{target}” on its own. A model may still find something in them"
            " together.",
            related["note"] or "",
        )
        return
    answer.say(
        f"On its own, “{strong[0]['name']}” says most about “{target}”."
        if len(strong) == 1
        else f"These say most about “{target}”, each on its own, from 0 (nothing) to 1 (everything):"
    )
    answer.items(
        [
            f"“{shown(item['name'])}”: {item['strength']:.2f}{direction(item, target)}"
            f" {answer.fact(strength(item, target), column=item['name'], link=table.place('relations', target))}"
            for item in strong[:MOST_LISTED]
        ]
    )
    weak = len(found) - len(strong)
    if weak:
        answer.say(
            f"{plural(weak, 'other column')} {'says' if weak == 1 else 'say'} hardly anything on"
            f" {'its' if weak == 1 else 'their'} own."
        )
    answer.say(related["note"] or "", _chance(strong[:MOST_LISTED], len(found), table.of(target).count))
    leaks = [issue for issue in table.quality(target).issues if issue.code == "leakage"]
    if leaks:
        answer.say(f"Look out: {leaks[0].message} {cite(leaks[0], table, answer, target)}")
    answer.proposal = Proposal(chart=Chart(strong[0]["name"], target))
    answer.questions = [
        f"How are “{strong[0]['name']}” and “{target}” related?",
        f"Does a column give “{target}” away?",
        "What is wrong with this table?",
    ]


def _chance(items: Sequence[Mapping[str, Any]], n_columns: int, n_rows: int) -> str:
    """What the best of so many columns comes to by chance, about: the greatest of so many correlations of nothing."""
    by_chance = min(1.0, math.sqrt(2 * math.log(max(2, n_columns)) / max(2, n_rows)))
    if all(item["strength"] > by_chance for item in items):
        return ""
    return (
        f"Look out: with {plural(n_rows, 'row')}, the best of {plural(n_columns, 'column')} would reach about"
        f" {by_chance:.2f} by chance alone; what is not above that may mean nothing."
    )


def pair(question: Question, table: Table, answer: Composition) -> None:
    """How two columns go together; with one or none named, those with the target, or the strongest pairs."""
    subjects, target = subject_and_target(question, table.target)
    if len(question.columns) == 1:
        if question.kind is Kind.GROUPS and target is not None and subjects and subjects[0] != target:
            _two(subjects[0], target, table, answer)
        else:
            # “How is it related to the others?”
            _strongest(question.columns[0], table, answer)
    elif question.columns:
        column, other = question.columns
        if other != target and column == target:
            column, other = other, column
        _two(column, other, table, answer)
    elif question.kind is Kind.GROUPS:
        answer.say("Name the column whose groups are to be compared.")
        if table.target is not None:
            _strongest(table.target, table, answer)
    else:
        _strongest_pairs(table, answer)


def _two(column: str, target: str, table: Table, answer: Composition) -> None:
    if table.of(target).dtype in TEMPORAL:
        column, target = target, column
    if table.of(target).dtype in TEMPORAL:
        answer.say("Both columns hold dates; how two of those go together is not measured.")
        return
    pair_sentence(column, target, table, answer, alone=True)
    answer.questions = [
        f"Which columns matter for “{target}”?",
        f"Tell me about “{column}”",
        f"Tell me about “{target}”",
    ]


def _strongest_pairs(table: Table, answer: Composition) -> None:
    try:
        found = table.correlation()
    except FlowMLError as error:
        answer.say(error.detail, error.hint or "")
        return
    pairs = [
        (value, found.columns[at], found.columns[other])
        for at, row in enumerate(found.matrix)
        for other, value in enumerate(row[:at])
        if value is not None and abs(value) >= _STRONG
    ]
    pairs.sort(key=lambda one: -abs(one[0]))
    if not pairs:
        answer.say("No two columns go together much.", found.note or "")
    else:
        answer.say(f"These columns go together most, {_SCALE}:")
        lines = [
            (f"“{shown(one)}” and “{shown(other)}”: {abs(value):.2f}", other)
            for value, one, other in pairs[:MOST_LISTED]
        ]
        answer.items(
            [f"{line} {answer.fact(f'{line}.', column=name, link=table.place('relations'))}" for line, name in lines]
        )
        if len(pairs) > MOST_LISTED:
            answer.say(f"{plural(len(pairs) - MOST_LISTED, 'more pair')} go together with {_STRONG} or more.")
        answer.say(found.note or "")
        answer.questions = [f"How are “{one}” and “{other}” related?" for _, one, other in pairs[:2]]
    if table.target is not None:
        answer.questions.append(f"Which columns matter for “{table.target}”?")


def pair_sentence(column: str, target: str, table: Table, answer: Composition, *, alone: bool = False) -> None:
    """What a drawing of the two shows, in words; `alone`: that is the answer."""
    try:
        found = table.relation(column, target)
    except FlowMLError as error:
        if alone:
            answer.say(error.detail, error.hint or "")
        return
    link = table.place("relations", target)
    told = answer.fact(found["caption"], column=column, link=link)
    strength = found["strength"]
    much = ""
    if alone and strength is not None:
        how = f"go together {'strongly' if strength >= _STRONG else 'a little'}"
        much = f"They {how if strength >= _HARDLY else 'hardly go together'}: {strength:.2f}, {_SCALE}."
        much = f"{much} {answer.fact(much, column=column, link=link)}"
    answer.say(f"{found['caption']} {told}", much, found["note"] or "")
    if alone or answer.proposal is None:
        answer.proposal = Proposal(chart=Chart(column, target))


def leakage(question: Question, table: Table, answer: Composition) -> None:
    """Whether columns know the answer."""
    subjects, target = subject_and_target(question, table.target)
    if target is None:
        answer.say("Whether a column gives the answer away depends on what is to be predicted. Choose that first.")
        answer.questions = [f"Does a column give “{one.name}” away?" for one in table.likely_targets()]
        return
    if target in subjects:
        answer.say(f"“{target}” is what is to be predicted: a model never sees it.")
        subjects = ()
    n_known = table.of(target).count
    if n_known < FEWEST_ROWS_FOR_LEAKAGE:
        answer.say(
            f"That cannot be told: it takes {FEWEST_ROWS_FOR_LEAKAGE} rows with a value of “{target}”, and"
            f" {plural(n_known, 'row')} {'has' if n_known == 1 else 'have'} one."
        )
        return
    issues: list[Finding] = [issue for issue in table.quality(target).issues if issue.code.startswith("leakage")]
    if subjects:
        about = listed([f"“{name}”" for name in subjects])
        issues = [issue for issue in issues if set(subjects) & set(issue.columns)]
        if not issues:
            answer.say(f"{about} {'was' if len(subjects) == 1 else 'were'} not found to give “{target}” away.")
            for name in subjects[:2]:
                pair_sentence(name, target, table, answer, alone=True)
            answer.questions = [f"Does a column give “{target}” away?", f"Which columns matter for “{target}”?"]
            return
    elif not issues:
        answer.say(f"No column was found that gives “{target}” away: none tells it on its own as nothing else does.")
        return
    answer.say(f"Yes, {plural(len(issues), 'finding')}:" if len(issues) > 1 else "Yes:")
    list_findings(issues, table, answer, target)
