"""What FlowML answers about a table, from its statistics, its findings and its relations."""

from collections import Counter
from collections.abc import Callable, Sequence

from flowml.assistant.answers.changing import change
from flowml.assistant.answers.composing import Composition, OwnAnswer, listed
from flowml.assistant.answers.describing import gap, spread
from flowml.assistant.answers.proposing import propose
from flowml.assistant.answers.relating import drivers, leakage, pair, pair_sentence
from flowml.assistant.answers.subject import MOST_LISTED, Table, cite, list_findings
from flowml.assistant.answers.understanding import Kind, Question, understand
from flowml.domain.conversations import Chart, Proposal
from flowml.domain.datasets import Role, Severity
from flowml.domain.names import shown
from flowml.domain.wording import columns as named
from flowml.domain.wording import number, percent, plural, value

_SKEWED = 1.0
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
}


def answer_about_table(question: Question, table: Table) -> OwnAnswer:
    """Raises as what it has to find out does."""
    answer = Composition()
    meant = {column: said for said, column in reversed(question.taken)}
    if meant:
        taken = [f"“{shown(said)}” to mean “{shown(column)}”" for column, said in reversed(meant.items())]
        answer.say(f"I take {listed(taken)}.")
    _ANSWERS[question.kind](question, table, answer)
    if question.taken and answer.proposal is not None and answer.proposal.destroys:
        # Nothing goes for a word that may have meant something else.
        answer.proposal = None
    if not answer.questions:
        answer.questions = [one for one in ready_questions(table) if not _same(one, question)]
    return answer.answer()


def _same(asked: str, question: Question) -> bool:
    found = understand(asked, ())
    return found is not None and found.kind is question.kind


def ready_questions(table: Table) -> list[str]:
    """What can be asked about this table with a click."""
    asked = ["What is in this table?", "What is wrong with it?"]
    if table.target is not None and table.of(table.target).count:
        asked += [f"Which columns matter for “{table.target}”?", "Does a column give the answer away?"]
    gaps = max(table.stats, key=lambda column: column.missing, default=None)
    if gaps is not None and gaps.missing:
        asked.append("Where are values missing?")
    interesting = next((one for one in table.stats if one.role is Role.NUMERIC and one.name != table.target), None)
    if interesting is not None:
        asked.append(f"Tell me about “{interesting.name}”")
    return asked


def not_understood(
    questions: Sequence[str], *, about_results: bool, has_table: bool, unknown: Sequence[str] = ()
) -> OwnAnswer:
    """Says so, and what can be asked. `unknown`: what was named as a column would be, and is none."""
    answer = Composition()
    if unknown:
        answer.say(
            f"There is no column {listed([f'“{shown(name)}”' for name in unknown[:MOST_LISTED]])} in this table."
        )
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
    told = answer.fact(f"{size}: {', '.join(kinds)}.", link=table.place("columns"))
    answer.say(f"{size}: {listed(kinds)}. {told}")
    cells = max(1, dataset.n_rows * dataset.n_columns)
    missing = sum(column.missing for column in stats)
    if missing:
        empty = f"{plural(missing, 'cell')} ({percent(missing / cells)}) {'is' if missing == 1 else 'are'} empty"
        most = max(stats, key=lambda column: column.missing)
        where = f", {'it is' if missing == 1 else 'most of them'} in “{most.name}”" if len(stats) > 1 else ""
        told = answer.fact(gap(most), column=most.name, link=table.place("columns"))
        answer.say(f"{empty}{where}: {percent(most.missing_share)} of its values. {told}")
    else:
        told = answer.fact("No cell is empty.", link=table.place("columns"))
        answer.say(f"No cell is empty. {told}")
    _findings_in_brief(table, answer)
    target = table.target
    if target is not None and table.of(target).count:
        answer.questions = [f"Which columns matter for “{target}”?"]
    answer.questions += [one for one in ready_questions(table) if one not in answer.questions][1:]


def _findings_in_brief(table: Table, answer: Composition) -> None:
    issues = table.quality(table.target).issues
    grave = [issue for issue in issues if issue.severity is not Severity.INFO]
    if not issues:
        answer.say("Nothing was found that should be mended before training.")
    elif grave:
        new = next((issue for issue in grave if not answer.has(issue.message)), None)
        first = "." if new is None else f"; the first: {new.message} {cite(new, table, answer)}"
        answer.say(f"{plural(len(grave), 'finding')} should be looked at{first}")
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
        f"{plural(len(issues), 'finding')}{about}{', the worst first' if len(issues) > 1 else ''};"
        f" {_so_many(mended, len(issues))} a fix that FlowML can show you."
    )
    list_findings(issues, table, answer)


def _family(question: Question, table: Table, answer: Composition) -> None:
    """What was found of one kind."""
    target = table.target
    wanted = _FAMILIES[question.kind]
    issues = [issue for issue in table.quality(target).issues if issue.code.startswith(wanted)]
    fixes = issues
    if question.columns:
        issues = [issue for issue in issues if set(question.columns) & set(issue.columns)]
    if question.kind is Kind.MISSING:
        _gaps(question, table, answer)
        # What is said of single columns is in the list of gaps.
        fixes, issues = issues, [issue for issue in issues if issue.code not in ("missing-values", "high-missing")]
    if not issues:
        if question.kind is not Kind.MISSING:
            answer.say(_NOTHING[question.kind].format(about=_about(question)))
        propose(fixes, answer)
        return
    if question.kind is not Kind.MISSING:
        answer.say(f"Yes, {plural(len(issues), 'finding')}:" if len(issues) > 1 else "Yes:")
    list_findings(issues, table, answer, target)
    propose(fixes, answer)


_NOTHING = {
    Kind.DUPLICATES: "No row and no column repeats another one.",
    Kind.OUTLIERS: "No values were found{about} that lie far outside of the others or cannot be.",
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
    told = answer.fact(f"{role}{reason}.", column=name, link=link)
    rows = f"{plural(column.count, 'row')} that {'has' if column.count == 1 else 'have'} one"
    different = (
        f"It has {plural(column.n_unique, 'different value')} in {rows}." if column.count else "It has no value."
    )
    answer.say(f"{role}{reason}. {told}", different + ("" if column.missing else " None is missing."))
    if column.missing:
        answer.say(f"{gap(column)} {answer.fact(gap(column), column=name, link=link)}")
    if values := spread(column):
        answer.say(f"{values} {answer.fact(values, column=name, link=link)}")
    _issues_of(name, table, answer)
    if table.target is not None and table.target != name and table.of(table.target).count:
        pair_sentence(name, table.target, table, answer)
    answer.proposal = answer.proposal if not question.drawn and answer.proposal else Proposal(chart=Chart(name))
    others = [f"What is wrong with “{name}”?"] if table.target == name else [f"Which columns go with “{name}”?"]
    if table.target is not None and table.target != name:
        others = [f"How are “{name}” and “{table.target}” related?"]
    answer.questions = [*others, *(one for one in ready_questions(table) if f"“{name}”" not in one)]


def _issues_of(name: str, table: Table, answer: Composition) -> None:
    issues = [issue for issue in table.quality(table.target).issues if name in issue.columns]
    if issues:
        list_findings(issues, table, answer)


def _next(question: Question, table: Table, answer: Composition) -> None:
    issues = table.quality(table.target).issues
    mended = [issue for issue in issues if issue.operations and issue.severity is not Severity.INFO]
    if mended:
        answer.say(
            f"Mend first what would mislead a model: {plural(len(mended), 'finding')} with a fix that is shown"
            " before it is done."
        )
        list_findings(mended, table, answer)
    else:
        answer.say("The table needs no mending before training.")
    if table.target is None:
        answer.say("Then choose what to predict, and train: the first models are there within seconds.")
        answer.questions = [f"Which columns matter for “{one.name}”?" for one in table.likely_targets()]
    else:
        answer.say(f"Then train a model for “{table.target}”: its results say where it fails and what would help.")


def _skew(question: Question, table: Table, answer: Composition) -> None:
    answer.say(
        "Skewness says how far values lean to one side: 0 is not at all; above 1 there is a long tail of large values,"
        " below −1 one of small values."
    )
    numbers = [one for one in table.stats if one.skewness is not None and one.role is Role.NUMERIC]
    asked = [one for one in numbers if one.name in question.columns] if question.columns else numbers
    tailed = sorted(
        (one for one in asked if abs(one.skewness or 0) >= _SKEWED), key=lambda one: -abs(one.skewness or 0)
    )
    told = asked if question.columns else tailed
    if not told:
        answer.say(
            f"It is not known{_about(question)}." if question.columns else "No column of numbers has such a tail."
        )
        return
    answer.items(
        [
            f"{line} {answer.fact(line, column=one.name, link=table.place('columns'))}"
            for one in told[:MOST_LISTED]
            for line in [f"“{shown(one.name)}” {_leans(one.skewness or 0)}."]
        ]
    )
    if len(told) > MOST_LISTED:
        answer.say(f"{plural(len(told) - MOST_LISTED, 'more column')} have such a tail.")
    answer.proposal = Proposal(chart=Chart(told[0].name))


def _leans(skewness: float) -> str:
    size = f"skewness {number(round(skewness, 1))}"
    if abs(skewness) < _SKEWED:
        return f"has no long tail: {size}"
    return f"has a long tail of {'large' if skewness > 0 else 'small'} values: {size}"


def _balance(question: Question, table: Table, answer: Composition) -> None:
    name = next(iter(question.columns), table.target)
    if name is None:
        answer.say("That is about the classes of what is to be predicted. Which column is it?")
        answer.questions = [f"Is “{one.name}” balanced?" for one in table.likely_targets()]
        return
    column = table.of(name)
    if column.role not in (Role.CATEGORICAL, Role.BOOLEAN) or not column.top:
        answer.say(f"“{name}” has no classes that could be balanced.")
        answer.questions = [f"Tell me about “{name}”"]
        return
    shares = [f"{value(item.value)}: {percent(item.count / column.count)}" for item in column.top[:MOST_LISTED]]
    most = column.top[0]
    line = f"“{name}” is most often {value(most.value)}: {percent(most.count / column.count)} of the rows"
    told = answer.fact(f"{line}.", column=name, link=table.place("columns"))
    answer.say(f"{line}; {listed(shares[1:])}. {told}" if shares[1:] else f"{line}. {told}")
    if len(column.top) > 1 and column.n_unique <= len(column.top):
        times = most.count / max(1, column.top[-1].count)
        answer.say(
            f"The most frequent class has {number(round(times, 1))} times as many rows as the rarest one."
            if times >= 1.5
            else "Its classes are about as frequent as each other."
        )
    answer.say("A model that only says the most frequent class is right that often: look for one that does better.")
    answer.proposal = Proposal(chart=Chart(name))


def _targets(question: Question, table: Table, answer: Composition) -> None:
    likely = table.likely_targets()
    if not likely:
        answer.say("There is no column of numbers or classes that could be predicted.")
        return
    answer.say(
        "Any column of numbers or classes can be predicted from the others. What people mean is often the last one:"
    )
    answer.items(
        [
            f"{line} {answer.fact(f'{line}.', column=one.name, link=table.place('columns'))}"
            for one in likely
            for line in [f"“{shown(one.name)}”, {_a(_ROLES[one.role][0])}"]
        ]
    )
    answer.questions = [f"Which columns matter for “{one.name}”?" for one in likely]


def _no_results(question: Question, table: Table, answer: Composition) -> None:
    answer.say(
        "No model was trained on this table yet, so there are no results to speak of. “Train a model” makes some"
        " within the minute."
    )


_ANSWERS: dict[Kind, Callable[[Question, Table, Composition], None]] = {
    Kind.OVERVIEW: _overview,
    Kind.PROBLEMS: _problems,
    Kind.COLUMN: _column,
    Kind.DRIVERS: drivers,
    Kind.PAIR: pair,
    Kind.GROUPS: pair,
    Kind.LEAKAGE: leakage,
    Kind.SKEW: _skew,
    Kind.BALANCE: _balance,
    Kind.TARGETS: _targets,
    Kind.CHANGE: change,
    Kind.MISSING: _family,
    Kind.DUPLICATES: _family,
    Kind.OUTLIERS: _family,
    Kind.NEXT: _next,
    Kind.QUALITY_OF_MODEL: _no_results,
    Kind.FAILURES: _no_results,
    Kind.PROBABILITIES: _no_results,
    Kind.METRIC: _no_results,
}


def _a(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _so_many(count: int, total: int) -> str:
    if count == total:
        return "it has" if total == 1 else "all have"
    return "none has" if count == 0 else f"{number(count)} {'has' if count == 1 else 'have'}"
