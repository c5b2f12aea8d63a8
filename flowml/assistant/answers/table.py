"""What FlowML answers about a table, from its statistics, its findings and its relations."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flowml.assistant.answers.composing import Composition, OwnAnswer, listed
from flowml.assistant.answers.describing import TEMPORAL, direction, gap, spread, strength
from flowml.assistant.answers.proposing import propose
from flowml.assistant.answers.understanding import Kind, Question, understand
from flowml.domain.conversations import Chart, Proposal
from flowml.domain.datasets import ColumnStats, Dataset, Finding, Quality, Role, Severity
from flowml.domain.errors import FlowMLError
from flowml.domain.names import shown
from flowml.domain.wording import columns as named
from flowml.domain.wording import number, percent, plural

MOST_LISTED = 6
_HARDLY, _STRONG = 0.05, 0.3
_ROLES = {
    Role.NUMERIC: ("number", "numbers"),
    Role.CATEGORICAL: ("category", "categories"),
    Role.BOOLEAN: ("yes-or-no column", "yes-or-no columns"),
    Role.DATETIME: ("date", "dates"),
    Role.TEXT: ("text", "texts"),
    Role.IDENTIFIER: ("identifier", "identifiers"),
    Role.CONSTANT: ("column with one value", "columns with one value"),
}
_FAMILIES = {
    Kind.MISSING: ("missing", "empty", "stand-in", "blanks", "words-for-missing", "high-missing"),
    Kind.DUPLICATES: ("duplicate", "contradictory"),
    Kind.OUTLIERS: ("outliers", "impossible", "stand-in", "zeros-apart", "capped"),
    Kind.LEAKAGE: ("leakage",),
}


@dataclass(frozen=True)
class Table:
    """A table, and ways to find out what is not known at once: each may wait for a child process. `target` is what is
    to be predicted, where somebody has said so."""

    dataset: Dataset
    stats: Sequence[ColumnStats]
    quality: Callable[[str | None], Quality]
    relations: Callable[[str], Mapping[str, Any]]
    relation: Callable[[str, str], Mapping[str, Any]]
    target: str | None = None

    def of(self, name: str) -> ColumnStats:
        """Raises StopIteration for a column that is not there."""
        return next(column for column in self.stats if column.name == name)

    def place(self, tab: str, target: str | None = None) -> str:
        """Where the page shows it."""
        wish = "" if target is None else f"?target={quote(target)}"
        return f"/datasets/{self.dataset.id}{wish}#{tab}"


def answer_about_table(question: Question, table: Table) -> OwnAnswer:
    """Raises as what it has to find out does."""
    answer = Composition()
    _ANSWERS[question.kind](question, table, answer)
    if not answer.questions:
        answer.questions = [one for one in ready_questions(table) if not _same(one, question)]
    return answer.answer()


def _same(asked: str, question: Question) -> bool:
    found = understand(asked, ())
    return found is not None and found.kind is question.kind


def ready_questions(table: Table) -> list[str]:
    """What can be asked about this table with a click."""
    asked = ["What is in this table?", "What is wrong with it?"]
    if table.target is not None:
        asked += [f"Which columns matter for “{table.target}”?", "Does a column give the answer away?"]
    gaps = max(table.stats, key=lambda column: column.missing, default=None)
    if gaps is not None and gaps.missing:
        asked.append("Where are values missing?")
    interesting = next((one for one in table.stats if one.role is Role.NUMERIC and one.name != table.target), None)
    if interesting is not None:
        asked.append(f"Tell me about “{interesting.name}”")
    return asked


def not_understood(questions: Sequence[str], *, about_results: bool, has_table: bool) -> OwnAnswer:
    """Says so, and what can be asked."""
    answer = Composition()
    kinds = ["the results of this run"] * about_results + ["the table and its columns"] * has_table
    about = " and about ".join(kinds) or "what is stored here"
    answer.say(
        "I did not recognise that question. Without a language model FlowML answers from what it has found itself, in a"
        f" few kinds of questions about {about}. Name columns as they are called, or choose one of these:"
    )
    answer.questions = list(questions)
    return answer.answer()


def _overview(question: Question, table: Table, answer: Composition) -> None:
    dataset, stats = table.dataset, table.stats
    roles = Counter(column.role for column in stats)
    kinds = [f"{number(count)} {_ROLES[role][count > 1]}" for role, count in roles.most_common()]
    size = f"The table has {plural(dataset.n_rows, 'row')} and {plural(dataset.n_columns, 'column')}"
    cite = answer.fact(f"{size}: {', '.join(kinds)}.", link=table.place("columns"))
    answer.say(f"{size}: {listed(kinds)}. {cite}")
    cells = max(1, dataset.n_rows * dataset.n_columns)
    missing = sum(column.missing for column in stats)
    if missing:
        told = f"{plural(missing, 'cell')} ({percent(missing / cells)}) are empty"
        most = max(stats, key=lambda column: column.missing)
        cite = answer.fact(gap(most), column=most.name, link=table.place("columns"))
        answer.say(f"{told}, most of them in “{most.name}”: {percent(most.missing_share)} of its values. {cite}")
    else:
        cite = answer.fact("No cell is empty.", link=table.place("columns"))
        answer.say(f"No cell is empty. {cite}")
    _findings_in_brief(table, answer)
    target = table.target
    if target is not None and target in {column.name for column in stats}:
        answer.questions = [f"Which columns matter for “{target}”?"]
    answer.questions += [one for one in ready_questions(table) if one not in answer.questions][1:]


def _findings_in_brief(table: Table, answer: Composition) -> None:
    issues = table.quality(table.target).issues
    grave = [issue for issue in issues if issue.severity is not Severity.INFO]
    if not issues:
        answer.say("Nothing was found that should be mended before training.")
    elif grave:
        cite = _cite(grave[0], table, answer)
        answer.say(f"{plural(len(grave), 'finding')} should be looked at; the first: {grave[0].message} {cite}")
    else:
        answer.say(
            f"{plural(len(issues), 'finding')} {'is' if len(issues) == 1 else 'are'} good to know, none is grave."
        )


def _problems(question: Question, table: Table, answer: Composition) -> None:
    issues = table.quality(table.target).issues
    if question.columns:
        issues = tuple(issue for issue in issues if set(question.columns) & set(issue.columns))
    about = f" about {named(question.columns)}" if question.columns else ""
    if not issues:
        answer.say(f"Nothing was found{about} that would have to be mended.")
        return
    mended = sum(bool(issue.operations) for issue in issues)
    answer.say(
        f"{plural(len(issues), 'finding')}{about}, the worst first;"
        f" {_so_many(mended, len(issues))} a fix that FlowML can show you."
    )
    _list(issues, table, answer)


def _family(question: Question, table: Table, answer: Composition) -> None:
    """What was found of one kind."""
    target = table.target
    if question.kind is Kind.LEAKAGE:
        target = next(iter(question.columns), target)
        if target is None:
            answer.say("Whether a column gives the answer away depends on what is to be predicted. Choose that first.")
            answer.questions = [f"Does a column give “{one.name}” away?" for one in _likely_targets(table)]
            return
    wanted = _FAMILIES[question.kind]
    issues = [issue for issue in table.quality(target).issues if issue.code.startswith(wanted)]
    fixes = issues
    if question.kind is not Kind.LEAKAGE and question.columns:
        issues = [issue for issue in issues if set(question.columns) & set(issue.columns)]
    if question.kind is Kind.MISSING:
        _gaps(question, table, answer)
        # What is said of single columns is in the list of gaps.
        fixes, issues = issues, [issue for issue in issues if issue.code not in ("missing-values", "high-missing")]
    if not issues:
        if question.kind is not Kind.MISSING:
            answer.say(_NOTHING[question.kind].format(target=f"“{target}”", about=_about(question)))
        propose(fixes, answer)
        return
    if question.kind is not Kind.MISSING:
        answer.say(f"Yes, {plural(len(issues), 'finding')}:" if len(issues) > 1 else "Yes:")
    _list(issues, table, answer, target)
    propose(fixes, answer)


_NOTHING = {
    Kind.DUPLICATES: "No row and no column repeats another one.",
    Kind.OUTLIERS: "No values were found{about} that lie far outside of the others or cannot be.",
    Kind.LEAKAGE: "No column was found that gives {target} away: none tells it on its own as nothing else does.",
}


def _about(question: Question) -> str:
    return f" in {named(question.columns)}" if question.columns else ""


def _gaps(question: Question, table: Table, answer: Composition) -> None:
    asked = [column for column in table.stats if column.name in question.columns] or list(table.stats)
    gaps = sorted((column for column in asked if column.missing), key=lambda column: -column.missing)
    if not gaps:
        answer.say(f"No value is missing{_about(question)}.")
        return
    if len(asked) > 1:
        answer.say(f"Values are missing in {number(len(gaps))} of {plural(len(table.stats), 'column')}:")
    answer.items(
        [
            f"“{shown(column.name)}”: {plural(column.missing, 'value')} ({percent(column.missing_share)})"
            f" {answer.fact(gap(column), column=column.name, link=table.place('columns'))}"
            for column in gaps[:MOST_LISTED]
        ]
    )


def _column(question: Question, table: Table, answer: Composition) -> None:
    name = question.columns[0]
    column = table.of(name)
    link = table.place("columns")
    role = f"“{name}” is {_a(_ROLES[column.role][0])}"
    reason = f" ({column.reason})" if column.reason else ""
    cite = answer.fact(f"{role}{reason}.", column=name, link=link)
    different = f"It has {plural(column.n_unique, 'different value')} in {plural(column.count, 'row')} that have one"
    answer.say(f"{role}{reason}. {cite}", f"{different}." + ("" if column.missing else " None is missing."))
    if column.missing:
        answer.say(f"{gap(column)} {answer.fact(gap(column), column=name, link=link)}")
    if values := spread(column):
        answer.say(f"{values} {answer.fact(values, column=name, link=link)}")
    _issues_of(name, table, answer)
    if table.target is not None and table.target != name:
        _pair_sentence(name, table.target, table, answer)
    answer.proposal = answer.proposal if not question.drawn and answer.proposal else Proposal(chart=Chart(name))
    others = [f"What is wrong with “{name}”?"] if table.target == name else [f"How does “{name}” matter?"]
    if table.target is not None and table.target != name:
        others = [f"How are “{name}” and “{table.target}” related?"]
    answer.questions = [*others, *(one for one in ready_questions(table) if f"“{name}”" not in one)]


def _issues_of(name: str, table: Table, answer: Composition) -> None:
    issues = [issue for issue in table.quality(table.target).issues if name in issue.columns]
    if issues:
        _list(issues, table, answer)


def _drivers(question: Question, table: Table, answer: Composition) -> None:
    target = next(iter(question.columns), table.target)
    if target is None:
        answer.say("Which column is to be predicted? What matters depends on that.")
        answer.questions = [f"Which columns matter for “{one.name}”?" for one in _likely_targets(table)]
        return
    if table.of(target).dtype in TEMPORAL:
        answer.say(f"“{target}” holds dates; how columns go with it is not measured. Choose a number or a category.")
        return
    found = table.relations(target)["columns"]
    strong = [item for item in found if (item["strength"] or 0) >= _HARDLY]
    if not strong:
        answer.say(
            f"No column says anything much about “{target}” on its own. A model may still find something in them"
            " together."
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
        answer.say(f"{plural(weak, 'other column')} {'says' if weak == 1 else 'say'} hardly anything on their own.")
    leaks = [issue for issue in table.quality(target).issues if issue.code == "leakage"]
    if leaks:
        answer.say(f"Look out: {leaks[0].message} {_cite(leaks[0], table, answer, target)}")
    answer.proposal = Proposal(chart=Chart(strong[0]["name"], target))
    answer.questions = [
        f"How are “{strong[0]['name']}” and “{target}” related?",
        f"Does a column give “{target}” away?",
        "What is wrong with this table?",
    ]


def _pair(question: Question, table: Table, answer: Composition) -> None:
    column, target = question.columns
    if table.of(target).dtype in TEMPORAL or target != table.target and column == table.target:
        column, target = target, column
    if table.of(target).dtype in TEMPORAL:
        answer.say("Both columns hold dates; how two of those go together is not measured.")
        return
    _pair_sentence(column, target, table, answer, alone=True)
    answer.questions = [
        f"Which columns matter for “{target}”?",
        f"Tell me about “{column}”",
        f"Tell me about “{target}”",
    ]


def _pair_sentence(column: str, target: str, table: Table, answer: Composition, *, alone: bool = False) -> None:
    try:
        found = table.relation(column, target)
    except FlowMLError as error:
        if alone:
            answer.say(error.detail, error.hint or "")
        return
    link = table.place("relations", target)
    cite = answer.fact(found["caption"], column=column, link=link)
    strength = found["strength"]
    much = ""
    if alone and strength is not None:
        word = "strongly" if strength >= _STRONG else "a little" if strength >= _HARDLY else "hardly"
        much = f"They go together {word}: {strength:.2f}, from 0 (not at all) to 1 (one tells the other)."
        much = f"{much} {answer.fact(much, column=column, link=link)}"
    answer.say(f"{found['caption']} {cite}", much, found["note"] or "")
    if alone or answer.proposal is None:
        answer.proposal = Proposal(chart=Chart(column, target))


def _next(question: Question, table: Table, answer: Composition) -> None:
    issues = table.quality(table.target).issues
    mended = [issue for issue in issues if issue.operations and issue.severity is not Severity.INFO]
    if mended:
        answer.say(
            f"Mend first what would mislead a model: {plural(len(mended), 'finding')} with a fix that is shown"
            " before it is done."
        )
        _list(mended, table, answer)
    else:
        answer.say("The table needs no mending before training.")
    if table.target is None:
        answer.say("Then choose what to predict, and train: the first models are there within seconds.")
        answer.questions = [f"Which columns matter for “{one.name}”?" for one in _likely_targets(table)]
    else:
        answer.say(f"Then train a model for “{table.target}”: its results say where it fails and what would help.")


def _no_results(question: Question, table: Table, answer: Composition) -> None:
    answer.say(
        "No model was trained on this table yet, so there are no results to speak of. “Train a model” makes some"
        " within the minute."
    )


_ANSWERS: dict[Kind, Callable[[Question, Table, Composition], None]] = {
    Kind.OVERVIEW: _overview,
    Kind.PROBLEMS: _problems,
    Kind.COLUMN: _column,
    Kind.DRIVERS: _drivers,
    Kind.PAIR: _pair,
    Kind.LEAKAGE: _family,
    Kind.MISSING: _family,
    Kind.DUPLICATES: _family,
    Kind.OUTLIERS: _family,
    Kind.NEXT: _next,
    Kind.QUALITY_OF_MODEL: _no_results,
    Kind.FAILURES: _no_results,
}


def _list(issues: Sequence[Finding], table: Table, answer: Composition, target: str | None = None) -> None:
    """The findings, and a fix among them as what is proposed."""
    answer.items([f"{issue.message} {_cite(issue, table, answer, target)}" for issue in issues[:MOST_LISTED]])
    if len(issues) > MOST_LISTED:
        answer.say(f"{number(len(issues) - MOST_LISTED)} more are on the tab “Quality”.")
    propose(issues, answer)


def _cite(issue: Finding, table: Table, answer: Composition, target: str | None = None) -> str:
    column = issue.columns[0] if len(issue.columns) == 1 else None
    return answer.fact(issue.message, column=column, link=table.place("quality", target or table.target))


def _likely_targets(table: Table) -> list[ColumnStats]:
    """What people predict: the last columns are it most often."""
    fit = [one for one in table.stats if one.role in (Role.BOOLEAN, Role.CATEGORICAL, Role.NUMERIC)]
    return fit[::-1][:3]


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _so_many(count: int, total: int) -> str:
    if count == total:
        return "it has" if total == 1 else "all have"
    return "none has" if count == 0 else f"{number(count)} {'has' if count == 1 else 'have'}"
