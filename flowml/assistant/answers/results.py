"""What FlowML answers about the results of a run: the parts of its explanation that are asked for."""

from dataclasses import replace

from flowml.assistant.answers.composing import OwnAnswer
from flowml.assistant.answers.understanding import Kind, Question
from flowml.assistant.sentences.explanation import Explanation, Section, Sentence
from flowml.assistant.sentences.results.judging import NONE
from flowml.assistant.sentences.results.metric_words import MEANINGS, TITLES

QUESTIONS = ("How good is the model?", "Where does it fail?", "Which columns matter?", "What should I do next?")

# Sections of an explanation, by what is asked.
_SECTIONS: dict[Kind, tuple[str, ...]] = {
    Kind.QUALITY_OF_MODEL: ("opening", "trusting"),
    Kind.FAILURES: ("failing",),
    Kind.DRIVERS: ("looking",),
    Kind.NEXT: ("advice",),
    Kind.PROBABILITIES: ("trusting",),
    Kind.METRIC: (),
    Kind.OVERVIEW: ("opening", "failing", "looking"),
}
_NOTHING = {
    Kind.FAILURES: "Nothing was found that it gets wrong more often than the rest.",
    Kind.NEXT: "There is nothing in particular that would make it better. It is ready to be tried on new rows.",
    Kind.DRIVERS: "Which columns it looks at is not known.",
    Kind.PROBABILITIES: "Whether its probabilities can be believed is not known of this model.",
}
_NOTHING_AT_ALL = "Nothing is known of that."


def is_about_results(question: Question, target: str) -> bool:
    """Whether the results of a run that predicts `target` answer it, rather than its table."""
    return question.kind in _SECTIONS and set(question.columns) <= {target}


def answer_about_results(question: Question, explanation: Explanation) -> OwnAnswer:
    """The sections that are asked for; of a run without a model the first there is."""
    if question.kind is Kind.METRIC:
        return _meaning(question.metric, explanation)
    wanted = [section for section in explanation.sections if section.key in _SECTIONS[question.kind]]
    if question.kind is Kind.PROBABILITIES:
        kept = [tuple(one for one in section.sentences if "probabilities" in one.text) for section in wanted]
        wanted = [replace(section, sentences=some) for section, some in zip(wanted, kept, strict=True) if some]
    is_none = explanation.verdict == NONE
    sections = wanted or (list(explanation.sections[:1]) if is_none else [])
    text = "\n\n".join(map(_paragraph, sections)) or _NOTHING.get(question.kind, _NOTHING_AT_ALL)
    cited = {fact for section in sections for sentence in section.sentences for fact in sentence.facts}
    asked = _SECTIONS[question.kind]
    others = [one for one, kind in zip(QUESTIONS, list(_SECTIONS)[:4], strict=True) if _SECTIONS[kind] != asked]
    return OwnAnswer(text, tuple(fact for fact in explanation.facts if fact.id in cited), None, tuple(others))


def _meaning(metric: str, explanation: Explanation) -> OwnAnswer:
    """What a score tells, and what it is of this model where it was trained for that."""
    title = TITLES[metric]
    text = f"{title[:1].upper()}{title[1:]}: {MEANINGS[metric]}. “It” is the model."
    facts = tuple(fact for fact in explanation.facts if f" reaches {title} " in fact.sentence)[:1]
    said = [text, *(f"{fact.sentence} [{fact.id}]" for fact in facts)]
    return OwnAnswer(" ".join(said), facts, None, QUESTIONS[:1])


def _paragraph(section: Section) -> str:
    lines = [" ".join([*sentence.text.split(), *_citation(sentence)]) for sentence in section.sentences]
    return "\n".join(f"- {line}" for line in lines) if section.is_list else " ".join(lines)


def _citation(sentence: Sentence) -> tuple[str, ...]:
    return (f"[{', '.join(sentence.facts)}]",) if sentence.facts else ()
