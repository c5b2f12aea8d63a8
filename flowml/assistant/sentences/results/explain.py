"""The explanation of a run's results, or of one model, without any language model."""

from flowml.assistant.sentences.explanation import Explanation, Section
from flowml.assistant.sentences.results.advice import advice
from flowml.assistant.sentences.results.facts import facts_of
from flowml.assistant.sentences.results.failing import failing
from flowml.assistant.sentences.results.findings import Findings
from flowml.assistant.sentences.results.judging import NONE, verdict
from flowml.assistant.sentences.results.looking import looking
from flowml.assistant.sentences.results.opening import opening
from flowml.assistant.sentences.results.trusting import trusting


def explain(findings: Findings) -> Explanation:
    """A few short paragraphs for somebody without training in machine learning."""
    facts, judged = facts_of(findings), verdict(findings)
    sections = [Section("opening", "How good it is", tuple(opening(findings, judged, facts)))]
    if judged != NONE:
        sections += [
            Section("failing", "Where it fails", tuple(failing(findings, judged, facts))),
            Section("looking", "What it looks at", tuple(looking(findings, judged, facts))),
            Section("trusting", "How far to trust it", tuple(trusting(findings, judged, facts))),
        ]
    sections.append(Section("advice", "What to try next", tuple(advice(findings, judged, facts)), is_list=True))
    return Explanation(judged, tuple(section for section in sections if section.sentences), facts.all())
